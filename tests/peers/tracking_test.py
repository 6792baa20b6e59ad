#!/usr/bin/env python3
"""Goal: who asks for it learns when an email was opened and which link was followed; nobody else can make
such a link, and the links lead where the sender's led.
Method: the real program; the test is the recipient's mail program.
"""

import email
import email.policy
import html.parser
import http.client
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

PAGE = ("<html><body><p>Grüße</p><a href='https://shop.example/?a=1&amp;b=ü'>buy</a> "
        "<a href=\"https://shop.example/unsubscribe\">no more</a> <a href='mailto:x@y.example'>mail</a></body></html>")
BOTH = {"opens": True, "clicks": True}


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.images = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found["src"])


class Tracking(HttpApi):
    def setUp(self):
        super().setUp()
        self.base = f"http://127.0.0.1:{self.http_port}"
        self.server.configure(tracking_base_url=self.base)
        self.server.reload()
        wait_until(lambda: self.post({**PLAIN, "to": "probe@sink.example", "track": BOTH})[0] == 200, "the reload")
        self.out.wait_messages(1)
        self.seen = len(self.out.messages)

    def get(self, url, method="GET"):
        self.assertTrue(url.startswith(self.base), url)
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
        connection.request(method, url[len(self.base):], headers={"user-agent": "Reader/1"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    def sent(self, count=1, **fields):
        """[(recipients, html)] of the copies of one email, and its id."""
        before = len(self.out.messages)
        status, answer, _ = self.post({**PLAIN, "html": PAGE, **fields})
        self.assertEqual(status, 200, answer)
        taken = self.out.wait_messages(before + count)[before:]
        parsed = [(m.recipients, email.message_from_bytes(m.content, policy=email.policy.default)) for m in taken]
        return answer["id"], [(to, m.get_body(("html",)).get_content().rstrip("\n")) for to, m in parsed]

    def events(self, kind, count):
        def there():
            found = [e["data"] for e in self.ask("GET", "/events?limit=1000")[1]["data"] if e["type"] == kind]
            return len(found) >= count and found
        return wait_until(there, f"{count} {kind}")

    def test_opens_and_clicks(self):
        email_id, [(_, page)] = self.sent(track=BOTH, unsubscribe={"url": "https://shop.example/unsubscribe"},
                                          tags=[{"name": "a", "value": "b"}])
        found = Links(page)
        self.assertEqual(found.links[1:], ["https://shop.example/unsubscribe", "mailto:x@y.example"])
        status, fields, body = self.get(found.images[0])
        self.assertEqual((status, fields["content-type"], body[:6]), (200, "image/gif", b"GIF89a"))
        self.assertIn("no-store", fields["cache-control"])
        opened = self.events("email.opened", 1)[0]
        self.assertEqual((opened["email_id"], opened["recipient"], opened["tags"]), (email_id, PLAIN["to"], {"a": "b"}))
        self.wait_state(email_id, "opened")
        self.assertEqual(opened["open"], {"ipAddress": "127.0.0.1", "userAgent": "Reader/1"})
        status, fields, _ = self.get(found.links[0])
        self.assertEqual((status, fields["location"]), (302, "https://shop.example/?a=1&b=%C3%BC"))
        clicked = self.events("email.clicked", 1)[0]
        self.assertEqual(clicked["click"], {"ipAddress": "127.0.0.1", "userAgent": "Reader/1",
                                            "link": "https://shop.example/?a=1&b=ü"})
        shown = self.wait_state(email_id, "clicked")["recipients"][0]
        self.assertEqual(shown["state"], "delivered")
        self.assertLess(shown["opened_at"], shown["clicked_at"])
        self.assertEqual(self.get(found.images[0], "HEAD")[0], 200)
        self.server.stop()
        self.start()
        self.assertEqual(self.get(found.links[0])[0], 302)  # the key is kept
        self.events("email.clicked", 2)
        self.assertEqual(len(self.events("email.opened", 1)), 1)
        self.assertEqual(self.wait_state(email_id, "clicked")["recipients"], [shown])  # of the first time

    def test_a_copy_with_several_recipients(self):
        email_id, [(_, page)] = self.sent(track=BOTH, to=["a@sink.example", "b@sink.example"])
        self.wait_state(email_id, "delivered")
        self.get(Links(page).images[0])
        shown = self.wait_state(email_id, "opened")
        self.assertEqual([r["opened_at"] for r in shown["recipients"]], [None, None])

    def test_only_what_was_wished(self):
        self.assertEqual(self.sent()[1][0][1], PAGE)
        self.assertEqual(self.sent(track={"opens": False})[1][0][1], PAGE)
        found = Links(self.sent(track={"opens": True})[1][0][1])
        self.assertEqual((found.links[0], len(found.images)), ("https://shop.example/?a=1&b=ü", 1))
        found = Links(self.sent(track={"clicks": True})[1][0][1])
        self.assertEqual(found.images, [])
        self.assertIn("/t/c/", found.links[0])
        plain = self.post({**PLAIN, "track": BOTH})  # no html: nothing to put a link into
        self.assertEqual(plain[0], 200)

    def test_each_copy_has_its_own(self):
        email_id, copies = self.sent(2, to=None, html=PAGE.replace("buy", "{{name}}"), track=BOTH, recipients=[
            {"email": "a@sink.example", "name": "A"}, {"email": "b@sink.example", "name": "B"}])
        for to, page in copies:
            self.get(Links(page).links[0])
        self.assertEqual({e["recipient"] for e in self.events("email.clicked", 2)}, {"a@sink.example", "b@sink.example"})
        shown = self.wait_state(email_id, "clicked")
        self.assertTrue(all(r["clicked_at"] and not r["opened_at"] for r in shown["recipients"]))

    def test_refused(self):
        for track, param in ((7, "track"), ({"opens": "yes"}, "track.opens")):
            status, answer, _ = self.post({**PLAIN, "track": track})
            self.assertEqual((status, answer["param"]), (422, param))
        status, answer, _ = self.post({**PLAIN, "text": None, "raw": "QTogYg0KDQp4DQo=", "track": BOTH})
        self.assertEqual((status, answer["param"]), (422, "track"))
        page = self.sent(track=BOTH)[1][0][1]
        link = Links(page).links[0]
        for forged in (link[:-6] + "AAAAAA", link.replace("/t/c/", "/t/o/"), self.base + "/t/c/aHR0cHM6Ly9ldmlsLmV4YW1wbGU"):
            status, fields, _ = self.get(forged)
            self.assertEqual((status, fields["location"]), (404, None), forged)
        self.server.configure(tracking_base_url="")
        self.server.reload()
        wait_until(lambda: self.post({**PLAIN, "track": BOTH})[0] == 422, "no tracking")
        self.assertEqual(self.post({**PLAIN, "track": BOTH})[1]["param"], "track")


if __name__ == "__main__":
    unittest.main(verbosity=2)
