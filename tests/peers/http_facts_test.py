#!/usr/bin/env python3
"""Goal: API, `barid queue show`, log and events tell the same of each recipient, whatever became of it:
delivered, deferred, bounced, suppressed, expired, canceled.
Method: the real program, a sink that answers by recipient; each source is asked for itself.
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

STATUS = {"delivered": "sent", "bounced": "bounced", "failed": "deferred"}  # what the last attempt was logged as


class FactsApi(HttpApi):
    options = {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s"}

    def setUp(self):
        super().setUp()
        self.out.script = self.answer

    @staticmethod
    def answer(stage, argument, session):
        if stage == "rcpt" and argument.startswith("bad"):
            return "550 5.1.1 no such user"
        if stage == "rcpt" and argument.startswith("later"):
            return "451 4.3.0 not now"
        return None

    def send(self, name, **fields):
        status, answer, _ = self.post({**PLAIN, "to": f"{name}@sink.example", **fields})
        self.assertEqual(status, 200, answer)
        return answer["id"]

    def by_api(self, email_id, state):
        def reached():
            shown = self.ask("GET", f"/emails/{email_id}")[1]
            return shown["recipients"][0]["state"] == state and shown
        shown = wait_until(reached, f"{email_id} is {state}")
        return shown, shown["recipients"][0]

    def queue_show(self, queue_id):
        done = subprocess.run([BARID, "queue", "-c", str(self.server.directory), "show", queue_id], capture_output=True,
                              text=True, timeout=PATIENCE)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def gone(self, queue_id):
        """What `barid queue show` says once the message has left the queue."""
        return wait_until(lambda: (s := self.queue_show(queue_id)) and s.get("object") == "email" and s,
                          f"{queue_id} is gone from the queue, and shown")

    def events(self, email_id):
        return [e for e in self.ask("GET", "/events?limit=1000")[1]["data"] if e["data"].get("email_id") == email_id]

    def event(self, email_id, kind):
        return wait_until(lambda: [e["data"] for e in self.events(email_id) if e["type"] == kind], kind)[0]

    def logged(self, queue_id, address, status):
        return self.server.wait_log(rf"{queue_id}: to=<{address}>, .*dsn=(\S+), status={status} \((.*)\)$")[0]

    def check_final(self, email_id, state, kind, address):
        shown, one = self.by_api(email_id, state)
        self.assertEqual(one["email"], address)
        past = self.gone(one["queue_id"])
        self.assertEqual(past["id"], email_id)
        self.assertEqual(past["recipients"], self.ask("GET", f"/emails/{email_id}")[1]["recipients"])
        self.assertEqual((past["from"], past["subject"]), (shown["from"], shown["subject"]))
        data = self.event(email_id, kind)
        self.assertEqual((data["recipient"], data["queue_id"], data["attempts"]),
                         (address, one["queue_id"], one["attempts"]))
        if state in STATUS:
            text = self.logged(one["queue_id"], address, STATUS[state])[1]
            self.assertIn(one["last_reply"], text)
            self.assertEqual(data["reply"], one["last_reply"])
        return one


class Facts(FactsApi):
    def test_delivered(self):
        one = self.check_final(self.send("ok"), "delivered", "email.delivered", "ok@sink.example")
        self.assertEqual((one["attempts"], one["next_attempt"]), (1, None))

    def test_bounced(self):
        one = self.check_final(self.send("bad"), "bounced", "email.bounced", "bad@sink.example")
        self.assertIn("550 5.1.1 no such user", one["last_reply"])

    def test_expired(self):
        email_id = self.send("later", expires_at="in 3 sec")
        one = self.check_final(email_id, "failed", "email.failed", "later@sink.example")
        self.assertGreaterEqual(one["attempts"], 1)
        self.server.wait_log(rf"{one['queue_id']}: from=<ann@client.example>, status=expired, returned to sender")

    def test_suppressed(self):
        self.assertEqual(self.post({"email": "no@sink.example"}, "/suppressions")[0], 200)
        email_id = self.send("no")
        _, one = self.by_api(email_id, "suppressed")
        self.assertEqual(self.gone(one["queue_id"])["recipients"][0]["state"], "suppressed")
        dsn, text = self.logged(one["queue_id"], "no@sink.example", "bounced")
        self.assertEqual((dsn, text, one["last_reply"]), ("5.7.1", "on the suppression list", "on the suppression list"))
        data = self.event(email_id, "email.suppressed")
        self.assertEqual((data["recipient"], one["attempts"]), ("no@sink.example", 0))
        # Beside one who gets mail: the message of the other.
        both = self.send("yes", cc="no@sink.example")
        wait_until(lambda: {r["email"]: r["state"] for r in self.ask("GET", f"/emails/{both}")[1]["recipients"]} == {
            "yes@sink.example": "delivered", "no@sink.example": "suppressed"}, "both states")
        queue_id = self.ask("GET", f"/emails/{both}")[1]["recipients"][0]["queue_id"]
        self.logged(queue_id, "yes@sink.example", "sent")
        self.logged(queue_id, "no@sink.example", "bounced")

    def test_canceled(self):
        email_id = self.send("never", scheduled_at="in 1 hour")
        _, one = self.by_api(email_id, "scheduled")
        shown = self.queue_show(one["queue_id"])
        self.assertEqual((shown["queue_name"], shown["attempts"], shown["email_id"]), ("incoming", 0, email_id))
        self.assertEqual(self.ask("POST", f"/emails/{email_id}/cancel", {})[0], 200)
        _, one = self.by_api(email_id, "canceled")
        self.assertEqual(self.gone(one["queue_id"])["recipients"][0]["state"], "canceled")
        self.server.wait_log(rf"{one['queue_id']}: removed")
        self.assertEqual(self.server.log_matches(rf"{one['queue_id']}: to="), [])  # never tried, nor returned
        self.event(email_id, "email.scheduled")
        self.assertEqual([e["type"] for e in self.events(email_id)], ["email.scheduled"])

    def test_every_copy_is_found_by_its_queue_id(self):
        email_id = self.post({"from": "ann@client.example", "subject": "Hi {{name}}", "text": "x", "recipients": [
            {"email": f"r{i}@sink.example", "name": f"R{i}"} for i in range(5)]})[1]["id"]
        shown = self.wait_state(email_id, "delivered")
        ids = [r["queue_id"] for r in shown["recipients"]]
        self.assertEqual(len(set(ids)), 5)
        for queue_id in ids:
            self.assertEqual(self.gone(queue_id)["id"], email_id)
        other = ids[0][:-3] + ("abc" if not ids[0].endswith("abc") else "abd")
        self.assertIsNone(self.queue_show(other))
        self.assertTrue(re.fullmatch(r"[0-9A-Za-z]{12}", ids[0]))


class Waiting(FactsApi):
    options = {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}

    def test_deferred(self):
        email_id = self.send("later")
        _, one = self.by_api(email_id, "deferred")
        shown = self.queue_show(one["queue_id"])
        self.assertEqual((shown["queue_name"], shown["email_id"], shown["attempts"]),
                         ("deferred", email_id, one["attempts"]))
        self.assertEqual(shown["recipients"], [{"address": "later@sink.example", "delay_reason": one["last_reply"]}])
        self.assertRegex(one["next_attempt"], r"^\d{4}-")
        dsn, text = self.logged(one["queue_id"], "later@sink.example", "deferred")
        self.assertEqual((dsn, shown["all_recipients"][0]["dsn"]), ("4.3.0", "4.3.0"))
        self.assertIn(one["last_reply"], text)
        data = self.event(email_id, "email.delivery_delayed")
        self.assertEqual((data["recipient"], data["reply"], data["attempts"]),
                         ("later@sink.example", one["last_reply"], one["attempts"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
