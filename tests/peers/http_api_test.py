#!/usr/bin/env python3
"""Goal: what real clients submit over HTTP arrives as they meant it, once, and its state is told.
Method: npm's resend (a current version and 4.x), curl-like raw requests, a scripted sink; kill -9.
"""

import base64
import concurrent.futures
import email
import email.policy
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, wait_until  # noqa: E402
from http_harness import ALL_BYTES, NODE_DIRECTORY, NODE_PATIENCE, PLAIN, HttpApi, has_packages  # noqa: E402


class Clients(HttpApi):
    def check_client(self, module):
        if not has_packages(NODE_DIRECTORY, module):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        node = self.need("node", "nodejs")
        done = subprocess.run([node, "resend.js", module, "schedule"], cwd=NODE_DIRECTORY, capture_output=True,
                              text=True, timeout=NODE_PATIENCE,
                              env={**os.environ, "RESEND_BASE_URL": f"http://127.0.0.1:{self.http_port}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = {step["step"]: step for step in map(json.loads, done.stdout.splitlines())}
        for name in ("send", "get", "keyed", "keyed again", "batch", "scheduled", "update", "moved", "cancel",
                     "canceled"):
            self.assertIsNone(steps[name]["error"], steps[name])
        self.assertEqual(steps["get"]["data"]["id"], steps["send"]["data"]["id"])
        self.assertEqual(steps["get"]["data"]["subject"], "Grüße ✓")
        self.assertEqual(steps["keyed"]["data"], steps["keyed again"]["data"])
        self.assertEqual(steps["keyed other"]["error"]["name"], "invalid_idempotent_request")
        self.assertEqual(steps["missing"]["error"]["name"], "missing_required_field")
        self.assertEqual(steps["invalid"]["error"]["name"], "validation_error")
        self.assertEqual(steps["absent"]["error"]["name"], "not_found")
        moved = steps["moved"]["data"]
        self.assertNotEqual(moved["scheduled_at"], None)
        self.assertEqual(moved["last_event"], "scheduled")
        self.assertEqual(steps["canceled"]["data"]["last_event"], "canceled")
        self.out.wait_messages(5)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 5)  # one, one keyed, three of the batch; none canceled
        taken = next(m for m in self.out.messages if len(m.recipients) == 3 and b"keyed" not in m.content)
        self.check_content(taken, "<logo>" if module == "resend" else None)  # 4.x does not send content ids
        self.wait_state(steps["send"]["data"]["id"], "delivered")

    def check_content(self, taken, content_id):
        self.assertEqual(taken.sender, "ann@client.example")
        self.assertEqual(sorted(taken.recipients),
                         ["bob@sink.example", "carl@sink.example", "secret@sink.example"])
        self.assertNotIn(b"secret", taken.content)
        message = email.message_from_bytes(taken.content, policy=email.policy.default)
        self.assertEqual(message["subject"], "Grüße ✓")
        self.assertEqual(message["from"].addresses[0].display_name, "Ann Sender")
        self.assertEqual(message["reply-to"], "reply@client.example")
        self.assertEqual(message["x-entity-ref-id"], "123")
        html = message.get_body(("html",)).get_content()
        self.assertEqual(html.rstrip("\n"), '<p>päckchen <img src="cid:logo"></p>')
        self.assertEqual(message.get_body(("plain",)).get_content().splitlines(), ["päckchen", ".", "..x"])
        files = {part.get_filename(): part for part in message.walk() if part.get_filename()}
        self.assertEqual(sorted(files), ["logo.png", "Übersicht.bin"])
        self.assertEqual(files["Übersicht.bin"].get_payload(decode=True), ALL_BYTES)
        self.assertEqual(files["logo.png"].get_payload(decode=True), ALL_BYTES)
        self.assertEqual(files["logo.png"]["content-id"], content_id)
        self.assertEqual(message.defects, [])

    def test_resend_current(self):
        self.check_client("resend")

    def test_resend_4(self):
        self.check_client("resend4")


class Requests(HttpApi):
    def test_state_and_events(self):
        self.out.script = lambda stage, argument, session: \
            "550 5.1.1 no such user" if stage == "rcpt" and argument.startswith("bad") else None
        status, answer, _ = self.post({**PLAIN, "to": ["bob@sink.example", "bad@sink.example"],
                                       "metadata": {"order": 7}})
        self.assertEqual(status, 200)
        shown = self.wait_state(answer["id"], "bounced")
        states = {r["email"]: r for r in shown["recipients"]}
        self.assertEqual(states["bob@sink.example"]["state"], "delivered")
        self.assertEqual(states["bad@sink.example"]["state"], "bounced")
        self.assertIn("550 5.1.1 no such user", states["bad@sink.example"]["last_reply"])
        self.assertEqual(states["bad@sink.example"]["attempts"], 1)
        events = wait_until(lambda: len(e := self.ask("GET", "/events")[1]["data"]) >= 4 and e, "four events")
        self.assertEqual([e["data"]["email"] for e in events if e["type"] == "suppression.added"],
                         ["bad@sink.example"])
        events = [e for e in events if e["type"] != "suppression.added"]
        self.assertEqual([e["type"] for e in events][0], "email.sent")
        self.assertEqual(sorted(e["type"] for e in events[1:]), ["email.bounced", "email.delivered"])
        for event in events:
            self.assertEqual(event["data"]["email_id"], answer["id"])
            self.assertEqual(event["data"]["metadata"], {"order": 7})
        later = self.ask("GET", f"/events?after={events[0]['id']}&limit=1")[1]
        self.assertEqual(len(later["data"]), 1)
        self.assertGreater(later["data"][0]["id"], events[0]["id"])
        self.assertTrue(later["has_more"])

    def test_batches(self):
        good = {**PLAIN, "subject": "b"}
        bad = {**PLAIN, "to": "nobody"}
        status, answer, _ = self.post([good, bad, good], "/emails/batch")
        self.assertEqual((status, answer["name"], answer["param"]), (422, "validation_error", "1.to"))
        status, answer, _ = self.post([good, bad, good], "/emails/batch", x_batch_validation="permissive")
        self.assertEqual((status, len(answer["data"])), (200, 2))
        self.assertEqual([e["index"] for e in answer["errors"]], [1])
        lines = b"\n".join(json.dumps(good).encode() for _ in range(3)) + b"\n"
        status, answer, _ = self.post(gzip.compress(lines), "/emails/batch", content_encoding="gzip",
                                      content_type="application/x-ndjson")
        self.assertEqual((status, len(answer["data"])), (200, 3))
        before = self.syncs()
        status, answer, _ = self.post([good] * 1000, "/emails/batch")
        self.assertEqual((status, len(answer["data"])), (200, 1000))
        self.assertEqual(len({e["id"] for e in answer["data"]}), 1000)
        self.assertEqual(self.post([good] * 1001, "/emails/batch")[0], 422)
        self.out.wait_messages(1005)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 1005)
        self.assertLess(self.syncs() - before, 900)

    def test_requeued_mail_is_followed(self):
        self.out.script = lambda stage, argument, session: "451 4.3.0 not yet" if stage == "rcpt" else None
        answer = self.post(PLAIN)[1]
        first = self.wait_state(answer["id"], "delivery_delayed")["recipients"][0]["queue_id"]
        subprocess.run([BARID, "queue", "-c", self.server.directory, "requeue", "--all"], check=True,
                       capture_output=True, timeout=60)
        self.server.wait_log(rf"{first}: requeued")
        self.out.script = None
        shown = self.wait_state(answer["id"], "delivered")["recipients"][0]
        self.assertNotEqual(shown["queue_id"], first)
        self.assertEqual((shown["state"], shown["last_reply"]), ("delivered", "250 2.0.0 Ok: taken"))
        self.server.wait_log(rf"{shown['queue_id']}: removed")

    def test_a_thousand_messages_are_one_group(self):
        """Scheduled ones, so that no delivery syncs anything meanwhile."""
        later = {**PLAIN, "scheduled_at": "in 1 hour"}
        self.assertEqual(self.post([later] * 10, "/emails/batch")[0], 200)  # reserves ids
        before = self.syncs()
        status, answer, _ = self.post([later] * 1000, "/emails/batch")
        self.assertEqual((status, len(answer["data"])), (200, 1000))
        self.assertLessEqual(self.syncs() - before, 2)  # one, and perhaps one of the sweeper

    def syncs(self):
        text = self.ask("GET", "/metrics")[1]
        return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith("barid_store_syncs_total{"))

    def test_merge_raw_and_schedule(self):
        status, answer, _ = self.post({
            "from": "ann@client.example", "subject": "Hi {{name}}", "html": "<b>{{x}}</b>{{{x}}}", "recipients": [
                {"email": "r1@sink.example", "name": "One", "variables": {"x": "<1>"}},
                {"email": "r2@sink.example", "name": "Two", "variables": {"x": "2"}}]})
        self.assertEqual(status, 200)
        merged = {m.recipients[0]: email.message_from_bytes(m.content, policy=email.policy.default)
                  for m in self.out.wait_messages(2)}
        self.assertEqual(merged["r1@sink.example"]["subject"], "Hi One")
        self.assertEqual(merged["r2@sink.example"]["to"], "Two <r2@sink.example>")
        self.assertEqual(merged["r1@sink.example"].get_content().strip(), "<b>&lt;1&gt;</b><1>")
        raw = b"From: ann@client.example\nBcc: secret@sink.example\nSubject: raw\n\nas it is\n"
        self.assertEqual(self.post({"from": "ann@client.example", "to": "r3@sink.example",
                                    "raw": base64.b64encode(raw).decode()})[0], 200)
        taken = self.out.wait_messages(3)[2]
        self.assertNotIn(b"secret", taken.content)
        self.assertTrue(taken.content.endswith(b"\r\n\r\nas it is\r\n"))
        self.assertEqual(email.message_from_bytes(taken.content).get_all("from"), ["ann@client.example"])
        self.assertIsNotNone(email.message_from_bytes(taken.content, policy=email.policy.default)["date"].datetime)
        whole = b"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nSubject: no sender\r\n\r\nx\r\n"
        self.assertEqual(self.post({"from": "Ann <ann@client.example>", "to": "r4@sink.example",
                                    "raw": base64.b64encode(whole).decode()})[0], 200)
        taken = email.message_from_bytes(self.out.wait_messages(4)[3].content)
        self.assertEqual(taken.get_all("from"), ["ann@client.example"])
        self.assertEqual(taken.get_all("date"), ["Thu, 26 Nov 2026 12:00:00 +0000"])
        status, answer, _ = self.post({**PLAIN, "scheduled_at": "in 2 sec", "html": "<p>Grüße</p>"})
        shown = self.ask("GET", f"/emails/{answer['id']}")[1]
        self.assertEqual(shown["last_event"], "scheduled")
        self.assertEqual((shown["html"], shown["text"]), ("<p>Grüße</p>", "hello"))
        shown = self.wait_state(answer["id"], "delivered")
        self.assertEqual((shown["html"], shown["text"]), (None, None))

    def test_pages_of_emails(self):
        ids = [self.post({**PLAIN, "scheduled_at": "in 1 day"})[1]["id"] for _ in range(7)][::-1]

        def page(**query):
            asked = self.ask("GET", "/emails?" + "&".join(f"{k}={v}" for k, v in query.items()))[1]
            return [item["id"] for item in asked["data"]], asked["has_more"]
        self.assertEqual(page(limit=3), (ids[:3], True))
        self.assertEqual(page(limit=3, after=ids[2]), (ids[3:6], True))
        self.assertEqual(page(limit=3, after=ids[5]), (ids[6:], False))
        self.assertEqual(page(limit=2, before=ids[5]), (ids[3:5], True))  # the page next to it, not the first one
        self.assertEqual(page(limit=3, before=ids[3]), (ids[:3], False))
        self.assertEqual(page(limit=3, before=ids[0]), ([], False))

    def test_a_schedule_ends_with_the_email(self):
        for wrong, param in (("in 2 hours", "expires_at"), ("in 3 hours", "expires_at")):
            status, answer, _ = self.post({**PLAIN, "scheduled_at": wrong, "expires_at": "in 2 hours"})
            self.assertEqual((status, answer["param"]), (422, param))
        email_id = self.post({**PLAIN, "scheduled_at": "in 1 hour", "expires_at": "in 2 hours"})[1]["id"]
        before = self.ask("GET", f"/emails/{email_id}")[1]["scheduled_at"]
        status, answer, _ = self.ask("PATCH", f"/emails/{email_id}", {"scheduled_at": "in 3 hours"})
        self.assertEqual((status, answer["name"], answer["param"]), (422, "validation_error", "scheduled_at"))
        self.assertIn("expires_at", answer["message"])
        self.assertEqual(self.ask("GET", f"/emails/{email_id}")[1]["scheduled_at"], before)
        self.assertEqual(self.ask("PATCH", f"/emails/{email_id}", {"scheduled_at": "in 90 minutes"})[0], 200)
        self.assertGreater(self.ask("GET", f"/emails/{email_id}")[1]["scheduled_at"], before)

    def test_return_path(self):
        self.assertEqual(self.post({**PLAIN, "to": ["a@sink.example", "b@sink.example"],
                                    "return_path": "bounces@client.example"})[0], 200)
        self.assertEqual(sorted((m.sender, m.recipients) for m in self.out.wait_messages(2)), [
            ("bounces+a=sink.example@client.example", ["a@sink.example"]),
            ("bounces+b=sink.example@client.example", ["b@sink.example"])])

    def test_kill_and_retry(self):
        """kill -9 between requests: what was answered is there, a repeated key makes no second copy."""
        status, first, _ = self.post(PLAIN, idempotency_key="k")
        self.assertEqual(status, 200)
        ids = [self.post(PLAIN)[1]["id"] for _ in range(20)]
        self.server.kill()
        self.start()
        status, again, fields = self.post(PLAIN, idempotency_key="k")
        self.assertEqual((status, again, fields["idempotent-replayed"]), (200, first, "true"))
        self.assertEqual(self.post({**PLAIN, "subject": "x"}, idempotency_key="k")[0], 409)
        for email_id in [first["id"], *ids]:
            self.wait_state(email_id, "delivered")
        listed = self.ask("GET", "/emails?limit=100")[1]
        self.assertEqual(sorted(e["id"] for e in listed["data"]), sorted([first["id"], *ids]))
        page = self.ask("GET", "/emails?limit=5")[1]
        self.assertEqual((len(page["data"]), page["has_more"]), (5, True))
        rest = self.ask("GET", f"/emails?limit=100&after={page['data'][-1]['id']}")[1]
        self.assertEqual([e["id"] for e in page["data"] + rest["data"]], [e["id"] for e in listed["data"]])

    def test_kill_between_request_and_reply(self):
        """Requests under way when the process is killed are repeated under their keys: each is one email."""
        count, answered = 200, {}

        def send(i):
            try:
                status, answer, _ = self.post({**PLAIN, "headers": {"X-Number": str(i)}}, idempotency_key=f"n{i}")
            except (OSError, http.client.HTTPException):
                return  # killed meanwhile
            if status == 200:
                answered[i] = answer["id"]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running = [pool.submit(send, i) for i in range(count)]
            wait_until(lambda: len(answered) >= 40, "forty answers")
            self.server.kill()
            for one in running:
                one.result()
        before = dict(answered)
        self.assertLess(len(before), count)
        self.start()
        for i in range(count):
            send(i)
        self.assertEqual(len(answered), count)
        self.assertEqual({i: answered[i] for i in before}, before)
        for email_id in answered.values():
            self.wait_state(email_id, "delivered")
        listed = [self.ask("GET", "/emails?limit=100")[1]]
        while listed[-1]["has_more"]:
            listed.append(self.ask("GET", f"/emails?limit=100&after={listed[-1]['data'][-1]['id']}")[1])
        self.assertEqual(sorted(e["id"] for page in listed for e in page["data"]), sorted(answered.values()))
        taken = {email.message_from_bytes(m.content)["x-number"] for m in self.out.messages}
        self.assertEqual(taken, {str(i) for i in range(count)})

    def test_what_nodemailer_composed_is_sent_as_it_is(self):
        if not has_packages(NODE_DIRECTORY, "nodemailer"):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        done = subprocess.run([self.need("node", "nodejs"), "compose.js"], cwd=NODE_DIRECTORY, capture_output=True,
                              timeout=NODE_PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        raw = done.stdout
        lines = re.sub(rb"\r?\n", b"\r\n", raw)  # it leaves line feeds of its texts as they are
        self.assertIn(b"multipart/", raw)
        self.assertEqual(self.post({"from": "ann@client.example", "to": ["bob@sink.example"],
                                    "raw": base64.b64encode(raw).decode()})[0], 200)
        name, _, rest = self.out.wait_messages(1)[0].body.partition(b"\r\n")  # ours: it has a Message-ID of its own
        self.assertRegex(name, rb"^X-Barid-Email-ID: [0-9a-f-]{36}$")
        self.assertEqual(rest, lines if lines.endswith(b"\r\n") else lines + b"\r\n")

    def test_same_key_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.post(PLAIN, idempotency_key="same"), range(32)))
        self.assertEqual({status for status, _, _ in answers} - {200, 409}, set())
        self.assertEqual(len({body["id"] for status, body, _ in answers if status == 200}), 1)
        self.out.wait_messages(1)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 1)

    def test_errors(self):
        cases = [
            (422, "missing_required_field", {**PLAIN, "to": None}, {}),
            (422, "validation_error", {**PLAIN, "subject": "a\r\nBcc: x@y.z"}, {}),
            (422, "validation_error", {**PLAIN, "headers": {"X": "a\nb"}}, {}),
            (400, "validation_error", b"{", {}),
            (400, "validation_error", b'{"from":"a@b.c","from":"d@e.f"}', {}),
            (400, "validation_error", b'{"from":"\xff"}', {}),
            (400, "validation_error", b"[" * 65, {}),
            (400, "validation_error", b"no gzip", {"content_encoding": "gzip"}),
            (400, "invalid_idempotency_key", PLAIN, {"idempotency_key": "k" * 257}),
            (415, "unsupported_media_type", b"<a/>", {"content_type": "text/xml"}),
            (415, "unsupported_media_type", PLAIN, {"content_encoding": "br"}),
        ]
        for status, name, body, fields in cases:
            with self.subTest(name=name, body=repr(body)[:60]):
                got, answer, headers = self.post(body, **fields)
                self.assertEqual((got, answer["statusCode"], answer["name"]), (status, status, name))
                self.assertEqual(answer["request_id"], headers["x-request-id"])
                self.assertTrue(answer["message"])
        self.assertEqual(self.ask("DELETE", "/emails")[0], 405)
        self.assertEqual(self.ask("GET", "/emails/..%2f")[0], 400)
        self.assertEqual(self.ask("GET", "/nothing")[0], 404)
        self.assertEqual(self.ask("GET", "/emails?limit=0")[0], 422)
        for method, path in (("POST", "/suppressions"), ("POST", "/webhooks"),
                             ("PATCH", "/emails/01a213c0-bd7a-80ae-9681-0000930841b6")):
            status, answer, _ = self.ask(method, path, b"<a/>", content_type="text/xml")
            self.assertEqual((status, answer["name"]), (415, "unsupported_media_type"), path)
        email_id = self.post({**PLAIN, "scheduled_at": "in 1 hour"})[1]["id"]
        other = email_id[:-1] + ("0" if email_id[-1] != "0" else "1")  # leads to the same record
        self.assertEqual(self.ask("GET", f"/emails/{other}")[0], 404)
        self.assertEqual(self.post({}, f"/emails/{other}/cancel")[0], 404)
        self.assertEqual(self.ask("GET", f"/emails/{email_id.upper()}")[0], 200)

    def test_drain(self):
        self.assertEqual(self.ask("GET", "/readyz")[0], 200)
        self.assertEqual(self.ask("POST", "/admin/v1/drain")[0], 200)
        wait_until(lambda: self.ask("GET", "/readyz")[0] == 503, "not ready")
        status, answer, fields = self.post(PLAIN)
        self.assertEqual((status, answer["name"]), (503, "service_unavailable"))
        self.assertTrue(fields["retry-after"])

    def test_smuggling_is_refused(self):
        for request in (b"POST /emails HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
                        b"GET /livez HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
                        b"GET /livez HTTP/1.1\nHost: a\n\n"):
            with socket.create_connection(("127.0.0.1", self.http_port), PATIENCE) as peer:
                peer.sendall(request + b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = b""
                while piece := peer.recv(65536):
                    answer += piece
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1)


class SlowClients(HttpApi):
    """Clients that dribble, stall or do not read end within their deadline; others do not notice."""

    options = {"http_timeout": "2s", "http_idle_timeout": "2s"}

    def ends_within(self, peer, seconds, feed=None):
        """What the server said before it closed; `feed` is sent byte by byte meanwhile."""
        end, answer, feed = time.monotonic() + seconds, b"", feed or b""
        peer.settimeout(0.2)
        while time.monotonic() < end:
            try:
                piece = peer.recv(65536)
                if not piece:
                    return answer
                answer += piece
            except TimeoutError:
                pass
            except ConnectionError:
                return answer
            if feed:
                try:
                    peer.sendall(feed[:1])
                except OSError:
                    return answer
                feed = feed[1:]
        self.fail(f"still open after {seconds} s; it said {answer[:200]}")

    def connect(self, start):
        peer = socket.create_connection(("127.0.0.1", self.http_port), PATIENCE)
        self.addCleanup(peer.close)
        peer.sendall(start)
        return peer

    def test_slow_clients_end_and_others_do_not_notice(self):
        head = b"POST /emails HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        dribbling = [self.connect(head) for _ in range(50)]
        stalled = self.connect(head + b"Content-Length: 1000\r\n\r\n{")
        idle = self.connect(b"")
        self.assertEqual(self.post(PLAIN)[0], 200)
        self.assertIn(b" 408 ", self.ends_within(dribbling[0], 10, b"X-Slow: 1\r\n" * 50))
        self.ends_within(stalled, 10)
        self.ends_within(idle, 10)
        for peer in dribbling[1:]:
            self.ends_within(peer, 10)
        self.assertEqual(self.post(PLAIN)[0], 200)
        self.out.wait_messages(2)


class NewKeys(HttpApi):
    def new(self, *words):
        return subprocess.run([BARID, "key", "new", *words], capture_output=True, text=True, timeout=30)

    def setUp(self):
        self.made = self.new("--tenant", "one", "--scope", "send,read", "--from", "client.example")
        self.key, line = self.made.stdout.splitlines()
        table = tempfile.NamedTemporaryFile("w", suffix=".keys")
        self.addCleanup(table.close)
        table.write(line + "\n")
        table.flush()
        self.options = {"http_api_key_maps": f"texthash:{table.name}"}
        super().setUp()

    def test_a_new_key_and_its_line(self):
        self.assertEqual(self.made.returncode, 0)
        self.assertEqual(self.post(PLAIN, authorization=f"Bearer {self.key}")[0], 200)
        self.assertEqual(self.post(PLAIN, authorization=f"Bearer {self.key}x")[1]["name"], "invalid_api_key")
        other = self.new("--tenant", "one", "--json")
        self.assertNotEqual(json.loads(other.stdout)["key"], self.key)
        self.assertEqual(self.new("--scope", "send").returncode, 64)
        self.assertEqual(self.new("--tenant", "one", "--scope", "everything").returncode, 64)


class Keys(HttpApi):
    """Digests of re_send, re_read and re_slow."""

    def setUp(self):
        digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("re_send", "re_read", "re_slow", "re_few")}
        self.options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=send,read from=client.example} "
                        "{%s = tenant=two scopes=read} {%s = tenant=one scopes=send rate=1/s} {%s = tenant=few scopes=send messages=10/s} }" % (
                            digest["re_send"], digest["re_read"], digest["re_slow"], digest["re_few"])}
        super().setUp()

    def test_keys(self):
        self.assertEqual(self.post(PLAIN)[0:2][1]["name"], "missing_api_key")
        self.assertEqual(self.post(PLAIN)[0], 401)
        status, answer, _ = self.post(PLAIN, authorization="Bearer wrong")
        self.assertEqual((status, answer["name"]), (403, "invalid_api_key"))
        status, answer, _ = self.post(PLAIN, authorization="Bearer re_read")
        self.assertEqual((status, answer["name"]), (401, "restricted_api_key"))
        status, answer, _ = self.post(PLAIN, authorization="Bearer re_send")
        self.assertEqual(status, 200)
        path = f"/emails/{answer['id']}"
        self.assertEqual(self.ask("GET", path, authorization="Bearer re_send")[0], 200)
        self.assertEqual(self.ask("GET", path, authorization="Bearer re_read")[0], 404)  # another tenant's
        status, answer, _ = self.post({**PLAIN, "from": "a@other.example"}, authorization="Bearer re_send")
        self.assertEqual((status, answer["param"]), (403, "from"))
        answers = [self.post(PLAIN, authorization="Bearer re_slow") for _ in range(5)]
        limited = [fields for status, body, fields in answers if status == 429]
        self.assertTrue(limited)
        for name in ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"):
            self.assertIn(name, limited[0])

    def test_large_bodies_only_with_a_key(self):
        def head(path, *fields):  # a body is announced and never sent
            lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *fields, "", ""]
            with socket.create_connection(("127.0.0.1", self.http_port), PATIENCE) as stream:
                stream.sendall("\r\n".join(lines).encode())
                stream.settimeout(PATIENCE)
                return stream.recv(4096).split(b" ")[1]
        for path, key, wrong in (
                ("/emails", "Authorization: Bearer re_send", "Authorization: Bearer wrong"),
                ("/v3/mail/send", "Authorization: Bearer re_send", "Authorization: Bearer wrong"),
                ("/email", "X-Postmark-Server-Token: re_send", "X-Postmark-Server-Token: wrong"),
                ("/v2/email/outbound-emails", "Authorization: Bearer re_send",
                 "Authorization: AWS4-HMAC-SHA256 Credential=A/20261126/x/ses/aws4_request, SignedHeaders=host, "
                 "Signature=" + 64 * "0")):
            for length in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
                self.assertIn(head(path, length), (b"401", b"403"), path)
                self.assertIn(head(path, length, wrong), (b"401", b"403"), path)
            self.assertEqual(head(path, "Content-Length: 1000000", "Expect: 100-continue", key), b"100", path)
        self.assertEqual(head("/nowhere", "Content-Length: 1000000"), b"404")
        large = {**PLAIN, "text": 100_000 * "x"}
        self.assertEqual(self.post(large, authorization="Bearer re_send")[0], 200)
        self.assertEqual(self.post(large)[1]["name"], "missing_api_key")

    def test_message_rate_of_a_tenant(self):
        few = {"authorization": "Bearer re_few"}
        status, answer, fields = self.post([PLAIN] * 50, "/emails/batch", **few)
        self.assertEqual((status, fields["ratelimit-limit"], fields["ratelimit-remaining"]), (200, "10", "0"))
        status, answer, fields = self.post(PLAIN, **few)  # 50 of 10 a second: four more are owed
        self.assertEqual((status, answer["name"]), (429, "rate_limit_exceeded"))
        self.assertIn("messages", answer["message"])
        self.assertGreaterEqual(int(fields["retry-after"]), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
