#!/usr/bin/env python3
"""Goal: the log of real, mixed deliveries counts as what was sent: in pflogsumm, and as JSON.
Method: the real program with a scripted sink that takes, defers and refuses; a second one that relays
for nobody; the totals against what the test did.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario  # noqa: E402

BODY = b"Subject: x\r\nMessage-ID: <a@b>\r\n\r\n" + b"x" * 1000 + b"\r\n"
TAKEN, MIXED, REFUSED, REJECTED = 10, 4, 3, 5
NOTICES = REFUSED
TOTALS = {
    "received": TAKEN + MIXED + REFUSED + 1,
    "delivered": TAKEN + MIXED + NOTICES,
    "deferred": MIXED,
    "bounced": REFUSED + 1,
    "rejected": REJECTED,
    "recipients": TAKEN + 1 + 1,  # those served: one a message, ok@mixed, and the sender of the refused
}


def sink_script(stage, argument, _session):
    if stage == "rcpt" and argument.startswith("defer"):
        return "451 4.3.0 later"
    if stage == "rcpt" and argument.startswith("refuse"):
        return "550 5.1.1 no such user"
    return None


class Log(Scenario):
    def run_mail(self, **main):
        """Both servers' log of the mail above."""
        sink = self.sink(sink_script)
        server = self.barid(relayhost=sink.relayhost, minimal_backoff_time="1h",
                            maximal_backoff_time="1h", **main)
        with RawClient(server.port) as client:
            for n in range(TAKEN):
                client.submit(BODY, sender=f"s{n % 3}@a.example", recipients=[f"ok{n}@taken.example"])
            for n in range(MIXED):
                client.submit(BODY, recipients=["ok@mixed.example", f"defer{n}@mixed.example"])
            for n in range(REFUSED):
                client.submit(BODY, recipients=[f"refuse{n}@refused.example"])
            client.submit(BODY, sender="", recipients=["refuse@refused.example"])
        server.wait_queue(lambda q: len(q) == MIXED and all(e["queue_name"] == "deferred" for e in q),
                          "only deferred mail")
        closed = self.barid("closed", mynetworks="127.0.0.9/32", **main)
        with RawClient(closed.port) as client:
            client.command("MAIL FROM:<a@b.example>", 250)
            for n in range(REJECTED):
                self.assertIn(client.command(f"RCPT TO:<a{n}@c.example>")[0], (454, 554))
        self.assertEqual((server.stop(), closed.stop()), (0, 0))
        return server.log() + closed.log()

    def test_pflogsumm(self):
        pflogsumm = self.need("pflogsumm", "pflogsumm")
        report = subprocess.run([pflogsumm, "--smtpd_stats"], input=self.run_mail().encode(), check=True,
                                capture_output=True).stdout.decode()
        for name, want in TOTALS.items():
            found = re.search(rf"^ *(\d+k?) +{name}\b", report, re.MULTILINE)
            self.assertEqual(found and found.group(1), str(want), name)

    def test_json(self):
        objects = [json.loads(line) for line in self.run_mail(log_format="json").splitlines()]
        counts = collections.Counter((o["event"], o.get("status")) for o in objects)
        self.assertEqual(counts["smtpd_client", None], TOTALS["received"])
        self.assertEqual(counts["delivery", "sent"], TOTALS["delivered"])
        self.assertEqual(counts["delivery", "deferred"], TOTALS["deferred"])
        self.assertEqual(counts["delivery", "bounced"], TOTALS["bounced"])
        self.assertEqual(counts["smtpd_verdict", None], TOTALS["rejected"])
        self.assertEqual(counts["bounce_notification", None], NOTICES)
        self.assertTrue(all(o["pid"] > 0 for o in objects))


if __name__ == "__main__":
    unittest.main()
