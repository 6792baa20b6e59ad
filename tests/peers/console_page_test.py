#!/usr/bin/env python3
"""Goal: each view of the console works in a browser, without an error and without anything that its
policy forbids; holding and deleting do it; what comes from mail stays text.
Method: headless Chromium on the real program with mail that waits.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, Scenario, free_port, listening, stop_process, wait_until  # noqa: E402
from browser import Browser, chromium  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402
from webhook_test import Receiver  # noqa: E402

EVIL = '<script>window.owned = 1</script><img src=x onerror="window.owned = 1">'
DIGEST = hashlib.sha256(b"re_acme").hexdigest()


def need_browser(test):
    if chromium() is None:
        test.skipTest("chromium is not installed (tools/install-deps --tests)")
    browser = Browser(str(test.directory))
    test.addCleanup(browser.close)
    return browser


class Console(HttpApi):
    options = {"shard_count": "2", "minimal_backoff_time": "1h", "maximal_backoff_time": "1h",
               "http_api_key_maps": "inline:{ {%s = tenant=acme scopes=send,read} }" % DIGEST}

    def setUp(self):
        super().setUp()
        self.out.script = lambda stage, argument, session: \
            f"451 4.7.1 {EVIL} greylisted" if stage == "rcpt" and argument.endswith("@slow.example") else None
        for i in range(3):
            self.email = self.post({**PLAIN, "to": [f"joe{i}@slow.example", f"ann{i}@quick.example"], "subject": f"{EVIL} {i}",
                                    "tags": [{"name": "kind", "value": "bill"}]}, authorization="Bearer re_acme")[1]["id"]
        self.server.wait_queue(lambda entries: len(entries) == 3 and all(e["queue_name"] == "deferred" for e in entries),
                               "three deferred")
        self.page = need_browser(self)
        self.base = f"http://127.0.0.1:{self.http_port}"

    def view(self, place, sign):
        self.page.run(f"void (location.hash = {json.dumps(place)})")
        self.page.wait(f"document.querySelector('main').innerText.includes({json.dumps(sign)})", f"{place} shows {sign}")

    def accept(self, verb):
        self.page.wait(f"document.querySelector('dialog [data-act=accept]')?.innerText === {json.dumps(verb)}", f"asked: {verb}?")
        self.page.click("dialog [data-act=accept]")
        self.page.wait("!document.querySelector('dialog')", "the dialog is closed")

    def check(self):
        self.assertEqual(self.page.problems(), [])
        self.assertIsNone(self.page.run("window.owned ?? null"))
        self.assertEqual(self.page.run("document.querySelectorAll('main img, main script').length"), 0)
        foreign = [url for url in self.page.requests() if not url.startswith((self.base, "about:", "data:", "blob:"))]
        self.assertEqual(foreign, [])

    def test_every_view(self):
        queue_id = self.server.queue()[0]["queue_id"]
        self.page.open(self.base + "/console")
        self.page.wait("location.pathname === '/console/'")
        self.page.wait("document.querySelector('#state').innerText.includes('accepting')", "the header says how it is")
        views = (("#/overview", "greylisted"), ("#/queue", "slow.example"), ("#/messages", queue_id),
                 ("#/messages?recipient=%40slow.example&state=deferred", "3 messages"), ("#/messages/sent", f"{EVIL} 2"),
                 ("#/messages/sent?tag=kind&tenant=acme", "acme"), (f"#/messages/{queue_id}", "delivered"),
                 (f"#/messages/{self.email}", "quick.example"), ("#/destinations", "Next hops"), ("#/tenants", "acme"),
                 ("#/holds", "Nothing is suspended"), ("#/suppressions?tenant=acme", "no mail of acme"),
                 ("#/webhooks", "Nobody has asked"))
        for place, sign in views:
            with self.subTest(view=place):
                self.view(place, sign)
                self.assertLessEqual(self.page.run("document.documentElement.scrollWidth"), 1280)
                self.check()
        self.page.resize(390, 844, mobile=True)
        for place, sign in views:
            with self.subTest(phone=place):
                self.view(place, sign)
                self.assertLessEqual(self.page.run("document.documentElement.scrollWidth"), 390)
        self.check()

    def wait_text(self, text):
        self.page.wait(f"document.querySelector('main').innerText.includes({json.dumps(text)})", text)
        return self.page.text("main")

    def test_hold_and_delete(self):
        first, second, third = (entry["queue_id"] for entry in self.server.queue())
        self.page.open(f"{self.base}/console/#/messages/{first}")
        self.page.click("[data-act=hold]")
        self.accept("Hold")
        self.page.wait("document.querySelector('.head .chip').innerText === 'on hold'", "it is on hold")
        self.assertEqual({e["queue_id"]: e["queue_name"] for e in self.server.queue()}[first], "hold")
        self.page.click("[data-act=delete]")  # asked, and refused
        self.page.click("dialog button:not([data-act])")
        self.page.wait("!document.querySelector('dialog')")
        self.assertEqual(len(self.server.queue()), 3)
        self.page.click("[data-act=delete]")
        self.accept("Delete")
        self.server.wait_queue(lambda entries: {e["queue_id"] for e in entries} == {second, third}, "it is gone")
        # A chosen one, then all that match.
        self.page.run("void (location.hash = '#/messages')")
        self.page.click(f"main input[data-key='{second}']")
        self.page.click("[data-act=delete]")
        self.accept("Delete")
        self.server.wait_queue(lambda entries: [e["queue_id"] for e in entries] == [third], "the chosen one is gone")
        self.page.wait("document.querySelectorAll('main tbody tr').length === 1", "the list says so")
        self.page.click("[data-act=flush]")
        self.accept("Flush")
        self.assertIn("Deleted: 1 message", self.server.log())

    def test_suppress_and_remove(self):
        self.page.open(f"{self.base}/console/#/suppressions?tenant=acme")
        self.wait_text("None: every address may get mail")
        self.page.click("main button.main[type=button]")
        self.page.wait("document.querySelector('dialog [name=email]')")
        self.page.run("void (document.querySelector('dialog [name=email]').value = 'joe@slow.example')")
        self.accept("Suppress")
        self.wait_text("manual")
        listed = self.ask("GET", "/admin/v1/suppressions?tenant=acme")[1]
        self.assertEqual(json.loads(listed)["email"], "joe@slow.example")
        self.page.click("main [data-key='joe@slow.example']")
        self.accept("Remove")
        self.wait_text("None: every address may get mail")
        self.assertEqual(self.ask("GET", "/admin/v1/suppressions?tenant=acme")[1], "")
        self.check()

    def test_suspend_and_resume(self):
        self.page.open(f"{self.base}/console/#/holds")
        self.page.click("main button.main")
        self.page.wait("document.querySelector('dialog [name=value]')")
        self.page.run("void (document.querySelector('dialog [name=value]').value = 'slow.example')")
        self.page.run(f"void (document.querySelector('dialog [name=reason]').value = {json.dumps(EVIL)})")
        self.accept("Suspend")
        self.wait_text(EVIL)
        told = self.ask("GET", "/admin/v1/suspensions")[1]
        self.assertEqual(json.loads(told)["name"], "domain:slow.example")
        self.page.click("main [data-key='domain:slow.example']")
        self.accept("Resume")
        self.wait_text("Nothing is suspended")
        self.check()


class Webhooks(HttpApi):
    options = {"webhook_private_networks": "127.0.0.0/8", "webhook_retry_schedule": "1s"}

    def test_dead_events_are_shown_and_replayed(self):
        receiver = Receiver(lambda call: 500)
        self.addCleanup(receiver.close)
        hook = self.post({"endpoint": receiver.url + "/" + "x" * 40, "events": ["email.delivered"]}, "/webhooks")[1]["id"]
        page = need_browser(self)
        page.open(f"http://127.0.0.1:{self.http_port}/console/#/webhooks")
        page.wait("document.querySelector('main tbody .chip')?.innerText === 'up to date'", "the endpoint is listed")
        self.wait_state(self.post(PLAIN)[1]["id"], "delivered")
        page.wait("document.querySelector('main tbody .chip')?.innerText === 'events given up'", "its event is dead")
        self.assertEqual(self.ask("GET", "/admin/v1/webhooks")[1]["data"][0]["dead"], 1)
        count = len(receiver.calls)
        receiver.script = None
        page.click(f"main [data-key='{hook}']")
        page.wait("document.querySelector('dialog [data-act=accept]')?.innerText === 'Replay'", "asked")
        page.click("dialog [data-act=accept]")
        wait_until(lambda: len(receiver.calls) > count, "it is sent again")
        page.wait("document.querySelector('main tbody .chip')?.innerText === 'up to date'", "and taken")
        self.assertEqual(page.problems(), [])
        self.assertEqual(self.ask("POST", "/admin/v1/webhooks/none/replay", {})[0], 404)


class WithKey(Scenario):
    def test_beyond_this_host_it_asks_for_a_key(self):
        port, smtp = free_port(), free_port()
        server = self.barid(start=False, http_api_key_maps="inline:{ {%s = tenant=one scopes=admin} }" %
                            hashlib.sha256(b"re_admin").hexdigest(), services=[
            f"127.0.0.1:{smtp} inet n - n - - smtpd",
            f"0.0.0.0:{port} inet n - n - - httpd -o http_roles=admin,console,metrics"])
        server.port = smtp
        server.start()
        wait_until(lambda: listening(port), "HTTP is served")
        page = need_browser(self)
        page.open(f"http://127.0.0.1:{port}/console/")
        page.wait("document.querySelector('dialog [name=key]')", "it asks for a key")
        page.run("void (document.querySelector('dialog [name=key]').value = 're_admin')")
        page.click("dialog [data-act=accept]")
        page.wait("document.querySelector('#state').innerText.includes('accepting')", "it is let in")
        self.assertEqual(page.run("JSON.stringify([...Object.values(sessionStorage)])"), '["re_admin"]')
        self.assertNotIn("re_admin", page.run("JSON.stringify(localStorage) + document.cookie + location.href"))


class Mailbox(Scenario):
    def test_the_mailbox_of_dev(self):
        port, smtp = free_port(), free_port()
        output = open(self.directory / "output", "wb")
        self.addCleanup(output.close)
        dev = subprocess.Popen([BARID, "dev", "--data", str(self.directory / "data"), "--smtp-port", str(smtp),
                                "--http-port", str(port), "--mailbox-port", str(free_port())],
                               stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.addCleanup(stop_process, dev)
        wait_until(lambda: listening(port) and listening(smtp), "barid dev serves")
        mail = (f"Subject: {EVIL}\r\nContent-Type: text/html\r\n\r\n<h1 id=hello>Hello</h1>{EVIL}"
                "<form action=//evil.example><input name=a></form>\r\n")
        subprocess.run(["curl", "-s", f"smtp://127.0.0.1:{smtp}", "--mail-from", "a@a.example", "--mail-rcpt", "b@b.example",
                        "-T", "-"], input=mail.encode(), check=True, timeout=60)
        page = need_browser(self)
        page.open(f"http://127.0.0.1:{port}/console/#/mailbox")
        page.wait("document.querySelector('.mails .subject')", "the message is listed")
        self.assertEqual(page.text(".mails .subject"), EVIL)
        page.click(".mails a")
        page.wait("document.querySelector('iframe.mail')", "its HTML is shown")
        frame = wait_until(lambda: next((one["frame"] for one in page.ask("Page.getFrameTree")["frameTree"].get("childFrames", [])
                                         if one["frame"]["url"].endswith("/html")), None), "the frame has loaded")
        world = page.ask("Page.createIsolatedWorld", {"frameId": frame["id"]})["executionContextId"]
        shown = page.ask("Runtime.evaluate", {"contextId": world, "returnByValue": True, "expression":
                                              "[document.querySelector('#hello').innerText, window.owned ?? null, self.origin]"})
        self.assertEqual(shown["result"]["value"], ["Hello", None, "null"])
        self.assertIsNone(page.run("window.owned ?? null"))
        for name in ("HTML source", "Header", "Raw"):
            page.click(f".switch [data-key='{name}']")
            page.wait("document.querySelector('.panel:last-child').innerText.includes('onerror')", name)
        page.click("main .danger.small")
        page.click("dialog [data-act=accept]")
        page.wait("document.querySelector('main').innerText.includes('Nothing was delivered yet')", "it is gone")
        # The frame's own policy refused its script and its picture, as it should; nothing else went wrong.
        others = [one for one in page.problems() if not re.search("sandboxed|img-src data:|/html", one)]
        self.assertEqual(others, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
