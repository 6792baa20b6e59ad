#!/usr/bin/env python3
"""Goal: whatever is killed whenever, however often, and with however many shards it comes back: each email that
was answered has exactly its lawful events, in order, for who reads GET /events by a cursor and at a webhook; its
state says the same; it was delivered, and each further copy at the receiver has a kill before it. The same while
the disk's syncs fail.
Method: clients that post singles, batches, scheduled mail and change them, over HTTP and SMTP, to addresses that
are refused for now, for good, or never; kill -9 at random moments, up to three more times before the next process
is ready, with another shard_count; or strace lets fdatasync fail, as in sync_failure_test.py. CRASH_SEED replays the dice, CRASH_ROUNDS makes it longer, CRASH_IO says which
io_backend.
"""

import collections
import concurrent.futures
import email
import os
import pathlib
import random
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, wait_until  # noqa: E402
from http_harness import HttpApi, WebhookReceiver  # noqa: E402
from http_test import LOST  # noqa: E402
import sync_failure_test  # noqa: E402

ROUNDS = int(os.environ.get("CRASH_ROUNDS", 3))
CLIENTS = 6
FINAL = {"email.delivered": "delivered", "email.bounced": "bounced"}
REFUSALS = {"hard": "550 5.1.1 no such user", "full": "552 5.2.2 mailbox full"}


class Facts(HttpApi):
    options = {"webhook_private_networks": "127.0.0.0/8", "webhook_retry_schedule": "1s 1s 1s 1s 1s 1s",
               "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "shard_count": "2",
               "io_backend": os.environ.get("CRASH_IO", "auto")}

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("CRASH_SEED", random.randrange(1 << 30)))
        print(f"CRASH_SEED={seed}", file=sys.stderr)
        self.dice = random.Random(seed)
        self.tries = collections.Counter()
        self.copies = collections.defaultdict(list)  # (subject, address): moments
        self.kills = []
        self.out.script = self.receive
        self.emails = {}   # id: {address}, as answered
        self.keys = {}     # key: (path, body, ids that were answered)
        self.moments = {}  # id of scheduled mail: what was answered last, or None = in doubt
        self.plain = []    # subjects of mail by SMTP that got its 250
        self.changed = {}  # address: whether it is suppressed; None = in doubt
        self.stop_clients = threading.Event()

    # --- the receiver of mail

    def receive(self, stage, argument, session):
        if stage == "rcpt":
            kind = argument.partition("-")[0]
            self.tries[argument] += 1
            if kind == "soft" and self.tries[argument] <= 1 + len(argument) % 2:
                return "451 4.2.1 not yet"
            return REFUSALS.get(kind)
        if stage == "dot":
            subject = email.message_from_bytes(argument)["subject"]
            for address in session.recipients:
                self.copies[subject, address].append(time.monotonic())
        return None

    # --- the clients

    def address(self, dice, name):
        return f"{dice.choice(['good', 'good', 'good', 'soft', 'hard', 'full'])}-{name}@sink.example"

    def one_email(self, dice, name):
        count = dice.choice([1, 1, 1, 2, 4])
        return {"from": "ann@client.example", "to": [self.address(dice, f"{name}-{n}") for n in range(count)],
                "subject": name, "text": "hello"}

    def remember(self, ids, bodies):
        for one, body in zip(ids, bodies):
            self.emails[one] = set(body["to"])

    def submit(self, dice, name):
        bodies = [self.one_email(dice, f"{name}.{n}") for n in range(dice.choice([1, 1, 5]))]
        if dice.random() < 0.3:
            for body in bodies:
                body["scheduled_at"] = dice.choice(["in 1 sec", "in 2 sec"])
        path, body = ("/emails", bodies[0]) if len(bodies) == 1 else ("/emails/batch", bodies)
        self.keys[name] = (path, body, [])
        self.ask_again(name)

    def ask_again(self, name):
        path, body, answers = self.keys[name]
        status, answer, _ = self.ask("POST", path, body, idempotency_key=name)
        if status != 200:
            return False
        ids = [answer["id"]] if path == "/emails" else [one["id"] for one in answer["data"]]
        answers.append(ids)
        self.remember(ids, [body] if path == "/emails" else body)
        return True

    def schedule(self, dice, name):
        body = {**self.one_email(dice, name), "scheduled_at": "in 1 hour"}
        status, answer, _ = self.ask("POST", "/emails", body)
        if status != 200:
            return
        one = answer["id"]
        self.moments[one] = None
        what = dice.choice(["cancel", "soon", "later"])
        if what == "cancel":
            status = self.ask("POST", f"/emails/{one}/cancel", {})[0]
        else:
            wish = {"scheduled_at": "in 1 sec" if what == "soon" else "in 2 hours"}
            status = self.ask("PATCH", f"/emails/{one}", wish)[0]
        if status == 200:
            self.moments[one] = what
            if what == "soon":
                self.emails[one] = set(body["to"])

    def suppress(self, dice, name):
        address = f"{name}@nobody.example"
        self.changed[address] = None
        if self.ask("POST", "/suppressions", {"email": address})[0] == 200:
            self.changed[address] = True
            if dice.random() < 0.5:
                self.changed[address] = None
                if self.ask("DELETE", f"/suppressions/{address}")[0] == 200:
                    self.changed[address] = False

    def by_smtp(self, _, name):
        with RawClient(self.server.port) as client:
            client.submit(f"Subject: {name}\r\n\r\nhello\r\n".encode(), recipients=[f"good-{name}@sink.example"])
            self.plain.append(name)

    def client(self, number, round_number, seed):
        dice = random.Random(seed)
        for count in range(10_000):
            if self.stop_clients.is_set():
                return
            act = dice.choice([self.submit] * 5 + [self.schedule, self.suppress, self.by_smtp])
            try:
                act(dice, f"r{round_number}c{number}n{count}")
            except LOST + (AssertionError, EOFError):
                return

    def read_by_cursor(self, events, stop):
        """What a client that asks again and again for what came after the last that it saw is told."""
        after = ""
        while not stop.is_set():
            try:
                status, page, _ = self.ask("GET", f"/events?limit=50{after}")
            except LOST:
                time.sleep(0.01)
                continue
            if status != 200 or not page["data"]:
                time.sleep(0.01)
                continue
            events += page["data"]
            after = f"&after={events[-1]['id']}"

    # --- the killer

    def strike(self, low, high):
        moment = time.monotonic() + self.dice.uniform(low, high)
        wait_until(lambda: time.monotonic() >= moment, "the moment", every=0.002)
        self.server.kill()
        self.kills.append(time.monotonic())

    def come_back(self):
        for _ in range(self.dice.choice([0, 0, 1, 1, 2, 3])):
            self.server.main["shard_count"] = self.dice.choice("124")
            self.server.launch()
            self.strike(0.0, 0.4)
        self.server.main["shard_count"] = self.dice.choice("124")
        self.start()

    def kill_round(self):
        self.strike(0.05, 1.2)
        self.stop_clients.set()
        self.come_back()

    def sync_round(self):
        """Every few syncs of a thread fail; then the power of half of those servers goes."""
        with sync_failure_test.SyncFailure.faults(self, f"{self.dice.randrange(1, 6)}+{self.dice.randrange(4, 12)}"):
            moment = time.monotonic() + self.dice.uniform(0.5, 3)
            wait_until(lambda: time.monotonic() >= moment, "the moment", every=0.01)
            dies = self.dice.random() < 0.5
            if dies:
                self.strike(0.0, 0.1)
        if dies:
            self.stop_clients.set()
            self.come_back()
        else:
            wait_until(lambda: self.post({**self.one_email(self.dice, "back"), "to": "good-back@sink.example"})[0] == 200,
                       "the store is back", every=0.1)
            self.stop_clients.set()

    def test_kills(self):
        self.live(self.kill_round, ROUNDS)

    def test_failing_syncs(self):
        self.strace = self.need("strace", "strace")
        self.trace = self.directory / "trace"
        self.live(self.sync_round, (ROUNDS + 1) // 2)

    def live(self, harm, rounds):
        dice = random.Random(self.dice.random())
        receiver = WebhookReceiver(lambda event: 500 if dice.random() <= 0.05 else None)
        self.addCleanup(receiver.close)
        status, hook, _ = self.ask("POST", "/webhooks", {"endpoint": receiver.url, "events": [
            "email.sent", "email.scheduled", "email.delivered", "email.delivery_delayed", "email.bounced",
            "email.failed", "email.suppressed", "suppression.added"]})
        self.assertEqual(status, 200)
        followed, stop = [], threading.Event()
        reader = threading.Thread(target=self.read_by_cursor, args=(followed, stop))
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(stop.set)
        self.addCleanup(self.stop_clients.set)
        for round_number in range(rounds):
            self.stop_clients.clear()
            seeds = [self.dice.random() for _ in range(CLIENTS)]
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                running = [pool.submit(self.client, number, round_number, seed) for number, seed in enumerate(seeds)]
                try:
                    harm()
                finally:
                    self.stop_clients.set()
                for one in running:
                    one.result()
        self.judge(receiver, hook, followed)
        stop.set()

    def judge(self, receiver, hook, followed):
        for name, (_, _, answers) in self.keys.items():
            wait_until(lambda name=name: self.ask_again(name), f"{name} is answered")
            self.assertEqual(len({tuple(ids) for ids in answers}), 1, f"{name} was made twice")
        print(f"{len(self.emails)} emails, {len(self.plain)} by SMTP, {len(self.kills)} kills", file=sys.stderr)
        self.wait_final()
        self.check_scheduled()
        self.check_suppressions()
        events = self.wait_told()
        wait_until(lambda: len(followed) >= len(events), "the reader has come to the end")
        self.assertEqual([one["id"] for one in followed[:len(events)]], [one["id"] for one in events],
                         "a cursor passed an event, or the order changed")
        self.check_events(events)
        self.check_webhook(events, receiver, hook["created_at"])
        self.check_copies()

    # --- judgement

    def all_events(self):
        events, after = [], ""
        while True:
            page = self.ask("GET", f"/events?limit=1000{after}")[1]
            events += page["data"]
            if not page["has_more"]:
                return events
            after = f"&after={events[-1]['id']}"

    def wait_told(self):
        """All events, once the last one of each recipient is listed."""
        wanted = {(one, address) for one, addresses in self.emails.items() for address in addresses}

        def told():
            events = self.all_events()
            ends = {(event["data"]["email_id"], event["data"]["recipient"]) for event in events
                    if event["type"] in FINAL}
            return wanted <= ends and events
        return wait_until(told, "every end is told", every=0.2)

    def shown(self, one):
        return {entry["email"]: entry for entry in self.ask("GET", f"/emails/{one}")[1]["recipients"]}

    def wait_final(self):
        waiting = dict(self.emails)

        def over():
            for one in list(waiting):
                states = {entry["state"] for entry in self.shown(one).values()}
                if states <= {"delivered", "bounced"}:
                    del waiting[one]
            return not waiting
        wait_until(over, f"all mail is through ({list(waiting)[:5]})", seconds=120, every=0.5)

    def check_scheduled(self):
        for one, what in self.moments.items():
            last = self.ask("GET", f"/emails/{one}")[1]["last_event"]
            if what == "cancel":
                self.assertEqual(last, "canceled")
            elif what == "later":
                self.assertEqual(last, "scheduled")

    def check_suppressions(self):
        for address, suppressed in self.changed.items():
            if suppressed is not None:
                status = self.ask("GET", f"/suppressions/{address}")[0]
                self.assertEqual(status, 200 if suppressed else 404, address)

    def check_events(self, events):
        told = collections.defaultdict(lambda: collections.defaultdict(list))  # email: recipient: events
        for event in events:
            data = event["data"]
            if "email_id" in data:
                told[data["email_id"]][data.get("recipient", "")].append(event)
        for one, addresses in self.emails.items():
            begin = [event["type"] for event in told[one][""]]
            self.assertIn(begin, (["email.sent"], ["email.scheduled"]), one)
            shown = self.shown(one)
            self.assertEqual(set(shown), addresses)
            for address in addresses:
                story = told[one][address]
                types = [event["type"] for event in story]
                kind = address.partition("-")[0]
                end = "email.bounced" if kind in REFUSALS else "email.delivered"
                self.assertRegex(" ".join(types), rf"^(email\.delivery_delayed )*{re.escape(end)}$", f"{one} {address}")
                self.assertLess(told[one][""][0]["id"], story[0]["id"])
                attempts = [event["data"]["attempts"] for event in story]
                self.assertEqual(attempts, sorted(set(attempts)), f"{one} {address}: {attempts}")
                if kind == "good":
                    self.assertEqual(len(types), 1, address)
                self.assertEqual(shown[address]["state"], FINAL[end])
                self.assertEqual(shown[address]["attempts"], attempts[-1])
        for one in told:
            for address, story in told[one].items():
                ends = [event["type"] for event in story if event["type"] in FINAL]
                self.assertLessEqual(len(ends), 1, f"{one} {address}")
        listed = collections.Counter(event["data"]["email"] for event in events if event["type"] == "suppression.added"
                                     and event["data"]["email"].startswith("hard-"))
        bounced = {address for addresses in self.emails.values() for address in addresses if address.startswith("hard-")}
        self.assertEqual({address: listed[address] for address in bounced}, dict.fromkeys(bounced, 1))

    def check_webhook(self, events, receiver, since):
        wanted = {event["id"] for event in events if event["created_at"] >= since}
        wait_until(lambda: {name for name, _ in list(receiver.seen)} >= wanted, "every event at the webhook", seconds=60)
        self.assertEqual({name for name, _ in receiver.seen}, wanted)
        first = {}
        for place, (name, event) in enumerate(receiver.seen):
            first.setdefault(name, (place, event))
        places = collections.defaultdict(list)
        for name in sorted(first):  # in the order of their ids
            place, event = first[name]
            if "email_id" in event["data"]:
                places[event["data"]["email_id"]].append(place)
        for one, order in places.items():
            self.assertEqual(order, sorted(order), f"events of {one} came out of order")

    def check_copies(self):
        for addresses, name in [(to, None) for to in self.emails.values()] + [({f"good-{n}@sink.example"}, n)
                                                                             for n in self.plain]:
            for address in addresses:
                moments = next((times for (subject, rcpt), times in self.copies.items()
                                if rcpt == address and (name is None or subject == name)), [])
                if address.partition("-")[0] in REFUSALS:
                    self.assertEqual(moments, [])
                    continue
                self.assertGreaterEqual(len(moments), 1, f"{address} got nothing")
                for earlier, later in zip(moments, moments[1:]):
                    self.assertTrue(any(earlier - 0.5 <= kill <= later for kill in self.kills),
                                    f"{address}: a copy without a kill")


if __name__ == "__main__":
    unittest.main(verbosity=2)
