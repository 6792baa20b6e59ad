#!/usr/bin/env python3
"""Goal: an authenticated client that repeats a message under its Idempotency-Key gets the first reply
and makes no second copy, over kill -9 too; another message under that key is refused.
Method: the real program, smtplib logged in with an API key, HTTP beside it, a scripted sink.
"""

import concurrent.futures
import hashlib
import pathlib
import smtplib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from http_harness import PLAIN, HttpApi  # noqa: E402

TEXT = "From: ann@client.example\r\nSubject: once\r\nMessage-ID: <1@client.example>\r\n{0}\r\nhello\r\n"
KEY = "Idempotency-Key: order-7\r\n"


class Once(HttpApi):
    def setUp(self):
        digest = hashlib.sha256(b"re_key").hexdigest()
        self.options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=admin} }" % digest,
                        "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "passwd", "mynetworks": "127.9.9.9/32"}
        super().setUp()

    def send(self, text, to=("bob@sink.example",), login=True):
        """The reply to the message."""
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=30) as client:
            client.ehlo()
            if login:
                client.login("apikey", "re_key")
            client.mail("ann@client.example")
            for address in to:
                self.assertEqual(client.rcpt(address)[0], 250)
            code, reply = client.data(text)
            return code, reply.decode()

    def test_repeated_messages(self):
        first = self.send(TEXT.format(KEY))
        self.assertRegex(first[1], "queued as [0-9A-Za-z]{12}")
        self.assertEqual(self.send(TEXT.format(KEY)), first)
        self.server.wait_queue()  # what is delivered and not yet written off may come again
        self.server.kill()
        self.start()
        self.assertEqual(self.send(TEXT.format(KEY)), first)
        code, reply = self.send(TEXT.format(KEY) + "more\r\n")
        self.assertEqual((code, reply[:5]), (554, "5.6.0"))
        self.assertEqual(self.send(TEXT.format(KEY), to=("eve@sink.example",))[0], 554)
        self.assertEqual(self.send(TEXT.format("Idempotency-Key: " + "k" * 257 + "\r\n"))[0], 554)
        self.assertNotEqual(self.send(TEXT.format("")), self.send(TEXT.format("")))
        status, answer, _ = self.post(PLAIN, authorization="Bearer re_key", idempotency_key="order-7")
        self.assertEqual((status, answer["name"]), (409, "invalid_idempotent_request"))
        self.out.wait_messages(3)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 3)

    def test_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: self.send(TEXT.format(KEY)), range(16)))
        taken = {reply for code, reply in replies if code == 250}
        self.assertEqual(len(taken), 1)
        self.assertEqual({code for code, _ in replies} - {250, 451}, set())
        self.out.wait_messages(1)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
