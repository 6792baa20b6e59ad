#!/usr/bin/env python3
"""Goal: a body is held once and refused as soon as it is too large; requests of one connection are
answered in order; other sites' pages are told nothing; the access log says who asked for what and never
with which key; a stop answers what is under way.
Method: the real program, raw sockets, its memory as /proc shows it, its log.
"""

import gzip
import hashlib
import http.client
import json
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

MIB = 1024 * 1024


class Wire(HttpApi):
    def connect(self, start=b""):
        peer = socket.create_connection(("127.0.0.1", self.http_port), PATIENCE)
        self.addCleanup(peer.close)
        peer.sendall(start)
        return peer

    @staticmethod
    def head(path="/emails", method="POST", **fields):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    @staticmethod
    def read_all(peer):
        answer = b""
        try:
            while piece := peer.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


class Bodies(Wire):
    def memory(self):
        text = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def test_large_bodies_are_held_once(self):
        count, text = 4, b"x" * (30 * MIB)
        body = json.dumps(PLAIN).encode()[:-1] + b',"html":"' + text + b'"}'
        self.assertEqual(self.post(PLAIN)[0], 200)
        before = self.memory()
        held = count * len(body)
        peers = [self.connect(self.head(Content_Length=len(body))) for _ in range(count)]
        senders = [threading.Thread(target=peer.sendall, args=(body[:-1],)) for peer in peers]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        wait_until(lambda: self.memory() - before > 0.9 * held, "the bodies have arrived")
        self.assertLess(self.memory() - before, 1.25 * held)
        for peer in peers:
            peer.close()  # one byte short: nothing was asked for
        wait_until(lambda: self.memory() - before < 0.5 * held, "their memory is given back")
        self.assertEqual(len(self.out.wait_messages(1)), 1)

    def test_copies_of_one_request_have_a_bound(self):
        """A megabyte for each of a thousand recipients is a gigabyte of messages."""
        before = self.memory()
        recipients = [{"email": f"r{i}@out.test"} for i in range(1000)]
        email = {"from": PLAIN["from"], "subject": "copies", "text": "x" * MIB, "recipients": recipients}
        for path, body in (("/emails", email), ("/emails/batch", [email, PLAIN])):
            status, answer, _ = self.post(body, path)
            self.assertEqual((status, answer["name"]), (413, "payload_too_large"), answer)
            self.assertIn("256 MiB together", answer["message"])
        self.assertLess(self.memory() - before, 400 * MIB)
        self.assertEqual(self.post(PLAIN)[0], 200)
        self.assertEqual(len(self.out.wait_messages(1)), 1)


class Limits(Wire):
    options = {"http_body_limit": "100000"}

    def refused_early(self, head, pieces, sent_max):
        """413 comes while the client still sends."""
        peer, sent = self.connect(head), 0
        peer.settimeout(0.2)
        answer = b""
        try:
            for piece in pieces:
                peer.sendall(piece)
                sent += len(piece)
                if sent > 200_000:
                    answer += peer.recv(65536)
                if answer:
                    break
        except TimeoutError:
            self.fail(f"no answer after {sent} bytes")
        except OSError:
            pass  # it has answered and closed
        self.assertLess(sent, sent_max)
        peer.settimeout(PATIENCE)
        answer += self.read_all(peer)
        self.assertIn(b" 413 ", answer[:20], answer)
        self.assertIn(b'"name":"payload_too_large"', answer)

    def test_chunked(self):
        chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
        self.refused_early(self.head(Transfer_Encoding="chunked"), (chunk for _ in range(10_000)), 20 * MIB)

    def test_length(self):
        answer = self.read_all(self.connect(self.head(Content_Length=100_001)))
        self.assertIn(b" 413 ", answer[:20])

    def test_who_sends_it_all_hears_why_it_was_refused(self):
        """More than the kernels' buffers hold: closing at once would reset the connection instead."""
        body = b" " * (30 * MIB)
        self.assertEqual(self.post(body)[0], 413)
        for encode_chunked in (False, True):
            fields = {"content-type": "application/json"} | ({} if encode_chunked else {"content-length": str(len(body))})
            connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
            pieces = (body[start:start + MIB] for start in range(0, len(body), MIB))
            connection.request("POST", "/emails", pieces, fields, encode_chunked=encode_chunked)
            answer = connection.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["name"]), (413, "payload_too_large"))
            connection.close()

    def test_gzip(self):
        bomb = gzip.compress(b" " * (300 * MIB), 9)
        self.assertGreater(len(bomb), 200_000)
        peer = self.connect(self.head(Content_Encoding="gzip", Content_Length=len(bomb)))
        peer.sendall(bomb[:1000])  # a megabyte of it, and the rest is not waited for
        self.assertIn(b" 413 ", self.read_all(peer)[:20])
        small = gzip.compress(json.dumps(PLAIN).encode())
        for body in (small[:-5], small[:20], small + b"x", b"no gzip"):
            with self.subTest(body=body[:8]):
                answer = self.post(body, content_encoding="gzip")
                self.assertEqual((answer[0], answer[1]["name"]), (400, "validation_error"))
        self.assertEqual(self.post(small, content_encoding="gzip")[0], 200)


class Endless(Wire):
    options = {"http_body_limit": "100000", "http_timeout": "3s"}

    def test_who_never_stops_sending_is_cut_off(self):
        peer = self.connect(self.head(Transfer_Encoding="chunked"))
        begun, chunk = time.monotonic(), b"10000\r\n" + b" " * 65536 + b"\r\n"
        with self.assertRaises((ConnectionError, BrokenPipeError)):
            while time.monotonic() < begun + PATIENCE:
                peer.sendall(chunk)
        self.assertLess(time.monotonic() - begun, PATIENCE / 2)


class Order(Wire):
    def test_pipelined_requests_are_answered_in_order(self):
        body = json.dumps(PLAIN).encode()
        wire = b"".join(self.head(Content_Length=len(body), X_Request_Id=f"r{i}") + body if i % 2 else
                        self.head("/livez", "GET", X_Request_Id=f"r{i}") for i in range(40))
        peer = self.connect(wire + self.head("/livez", "GET", Connection="close"))
        answer = self.read_all(peer)
        self.assertEqual(re.findall(rb"^x-request-id: (r\d+)\r$", answer, re.M), [b"r%d" % i for i in range(40)])
        self.assertEqual(len(re.findall(rb"^HTTP/1\.1 200 OK\r$", answer, re.M)), 41)
        self.out.wait_messages(20)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 20)

    def test_a_stop_answers_what_is_under_way(self):
        body = json.dumps(PLAIN).encode()
        idle = self.connect(self.head("/livez", "GET"))
        idle.recv(65536)
        peer = self.connect(self.head(Content_Length=len(body)) + body[:10])
        wait_until(lambda: re.search(r"barid_http_connections_open\{[^}]*\} [2-9]", self.ask("GET", "/metrics")[1]) or
                   sum(int(n) for n in re.findall(r"barid_http_connections_open\{[^}]*\} (\d+)",
                                                  self.ask("GET", "/metrics")[1])) >= 3, "both are connected")
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.read_all(idle), b"")  # an idle connection ends at once
        peer.sendall(body[10:])
        answer = self.read_all(peer)
        self.assertIn(b"connection: close\r\n", answer)
        self.assertRegex(answer[:20], rb"^HTTP/1\.1 (200|503) ")
        self.assertEqual(self.server.process.wait(PATIENCE), 0)
        stored = answer.startswith(b"HTTP/1.1 200 ")
        self.start()
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 1 if stored else 0)


class Quiet(Wire):
    """What others than the client learn."""

    def setUp(self):
        self.options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=admin} }"
                        % hashlib.sha256(b"re_very_secret").hexdigest(), "webhook_private_networks": "127.0.0.0/8"}
        super().setUp()

    def test_no_cors(self):
        origin = {"origin": "https://evil.example", "authorization": "Bearer re_very_secret"}
        asked = {"access_control_request_method": "POST", "access_control_request_headers": "authorization"}
        for method, path in (("OPTIONS", "/emails"), ("GET", "/emails"), ("POST", "/emails"), ("GET", "/events"),
                             ("GET", "/livez"), ("OPTIONS", "/v3/mail/send"), ("GET", "/nothing")):
            with self.subTest(method=method, path=path):
                status, _, fields = self.ask(method, path, PLAIN if method == "POST" else None, **origin,
                                             **(asked if method == "OPTIONS" else {}))
                self.assertEqual([name for name in fields if name.lower().startswith("access-control-")], [])
                if method == "OPTIONS":
                    self.assertEqual((status, "POST" in fields["allow"]), (204, True))

    def test_access_log(self):
        key = {"authorization": "Bearer re_very_secret"}
        status, answer, fields = self.post(PLAIN, x_request_id="my-id.1", **key)
        self.assertEqual((status, fields["x-request-id"]), (200, "my-id.1"))
        line = self.server.wait_log(r"httpd\[\d+\]: (client=.*request_id=my-id\.1.*)")[0]
        size = len(json.dumps(PLAIN))
        self.assertRegex(line, r"^client=unknown\[127\.0\.0\.1\], request_id=my-id\.1, method=POST, path=/emails, "
                               rf"status=200, in={size}, out=\d+, us=\d+$")
        odd = self.post(PLAIN, x_request_id="a b\u00e9", **key)[2]["x-request-id"]
        self.assertRegex(odd, r"^[0-9a-f]{30}$")
        hook = self.post({"endpoint": "http://127.0.0.1:9/hush?token=re_very_secret", "events": ["email.sent"]},
                         "/webhooks", **key)[1]
        self.ask("GET", "/emails?limit=5&key=re_very_secret", **key)
        self.post(PLAIN, "/email", x_postmark_server_token="re_very_secret")
        self.post(PLAIN, authorization="Basic re_very_secret")
        self.post({**PLAIN, "to": "nobody"}, idempotency_key="re_very_secret", x_request_id="last", **key)
        self.server.wait_log("request_id=last")
        self.assertRegex(self.server.log(), r"method=GET, path=/emails, status=200")
        for secret in ("re_very_secret", hook["signing_secret"], "limit=5"):
            self.assertNotIn(secret, self.server.log() + self.server.output())


if __name__ == "__main__":
    unittest.main(verbosity=2)
