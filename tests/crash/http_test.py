#!/usr/bin/env python3
"""Goal: kill -9 between a request over HTTP and its answer loses no accepted email, and who asks again
with the same Idempotency-Key makes no second one; a change of a scheduled email is made or not made; no
event is lost on its way to a webhook.
Method: clients that post without pause, a server that is killed at random moments; then every key is
asked again, mail is let go, and every email must have been made once. CRASH_SEED replays the moments.
"""

import concurrent.futures
import datetime
import email
import http.client
import os
import pathlib
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi, WebhookReceiver  # noqa: E402

ROUNDS, CLIENTS = 8, 12
LOST = (OSError, http.client.HTTPException)


class HttpKill(HttpApi):
    options = {"shard_count": "2"}

    def setUp(self):
        self.letting_go = threading.Event()
        super().setUp()
        self.out.script = lambda stage, argument, session: \
            None if self.letting_go.is_set() or stage != "mail" else "451 4.3.0 not yet"
        seed = int(os.environ.get("CRASH_SEED", random.randrange(1 << 30)))
        print(f"CRASH_SEED={seed}", file=sys.stderr)
        self.dice = random.Random(seed)

    def strike(self, low=0.02, high=0.3):
        moment = time.monotonic() + self.dice.uniform(low, high)
        wait_until(lambda: time.monotonic() >= moment, "the moment", every=0.002)
        self.server.kill()

    def try_post(self, key):
        try:
            status, answer, _ = self.post({**PLAIN, "subject": key}, idempotency_key=key)
        except LOST:
            return None
        return answer["id"] if status == 200 else None

    def test_requests(self):
        answers, stop = {}, threading.Event()  # key: the ids that were answered

        def client(number, round_number):
            for count in range(100_000):
                if stop.is_set():
                    return
                key = f"k{round_number}-{number}-{count}"
                answers[key] = {self.try_post(key)} - {None}
                if not answers[key]:
                    return

        for round_number in range(ROUNDS):
            stop.clear()
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                running = [pool.submit(client, number, round_number) for number in range(CLIENTS)]
                self.strike()
                stop.set()
                for one in running:
                    one.result()
            self.start()
        for key, ids in answers.items():
            again = wait_until(lambda key=key: self.try_post(key), f"{key} is answered")
            ids.add(again)
            self.assertEqual(len(ids), 1, f"a repeated {key} made a second email")
        self.assertGreater(len(answers), ROUNDS * CLIENTS)
        self.letting_go.set()
        self.assertEqual(self.server.stop(), 0)
        self.server.main.update(minimal_backoff_time="1s", maximal_backoff_time="1s")
        self.server.configure()
        self.start()
        self.assertEqual(self.ask("POST", "/admin/v1/queue/flush?all=true")[0], 200)
        arrived = wait_until(lambda: len(found := self.arrived()) >= len(answers) and found, "all mail", seconds=60)
        self.assertEqual({key: ids for key, ids in answers.items()}, arrived)

    def arrived(self):
        """Subject: the ids in Message-ID, of everything that the sink has taken."""
        seen = {}
        for message in list(self.out.messages):
            fields = email.message_from_bytes(message.content)
            seen.setdefault(fields["subject"], set()).add(fields["message-id"].strip("<>").split("@")[0])
        return seen

    def test_changes_of_scheduled_mail(self):
        """Told or not, a PATCH or a cancel is made as a whole or not at all, and what was told stays."""
        self.letting_go.set()
        moments = {}  # id: the times that it may have, the first one was stored
        for round_number in range(4):
            ids = [self.post({**PLAIN, "subject": f"s{n}", "scheduled_at": "in 1 hour"})[1]["id"] for n in range(40)]
            for one in ids:
                moments[one] = [self.ask("GET", f"/emails/{one}")[1]["scheduled_at"]]
            told = {}

            def change(number, one):
                soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1 + number % 9))
                moment = soon.strftime("%Y-%m-%dT%H:%M:%S.000Z")
                cancels = number % 2 == 0
                if not cancels:
                    moments[one].append(moment)
                try:
                    answer = self.post({}, f"/emails/{one}/cancel") if cancels else \
                        self.ask("PATCH", f"/emails/{one}", {"scheduled_at": moment})
                    told[one] = (answer[0], "canceled" if cancels else moment)
                except LOST:
                    told[one] = (None, None)

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                running = [pool.submit(change, number, one) for number, one in enumerate(ids)]
                self.strike(0.0, 0.05)
                for one in running:
                    one.result()
            self.start()
            for one in ids:
                shown = wait_until(lambda one=one: self.ask("GET", f"/emails/{one}")[1], "its state")
                self.assertIn(shown["last_event"], ("scheduled", "canceled"))
                status, what = told[one]
                if status == 200:
                    self.assertEqual(what, "canceled" if shown["last_event"] == "canceled" else shown["scheduled_at"])
                elif shown["last_event"] == "scheduled":
                    self.assertIn(shown["scheduled_at"], moments[one])
        for one in moments:
            if self.ask("GET", f"/emails/{one}")[1]["last_event"] == "scheduled":
                self.assertEqual(self.post({}, f"/emails/{one}/cancel")[0], 200)
        self.server.wait_queue()
        self.assertEqual(self.out.messages, [])


class WebhookKill(HttpApi):
    options = {"shard_count": "2", "webhook_private_networks": "127.0.0.0/8", "webhook_retry_schedule": "1s 1s 1s"}
    strike = HttpKill.strike

    def test_no_event_is_lost(self):
        """Each email that was answered has both its events at the receiver, whenever the server died."""
        seed = int(os.environ.get("CRASH_SEED", random.randrange(1 << 30)))
        print(f"CRASH_SEED={seed}", file=sys.stderr)
        self.dice = random.Random(seed)
        receiver = WebhookReceiver(lambda event: time.sleep(0.005))  # slow enough that a kill meets some on their way
        self.addCleanup(receiver.close)
        self.assertEqual(self.ask("POST", "/webhooks", {"endpoint": receiver.url,
                                                        "events": ["email.sent", "email.delivered"]})[0], 200)
        answered = []
        for _ in range(6):
            status, answer, _ = self.post([PLAIN] * 60, "/emails/batch")
            self.assertEqual(status, 200)
            answered += [one["id"] for one in answer["data"]]
            self.strike(0.0, 0.25)
            self.start()
            if self.dice.random() < 0.5:  # dies again before anything new was accepted
                self.strike(0.0, 0.1)
                self.start()
        wanted = {(one, kind) for one in answered for kind in ("email.sent", "email.delivered")}

        def seen():
            return {(event["data"]["email_id"], event["type"]) for _, event in list(receiver.seen)}

        wait_until(lambda: seen() >= wanted, "every event", seconds=60)
        self.assertEqual(seen(), wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
