#!/usr/bin/env python3
"""Goal: who bounced for good, or was named, gets no mail of that tenant; API, npm client, commands and
restarts agree on who that is; bounces have a class in event, log and metrics.
Method: the real program with two tenants, a scripted sink, npm's resend.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, wait_until  # noqa: E402
from http_harness import NODE_DIRECTORY, PLAIN, HttpApi, has_packages  # noqa: E402

ONE, TWO = {"authorization": "Bearer re_one"}, {"authorization": "Bearer re_two"}


class Suppressions(HttpApi):
    def setUp(self):
        digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("re_one", "re_two")}
        self.options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=admin} {%s = tenant=two scopes=admin} }"
                        % (digest["re_one"], digest["re_two"])}
        super().setUp()
        self.out.script = self.answer

    @staticmethod
    def answer(stage, argument, session):
        if stage == "rcpt" and argument.startswith("bad"):
            return "550 5.1.1 no such user"
        if stage == "rcpt" and argument.startswith("full"):
            return "552 5.2.2 mailbox full"
        return None

    def shown(self, email_id, state, key):
        def reached():
            shown = self.ask("GET", f"/emails/{email_id}", **key)[1]
            states = {r["email"]: r["state"] for r in shown.get("recipients", [])}
            return (states if state in states.values() else None) and shown
        return wait_until(reached, f"{email_id} has a {state}")

    def events(self, key, kind, count=1):
        def there():
            found = [e for e in self.ask("GET", "/events?limit=1000", **key)[1]["data"] if e["type"] == kind]
            return len(found) >= count and found
        return wait_until(there, f"{count} {kind}")

    def command(self, *words, **options):
        return subprocess.run([BARID, "suppressions", "-c", str(self.server.directory), *words], capture_output=True,
                              text=True, timeout=30, **options)

    def test_hard_bounces_are_suppressed(self):
        bad = self.post({**PLAIN, "to": ["bad@sink.example", "full@sink.example", "bob@sink.example"]}, **ONE)[1]["id"]
        self.shown(bad, "bounced", ONE)
        bounces = {e["data"]["recipient"]: e["data"]["bounce"] for e in self.events(ONE, "email.bounced", 2)}
        self.assertEqual([bounces["bad@sink.example"][k] for k in ("type", "subType", "class")],
                         ["Permanent", "NoEmail", "invalid_recipient"])
        self.assertIn("550 5.1.1 no such user", bounces["bad@sink.example"]["diagnostic"])
        self.assertEqual([bounces["full@sink.example"][k] for k in ("type", "subType", "class")],
                         ["Transient", "MailboxFull", "mailbox_full"])
        self.server.wait_log("bounce class invalid_recipient .*<bad@sink.example>")
        self.assertRegex(self.ask("GET", "/metrics")[1], r'barid_bounces_total\{class="mailbox_full",shard="\d"\} 1')
        added = self.events(ONE, "suppression.added")[0]["data"]
        self.assertEqual((added["email"], added["origin"], added["source_id"]), ("bad@sink.example", "bounce", bad))
        taken = len(self.out.messages)
        again = self.post({**PLAIN, "to": ["Bad@sink.example", "bob@sink.example"]}, **ONE)[1]["id"]
        shown = self.shown(again, "delivered", ONE)
        self.assertEqual({r["email"]: r["state"] for r in shown["recipients"]},
                         {"Bad@sink.example": "suppressed", "bob@sink.example": "delivered"})
        self.assertEqual([r["attempts"] for r in shown["recipients"] if r["state"] == "suppressed"], [0])
        self.assertEqual([m.recipients for m in self.out.messages[taken:]], [["bob@sink.example"]])
        event = self.events(ONE, "email.suppressed")[0]["data"]
        self.assertEqual((event["recipient"], event["email_id"]), ("Bad@sink.example", again))
        other = self.post({**PLAIN, "to": "bad@sink.example"}, **TWO)[1]["id"]
        self.shown(other, "bounced", TWO)  # it was tried: the list is the tenant's own

    def test_all_suppressed_and_restart(self):
        self.assertEqual(self.ask("POST", "/suppressions", {"email": "bob@sink.example"}, **ONE)[0], 200)
        self.server.kill()
        self.start()
        alone = self.post(PLAIN, **ONE)[1]["id"]
        shown = self.ask("GET", f"/emails/{alone}", **ONE)[1]
        self.assertEqual((shown["last_event"], shown["recipients"][0]["state"]), ("suppressed", "suppressed"))
        merged = self.post({"from": "ann@client.example", "subject": "s", "text": "t", "recipients": [
            {"email": "bob@sink.example"}, {"email": "eve@sink.example"}]}, **ONE)[1]["id"]
        self.shown(merged, "delivered", ONE)
        status, answer, _ = self.post([PLAIN, {**PLAIN, "to": "joe@sink.example"}], "/emails/batch", **ONE)
        self.assertEqual((status, len(answer["data"])), (200, 2))
        self.shown(answer["data"][1]["id"], "delivered", ONE)
        self.server.wait_queue()
        self.assertEqual(sorted(m.recipients for m in self.out.messages), [["eve@sink.example"], ["joe@sink.example"]])

    def test_mail_that_waited_is_compared_again(self):
        """Scheduled and deferred mail, and what comes by SMTP, at the time of the attempt."""
        scheduled = self.post({**PLAIN, "to": ["joe@sink.example", "bob@sink.example"], "scheduled_at": "in 3 sec"},
                              **ONE)[1]["id"]
        later = {"value": True}
        self.out.script = lambda stage, argument, session: \
            "451 4.3.0 not yet" if stage == "rcpt" and argument.startswith("later") and later["value"] else None
        deferred = self.post({**PLAIN, "to": "later@sink.example"}, **ONE)[1]["id"]
        self.shown(deferred, "deferred", ONE)
        added = [{"email": name} for name in ("joe@sink.example", "later@sink.example", "smtp@sink.example")]
        for one in added:
            self.assertEqual(self.ask("POST", "/suppressions", one, **ONE)[0], 200)
        later["value"] = False
        self.assertEqual(self.ask("POST", "/admin/v1/queue/flush?domain=sink.example")[0], 200)
        self.shown(deferred, "suppressed", ONE)
        shown = self.shown(scheduled, "delivered", ONE)
        self.assertEqual({r["email"]: (r["state"], r["attempts"]) for r in shown["recipients"]},
                         {"joe@sink.example": ("suppressed", 0), "bob@sink.example": ("delivered", 1)})
        events = {e["data"]["recipient"]: e["data"] for e in self.events(ONE, "email.suppressed", 2)}
        self.assertEqual(set(events), {"joe@sink.example", "later@sink.example"})
        self.assertEqual(events["joe@sink.example"]["suppressed"]["type"], "OnAccountSuppressionList")
        self.server.wait_queue()
        self.assertEqual([m.recipients for m in self.out.messages], [["bob@sink.example"]])
        self.server.expect_log("to=<joe@sink.example>, relay=none, .*status=bounced .on the suppression list.")

    def test_npm_client(self):
        if not has_packages(NODE_DIRECTORY, "resend"):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        done = subprocess.run([self.need("node", "nodejs"), "suppressions.js"], cwd=NODE_DIRECTORY, capture_output=True,
                              text=True, timeout=60, env={
                                  **os.environ, "RESEND_BASE_URL": f"http://127.0.0.1:{self.http_port}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = {step["step"]: step for step in map(json.loads, done.stdout.splitlines())}
        added = steps["add"]["data"]
        self.assertEqual(added["object"], "suppression")
        self.assertEqual(steps["add again"]["data"], added)
        self.assertEqual([s["object"] for s in steps["batch add"]["data"]["data"]], ["suppression"] * 2)
        got = steps["get"]["data"]
        self.assertEqual({k: got[k] for k in ("object", "id", "email", "origin", "source_id")},
                         {"object": "suppression", "id": added["id"], "email": "steve@example.com",
                          "origin": "manual", "source_id": None})
        self.assertEqual(steps["get by id"]["data"], got)
        self.assertEqual([s["email"] for s in steps["list"]["data"]["data"]],
                         ["c@example.com", "b@example.com", "steve@example.com"])
        self.assertEqual((steps["list"]["data"]["object"], steps["list"]["data"]["has_more"]), ("list", False))
        self.assertEqual(steps["remove"]["data"], {"object": "suppression", "id": added["id"], "deleted": True})
        self.assertEqual(len(steps["batch remove"]["data"]["data"]), 2)
        self.assertEqual(steps["gone"]["error"]["name"], "not_found")
        self.assertEqual(steps["bad"]["error"]["name"], "validation_error")
        self.assertEqual(steps["missing"]["error"]["name"], "missing_required_field")

    def test_commands(self):
        self.assertEqual(self.command("add", "--tenant", "one", "Joe@Example.net", "eve@example.net").returncode, 0)
        self.assertEqual(self.command("export", "--tenant", "one").stdout.split(),
                         ["eve@example.net", "joe@example.net"])
        self.assertEqual(self.command("export", "--tenant", "two").stdout, "")
        listing = self.command("list", "--tenant", "one", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["origin"] for line in listing], ["manual", "manual"])
        self.assertEqual(self.command("remove", "--tenant", "one", "joe@example.net").returncode, 0)
        lines = "email,reason\n" + "".join(f"u{i}@example.net,bounce\n" for i in range(50)) + "# none\n"
        done = self.command("import", "--tenant", "two", "-", input=lines)
        self.assertEqual((done.returncode, "50 addresses" in done.stderr), (0, True))
        self.assertEqual(len(self.command("export", "--tenant", "two").stdout.split()), 50)
        self.assertEqual(self.ask("GET", "/suppressions?limit=10", **TWO)[1]["has_more"], True)
        self.assertEqual(self.command("add", "--tenant", "one", "nobody").returncode, 65)
        self.server.stop()
        self.assertEqual(self.command("list").returncode, 69)


if __name__ == "__main__":
    unittest.main(verbosity=2)
