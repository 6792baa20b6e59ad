#!/usr/bin/env python3
"""Goal: every error of the API's table (docs/api.md) comes with its status, its name, the field that it
is about and its documented body; hostile requests get such an answer and hurt nobody else.
Method: the real program, raw requests; each row reads the whole answer.
"""

import concurrent.futures
import gzip
import hashlib
import json
import pathlib
import re
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, ROOT, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

LIMIT = 200_000  # http_body_limit here
SOMEBODY = "01a213c0-bd7a-80ae-9681-0000930841b6"
DEEP = b'{"from":"a@b.example","metadata":' + b'{"x":' * 64 + b"1" + b"}" * 65


class ErrorApi(HttpApi):
    def check(self, answer, status, name, param=None):
        """`answer`: of ask(). The documented body and nothing else; returns its fields."""
        got, body, fields = answer
        self.assertEqual((got, fields["content-type"].split(";")[0]), (status, "application/json"), body)
        self.assertEqual((body["statusCode"], body["name"], body.get("param")), (status, name, param), body)
        self.assertIn(set(body), ({"statusCode", "name", "message", "request_id"},
                                  {"statusCode", "name", "message", "request_id", "param"}))
        self.assertGreater(len(body["message"]), 10)
        self.assertEqual(body["request_id"], fields["x-request-id"])
        return fields

    def raw(self, request, seconds=PATIENCE):
        """What ask() gives, for a request that is sent as it is. The server must end the connection."""
        with socket.create_connection(("127.0.0.1", self.http_port), seconds) as peer:
            try:
                peer.sendall(request)
            except OSError:
                pass  # it answered early: what it said is read below
            answer = b""
            try:
                while piece := peer.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
        self.assertTrue(answer, "no answer")
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.assertEqual(len(body), int(fields["content-length"]))
        return int(lines[0].split()[1]), json.loads(body), fields


class Errors(ErrorApi):
    options = {"http_body_limit": str(LIMIT), "http_timeout": "1s", "message_size_limit": "100000",
               "http_batch_limit": "1000", "egress_pool_maps": "inline:{ {known = 127.0.0.1} }"}

    def test_unprocessable(self):
        rows = [
            ("missing_required_field", "from", {"to": "b@c.example", "subject": "s"}),
            ("missing_required_field", "to", {"from": "a@b.example", "subject": "s"}),
            ("missing_required_field", "subject", {"from": "a@b.example", "to": "b@c.example"}),
            ("missing_required_field", "recipients.1.email",
             {"from": "a@b.example", "subject": "s", "recipients": [{"email": "b@c.example"}, {}]}),
            ("validation_error", "to", {**PLAIN, "to": "nobody"}),
            ("validation_error", "to", {**PLAIN, "to": ["b@c.example"] * 51}),
            ("validation_error", "html", {**PLAIN, "html": 7}),
            ("validation_error", "attachments.0", {**PLAIN, "attachments": [{"path": "http://a.example/x"}]}),
            ("validation_error", "attachments.0.content", {**PLAIN, "attachments": [{"content": "!"}]}),
            ("validation_error", "priority", {**PLAIN, "priority": 10}),
            ("validation_error", "scheduled_at", {**PLAIN, "scheduled_at": "soon"}),
            ("validation_error", "expires_at", {**PLAIN, "expires_at": "2001-01-01T00:00:00Z"}),
            ("validation_error", "expires_at", {**PLAIN, "expires_at": "in 1 hour", "scheduled_at": "in 2 hours"}),
            ("validation_error", "template", {**PLAIN, "text": None, "template": {"id": "welcome"}}),
            ("validation_error", "stream", {**PLAIN, "stream": "x"}),
            ("validation_error", "pool", {**PLAIN, "pool": "nosuch"}),
            ("validation_error", "html", {**PLAIN, "text": None, "html": "x", "raw": "QTogYg0KDQp4DQo="}),
            ("validation_error", "text", {**PLAIN, "raw": "QTogYg0KDQp4DQo="}),
            ("validation_error", "recipients.0.variables.who",
             {"from": "a@b.example", "subject": "{{who}}", "recipients": [{"email": "b@c.example"}]}),
        ]
        for name, param, body in rows:
            with self.subTest(param=param):
                self.check(self.post(body), 422, name, param)
        self.assertEqual(self.post({**PLAIN, "pool": "known"})[0], 200)
        self.check(self.post([PLAIN, {**PLAIN, "to": "x"}], "/emails/batch"), 422, "validation_error", "1.to")
        self.check(self.post([PLAIN] * 1001, "/emails/batch"), 422, "validation_error")
        self.check(self.post([PLAIN], "/emails/batch", x_batch_validation="odd"), 422, "validation_error",
                   "x-batch-validation")
        self.check(self.ask("GET", "/emails?limit=0"), 422, "validation_error", "limit")
        self.check(self.ask("GET", f"/emails?after={SOMEBODY}&before={SOMEBODY}"), 422, "validation_error", "before")

    def test_header_injection_in_every_field(self):
        for poison in ("a\r\nBcc: x@y.example", "a\nb", "a\rb", "a\0b"):
            rows = [("from", {"from": f"{poison} <a@b.example>"}), ("from", {"from": f"a@b.example{poison}"}),
                    ("to", {"to": f"{poison}@c.example"}), ("cc", {"cc": [f"{poison} <b@c.example>"]}),
                    ("bcc", {"bcc": f"b@c.example{poison}"}), ("reply_to", {"reply_to": f"{poison} <b@c.example>"}),
                    ("subject", {"subject": poison}), ("headers.X-A", {"headers": {"X-A": poison}}),
                    ("return_path", {"return_path": f"{poison}@b.example"}),
                    ("unsubscribe.url", {"unsubscribe": {"url": f"https://a.example/{poison}"}}),
                    ("unsubscribe.mailto", {"unsubscribe": {"mailto": f"u@a.example{poison}"}}),
                    ("tags", {"tags": [{"name": "n", "value": poison}]}),
                    ("attachments.0.filename", {"attachments": [{"content": "", "filename": poison}]}),
                    ("attachments.0.content_type", {"attachments": [{"content": "", "content_type": f"a/b{poison}"}]}),
                    ("attachments.0.content_id", {"attachments": [{"content": "", "content_id": poison}]}),
                    ("recipients.0.email", {"to": None, "recipients": [{"email": f"b@c.example{poison}"}]})]
            for param, fields in rows:
                with self.subTest(param=param, poison=poison):
                    self.check(self.post({**PLAIN, **fields}), 422, "validation_error", param)
            named = self.post({**PLAIN, "headers": {f"X{poison}": "v"}})
            self.assertEqual((named[0], named[1]["name"], named[1]["param"][:7]), (422, "validation_error", "headers"))
            merged = self.post({"from": "a@b.example", "subject": "{{x}}", "recipients": [
                {"email": "b@c.example", "variables": {"x": poison}}]})
            self.assertEqual((merged[0], merged[1]["name"]), (422, "validation_error"))
        self.assertEqual(self.out.messages, [])

    def test_bodies_that_are_no_json(self):
        rows = [(b"", None), (b"{", None), (b"[" * 100_000, None), (b'{"from":"\xff"}', None), (b"{}{}", None),
                (b'{"a":1,"b":{"c":1,"c":2}}', "b.c"), (DEEP, ".".join(["metadata"] + ["x"] * 63)),
                (b'{"priority":1e999}', "priority"), (b'{"priority":' + b"9" * 10_000 + b"}", "priority"),
                (b'{"subject":"\\ud800"}', "subject"), (b'{"subject":"a\nb"}', None), (b"\xef\xbb\xbf{}", None)]
        for body, param in rows:
            with self.subTest(body=body[:40]):
                self.check(self.post(body), 400, "validation_error", param)
        lines = json.dumps(PLAIN).encode() + b'\n{"a":1,"a":1}\n'
        answer = self.post(lines, "/emails/batch", content_type="application/x-ndjson")
        self.check(answer, 400, "validation_error", "a")
        self.assertIn("line 2: ", answer[1]["message"])

    def test_a_bad_line_among_good_ones(self):
        """Permissive: a line that is no JSON is one email's problem, as one that is no email."""
        good = json.dumps(PLAIN).encode()
        lines = b"\n".join([b"{", good, b'{"a":1,"a":1}', b"", good, b"[]", b'{"from":']) + b"\n"
        for body, encoding in ((lines, {}), (gzip.compress(lines), {"content_encoding": "gzip"})):
            status, answer, _ = self.post(body, "/emails/batch", content_type="application/x-ndjson",
                                          x_batch_validation="permissive", **encoding)
            self.assertEqual((status, len(answer["data"])), (200, 2), answer)
            self.assertEqual([error["index"] for error in answer["errors"]], [0, 2, 4, 5])  # empty lines count not
            self.assertIn("line 1: ", answer["errors"][0]["message"])
        status, answer, _ = self.post(b"{\n", "/emails/batch", content_type="application/x-ndjson",
                                      x_batch_validation="permissive")
        self.assertEqual((status, answer["data"], len(answer["errors"])), (200, [], 1))

    def test_gzip(self):
        whole = gzip.compress(json.dumps(PLAIN).encode())
        for body in (b"no gzip", whole[:-4], whole[:20], whole + b"x", whole[:15] + b"\xff\xff" + whole[17:]):
            self.check(self.post(body, content_encoding="gzip"), 400, "validation_error")
        bomb = gzip.compress(b" " * 300_000_000)
        self.assertGreater(len(bomb), LIMIT)  # refused by its length alone
        self.check(self.post(bomb, content_encoding="gzip"), 413, "payload_too_large")
        small = gzip.compress(b" " * 100_000_000)
        self.assertLess(len(small), LIMIT)
        self.check(self.post(small, content_encoding="gzip"), 413, "payload_too_large")
        self.assertEqual(self.post(whole, content_encoding="gzip")[0], 200)

    def test_too_large(self):
        self.check(self.post({**PLAIN, "text": "x" * LIMIT}), 413, "payload_too_large")
        self.check(self.post({**PLAIN, "text": "x" * 150_000}), 413, "payload_too_large")
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        self.check(self.raw(b"POST /emails HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 64),
                   413, "payload_too_large")

    def test_types_methods_paths(self):
        self.check(self.post(b"<a/>", content_type="text/xml"), 415, "unsupported_media_type")
        self.check(self.post(b"<a/>", "/emails/batch", content_type="text/xml"), 415, "unsupported_media_type")
        self.check(self.post(PLAIN, content_encoding="br"), 415, "unsupported_media_type")
        for method, path, allow in (("DELETE", "/emails", "GET"), ("PUT", "/emails/batch", "POST"),
                                    ("POST", "/events", "GET"), ("DELETE", f"/emails/{SOMEBODY}/cancel", "POST")):
            fields = self.check(self.ask(method, path), 405, "method_not_allowed")
            self.assertIn(allow, fields["allow"])
        for path in ("/nothing", f"/emails/{SOMEBODY}", "/emails/x", f"/emails/{SOMEBODY}/x", "/webhooks/x",
                     "/suppressions/x", "/EMAILS", "//emails"):
            self.check(self.ask("GET", path), 404, "not_found")
        for path in ("/emails/../emails", "/emails/%2e%2e/x", "/emails/..%2f", "/emails%2fx", "/emails/%00",
                     "/emails/%zz", "/emails/%c0%af", "/emails/\\..\\x"):
            with self.subTest(path=path):
                status, body, _ = answer = self.ask("GET", path)
                self.assertIn(status, (400, 404), path)
                self.check(answer, status, "validation_error" if status == 400 else "not_found")
        self.check(self.raw(b"BREW /emails HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 405, "method_not_allowed")

    def test_slow_requests(self):
        head = b"POST /emails HTTP/1.1\r\nHost: a\r\n"
        self.check(self.raw(head), 408, "request_timeout")
        self.check(self.raw(head + b"Content-Length: 100\r\n\r\n{"), 408, "request_timeout")

    def test_no_http(self):
        for request in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"GET /\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        b"POST /emails HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.subTest(request=request[:60]):
                self.check(self.raw(request), 400, "validation_error")
        self.check(self.raw(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n"), 431, "validation_error")
        self.check(self.raw(b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "validation_error")

    def test_idempotency(self):
        for key in ("", "k" * 257):
            self.check(self.post(PLAIN, idempotency_key=key), 400, "invalid_idempotency_key")
        self.assertEqual(self.post(PLAIN, idempotency_key="k" * 256)[0], 200)
        self.check(self.post({**PLAIN, "subject": "other"}, idempotency_key="k" * 256), 409,
                   "invalid_idempotent_request")

    def test_concurrent_idempotent_requests(self):
        batch = json.dumps([PLAIN] * 1000).encode()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for round_number in range(50):
                key = f"round {round_number}"
                running = [pool.submit(self.post, batch, "/emails/batch", idempotency_key=key) for _ in range(8)]
                answers = [one.result() for one in running]
                self.assertEqual({a[0] for a in answers} - {200, 409}, set())
                refused = [a for a in answers if a[0] == 409]
                if refused:
                    break
        self.assertTrue(refused, "50 rounds of eight requests at once, and none met another")
        self.check(refused[0], 409, "concurrent_idempotent_requests")

    def test_others_notice_nothing(self):
        """Fifty connections that each send the worst of the above, then stall: mail goes on."""
        heads = [b"POST /emails HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"[" * 50_000] * 50
        peers = [socket.create_connection(("127.0.0.1", self.http_port), PATIENCE) for _ in heads]
        for peer, head in zip(peers, heads):
            self.addCleanup(peer.close)
            peer.sendall(head)
        self.assertEqual(self.post(PLAIN)[0], 200)
        self.out.wait_messages(1)

    def test_the_table_is_complete(self):
        """Each name in the table of docs/api.md occurs in a row of this file."""
        table = (ROOT / "docs/api.md").read_text().split("## Errors", 1)[1].split("\n## ", 1)[0]
        names = set(re.findall(r"`([a-z]+_[a-z_]+)`", table)) - {"request_id"}
        self.assertGreater(len(names), 12)
        mine = pathlib.Path(__file__).read_text()
        self.assertEqual([name for name in sorted(names) if f'"{name}"' not in mine], [])


class Keys(ErrorApi):
    def setUp(self):
        digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("re_send", "re_read", "re_slow")}
        self.options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=send from=client.example} "
                        "{%s = tenant=one scopes=read} {%s = tenant=one scopes=send rate=2/s} }" % (
                            digest["re_send"], digest["re_read"], digest["re_slow"])}
        super().setUp()

    def test_keys_and_scopes(self):
        for path in ("/emails", "/emails/batch"):
            fields = self.check(self.post(PLAIN, path), 401, "missing_api_key")
            self.assertEqual(fields["www-authenticate"], "Bearer")
            self.check(self.post(PLAIN, path, authorization="Bearer wrong"), 403, "invalid_api_key")
            self.check(self.post(PLAIN, path, authorization="Basic cmVfc2VuZDo="), 403, "invalid_api_key")
            self.check(self.post(PLAIN, path, authorization="Bearer re_read"), 401, "restricted_api_key")
        for path in ("/emails", "/events", f"/emails/{SOMEBODY}", "/webhooks", "/suppressions"):
            self.check(self.ask("GET", path), 401, "missing_api_key")
            self.check(self.ask("GET", path, authorization="Bearer re_send"), 401, "restricted_api_key")
        self.check(self.post({**PLAIN, "from": "a@other.example"}, authorization="Bearer re_send"), 403,
                   "validation_error", "from")

    def test_rate(self):
        def limited():
            answer = self.post(PLAIN, authorization="Bearer re_slow")
            return answer[0] == 429 and answer
        fields = self.check(wait_until(limited, "a 429"), 429, "rate_limit_exceeded")
        self.assertEqual((fields["ratelimit-limit"], fields["ratelimit-remaining"]), ("2", "0"))
        self.assertGreaterEqual(int(fields["ratelimit-reset"]), 1)
        self.assertEqual(fields["retry-after"], fields["ratelimit-reset"])


class Pressure(ErrorApi):
    options = {"queue_minfree": "999999999999999"}

    def test_no_room(self):
        fields = self.check(self.post(PLAIN), 503, "service_unavailable")
        self.assertGreaterEqual(int(fields["retry-after"]), 1)
        fields = self.check(self.post([PLAIN], "/emails/batch"), 503, "service_unavailable")
        self.assertGreaterEqual(int(fields["retry-after"]), 1)


class Draining(ErrorApi):
    def test_draining(self):
        self.assertEqual(self.ask("POST", "/admin/v1/drain")[0], 200)
        wait_until(lambda: self.ask("GET", "/readyz")[0] == 503, "not ready")
        fields = self.check(self.post(PLAIN), 503, "service_unavailable")
        self.assertGreaterEqual(int(fields["retry-after"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
