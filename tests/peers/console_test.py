#!/usr/bin/env python3
"""Goal: the console is served where its role is, with headers that keep everything else out; the admin
API that it asks counts and finds what is there; pages of others in the operator's browser get nothing.
Method: the real program asked directly, as browsers and as attackers ask.
"""

import gzip
import hashlib
import http.client
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, Scenario, free_port, listening, stop_process, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

PAGE = pathlib.Path(__file__).resolve().parents[2] / "http/console/page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = {"/console/" + ("" if file.name == "index.html" else file.name): file for file in PAGE.iterdir()}


def fetch(port, method, path, **headers):
    """(status, body, fields) as bytes came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=fields)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


class Serving(HttpApi):
    def get(self, path, method="GET", **headers):
        return fetch(self.http_port, method, path, **headers)

    def test_every_file(self):
        for path, file in FILES.items():
            with self.subTest(path=path):
                status, body, fields = self.get(path)
                self.assertEqual((status, body), (200, file.read_bytes()))
                self.assertEqual(fields["content-type"], TYPES[file.suffix])
                self.assertEqual(fields.get_all("cache-control"), ["no-cache"])
                self.assertEqual(fields["x-content-type-options"], "nosniff")
                self.assertEqual(fields["referrer-policy"], "no-referrer")
                policy = fields["content-security-policy"]
                for part in ("default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "base-uri 'none'"):
                    self.assertIn(part, policy)
                self.assertNotIn("unsafe", policy)
                self.assertNotIn("http", policy)
                status, body, head = self.get(path, "HEAD")
                self.assertEqual((status, body, head["content-length"]), (200, b"", fields["content-length"]))
                status, body, fields = self.get(path, if_none_match=fields["etag"])
                self.assertEqual((status, body, fields.get("content-length")), (304, b"", None))
                status, body, zipped = self.get(path, accept_encoding="gzip, br")
                if zipped.get("content-encoding") == "gzip":
                    self.assertEqual(gzip.decompress(body), file.read_bytes())
                    self.assertNotEqual(zipped["etag"], fields["etag"])
                    self.assertEqual(self.get(path, accept_encoding="gzip", if_none_match=zipped["etag"])[0], 304)

    def test_around_it(self):
        status, body, fields = self.get("/console")
        self.assertEqual((status, fields["location"]), (308, "/console/"))
        self.assertEqual(self.get("/console", "HEAD")[0], 308)
        status, _, fields = self.get("/")  # who types the name of the host only
        self.assertEqual((status, fields["location"], fields["cache-control"]), (308, "/console/", "no-store"))
        self.assertEqual([self.get("/", method)[0] for method in ("HEAD", "POST", "DELETE")], [308, 405, 405])
        for path in ("/console/nothing", "/console/a/b", "/console/index.html", "/console//", "/consol"):
            self.assertEqual(self.get(path)[0], 404, path)
        for path in ("/console/../emails", "/console/%2e%2e/x", "/console/..%2fx"):
            self.assertEqual(self.get(path)[0], 400, path)
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in ("/console", "/console/", "/console/main.js"):
                status, _, fields = self.get(path, method)
                self.assertEqual((status, fields["allow"]), (405, "GET, HEAD, OPTIONS"), (method, path))

    def test_the_page_loads_only_what_there_is(self):
        used = set(re.findall(r'(?:href|src)="([^"#]+)"', (PAGE / "index.html").read_text()))
        for file in PAGE.glob("*.js"):
            used |= set(re.findall(r'from "\./([^"]+)"', file.read_text()))
        self.assertEqual({f"/console/{name}" for name in used} | {"/console/"}, set(FILES))


class Roles(Scenario):
    def serve(self, *options, address="127.0.0.1", **main):
        port, smtp = free_port(), free_port()
        server = self.barid(start=False, **main, services=[
            f"127.0.0.1:{smtp} inet n - n - - smtpd",
            " ".join([f"{address}:{port} inet n - n - - httpd", *options])])
        server.port = smtp
        server.start()
        wait_until(lambda: listening(port), "HTTP is served")
        return server, port

    def test_only_where_the_role_is(self):
        server, port = self.serve("-o http_roles=api,admin,metrics")
        for path in ("/", "/console", "/console/", "/console/main.js"):
            self.assertEqual(fetch(port, "GET", path)[0], 404, path)
        done = subprocess.run(["curl", "-s", "--unix-socket", str(server.control_socket), "-o", "/dev/null", "-w",
                               "%{http_code}", "http://barid/console/"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.stdout, "200")

    def test_beyond_this_host_the_page_is_open_and_its_facts_are_not(self):
        entry = "{%s = tenant=one scopes=admin}" % hashlib.sha256(b"re_admin").hexdigest()
        server, port = self.serve("-o http_roles=admin,console", address="0.0.0.0", http_api_key_maps=f"inline:{{ {entry} }}")
        self.assertEqual(fetch(port, "GET", "/console/")[0], 200)
        status, body, _ = fetch(port, "GET", "/admin/v1/status")
        self.assertEqual((status, json.loads(body)["name"]), (401, "missing_api_key"))
        # A key is what no page of others has: where the request comes from does not matter then.
        self.assertEqual(fetch(port, "GET", "/admin/v1/status", authorization="Bearer re_admin",
                               sec_fetch_site="same-origin", host="console.example.org")[0], 200)
        server.stop()
        _, port = self.serve(address="0.0.0.0")
        self.assertEqual(fetch(port, "GET", "/console/")[0], 404)


class ForeignPages(HttpApi):
    """What a page from elsewhere can make a browser send (CSRF), and a name that it pointed here."""

    options = {"http_host_names": "$myhostname, ops.example.org"}

    def as_page(self, method, path, body=None, **headers):
        return self.ask(method, path, body, **headers)[0]

    def test_admin(self):
        own = f"http://127.0.0.1:{self.http_port}"
        self.out.script = lambda stage, argument, session: "451 4.3.0 not yet" if stage == "rcpt" else None
        self.assertEqual(self.post(PLAIN)[0], 200)
        attacks = [
            {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": f"http://127.0.0.1:{self.http_port + 1}"},
            {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site", "origin": "http://localhost:3000"},
            {"host": f"evil.example:{self.http_port}", "origin": f"http://evil.example:{self.http_port}"},
            {"host": f"evil.example:{self.http_port}", "sec_fetch_site": "same-origin"},
            {"host": "evil.example"}, {"host": "localhost.evil.example"}, {"host": "127.0.0.1.nip.example"}]
        calls = [("POST", "/admin/v1/queue/delete?all=true"), ("POST", "/admin/v1/stop"), ("POST", "/admin/v1/drain"),
                 ("POST", "/admin/v1/reload"), ("GET", "/admin/v1/queue"), ("GET", "/admin/v1/configuration"),
                 ("POST", "/admin/v1/suspensions?kind=domain&value=a.example"), ("DELETE", "/admin/v1/holds?all=true"),
                 ("POST", "/admin/v1/keys"), ("GET", "/admin/v1/queue_summary"), ("GET", "/admin/v1/routes")]
        for method, path in calls:
            for headers in attacks:
                with self.subTest(call=f"{method} {path}", headers=headers):
                    self.assertEqual(self.as_page(method, path, **headers), 403)
        # A form's content type changes nothing, and a preflight gets no permission.
        self.assertEqual(self.as_page("POST", "/admin/v1/queue/delete?all=true", b"a=b",
                                      content_type="application/x-www-form-urlencoded", origin="https://evil.example"), 403)
        status, _, fields = self.ask("OPTIONS", "/admin/v1/queue/delete", origin="https://evil.example",
                                     access_control_request_method="POST")
        self.assertEqual((status, fields.get("access-control-allow-origin")), (204, None))
        self.assertEqual(len(self.server.queue()), 1)  # nothing of it was done
        good = [{}, {"origin": own}, {"origin": own, "sec_fetch_site": "same-origin"},
                {"host": f"localhost:{self.http_port}", "origin": f"http://localhost:{self.http_port}"},
                {"host": "mx.barid.example"}, {"host": "ops.example.org"}, {"host": "[::1]:8025"},
                {"origin": "https://ops.example.org", "sec_fetch_site": "same-origin"}]
        for headers in good:
            with self.subTest(good=headers):
                self.assertEqual(self.as_page("POST", "/admin/v1/queue/hold?all=true", **headers), 200)
        self.assertEqual(self.as_page("GET", "/admin/v1/status", sec_fetch_site="none"), 200)
        self.assertEqual(self.as_page("POST", "/admin/v1/drain", sec_fetch_site="none"), 403)

    def test_submission_without_keys(self):
        """A service that takes everything from this host does not take it from its browser's pages."""
        for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}, {"origin": "null"},
                        {"host": "evil.example", "origin": "http://evil.example"},
                        {"host": "evil.example", "accept_language": "en"}):
            with self.subTest(headers=headers):
                self.assertEqual(self.post(PLAIN, **headers)[0], 403)
                self.assertEqual(self.as_page("GET", "/emails", **headers), 403)
                self.assertEqual(self.as_page("GET", "/webhooks", **headers), 403)
                self.assertEqual(self.as_page("GET", "/suppressions", **headers), 403)
        self.assertEqual(self.ask("GET", "/emails")[1]["data"], [])
        self.assertEqual(self.post(PLAIN)[0], 200)
        self.assertEqual(self.post(PLAIN, host="api.example.net")[0], 200)  # a program, behind a proxy
        self.assertEqual(self.post(PLAIN, origin=f"http://127.0.0.1:{self.http_port}")[0], 200)
        # What recipients' programs and monitors ask is for everybody.
        for path in ("/livez", "/metrics", "/openapi.json", "/console/"):
            self.assertEqual(self.as_page("GET", path, sec_fetch_site="cross-site"), 200, path)


class ForeignPagesAndKeys(HttpApi):
    options = {"http_api_key_maps": "inline:{ {%s = tenant=one scopes=send,read} }" % hashlib.sha256(b"re_one").hexdigest()}

    def test_a_key_is_proof_enough(self):
        self.assertEqual(self.post(PLAIN, origin="https://app.example", authorization="Bearer re_one")[0], 200)
        self.assertEqual(self.post(PLAIN, origin="https://app.example")[0], 401)
        self.assertEqual(self.ask("POST", "/admin/v1/drain", origin="https://app.example", authorization="Bearer re_one")[0], 403)


class AdminViews(HttpApi):
    options = {"shard_count": "2", "minimal_backoff_time": "1h", "maximal_backoff_time": "1h", "http_api_key_maps": "inline:{ %s }" % " ".join(
        "{%s = tenant=%s scopes=send,read}" % (hashlib.sha256(name.encode()).hexdigest(), name) for name in ("acme", "zeta"))}

    def send(self, tenant, **email):
        return self.post({**PLAIN, **email}, authorization=f"Bearer {tenant}")[1]["id"]

    def lines(self, path, method="GET"):
        status, text, _ = self.ask(method, path)
        self.assertEqual(status, 200, text)
        return [json.loads(line) for line in text.splitlines()]

    def setUp(self):
        super().setUp()
        self.out.script = self.answer
        self.ids = [self.send("acme", to=f"a{i}@slow.example", subject=f"Invoice {i}", tags=[{"name": "kind", "value": "bill"}]) for i in range(4)]
        self.ids.append(self.send("zeta", to=["b@slow.example", "c@quick.example"], subject="<script>alert(1)</script>"))
        self.ids.append(self.send("zeta", to="d@quick.example", subject="done"))
        wait_until(lambda: len(self.out.messages) >= 2 and
                   self.lines("/admin/v1/queue_counts")[-1]["deferred"] == 5, "five deferred, two delivered")
        # What was delivered leaves the store a moment after its server has it.
        wait_until(lambda: self.lines("/admin/v1/queue_summary")[-1]["messages"] == 5, "the delivered one is off the disk")

    @staticmethod
    def answer(stage, argument, session):
        if stage == "rcpt" and argument.endswith("@slow.example"):
            return f"451 4.7.1 <{argument}>: Greylisted, ticket {abs(hash(argument)) % 90000 + 10000}"
        return None

    def test_summary(self):
        told = self.lines("/admin/v1/queue_summary")[-1]
        self.assertEqual((told["complete"], told["messages"], told["recipients"]), (True, 5, 5))
        self.assertEqual(told["states"], {"active": 0, "incoming": 0, "deferred": 5, "hold": 0})
        self.assertEqual([(row["domain"], row["recipients"], row["ages"][0]) for row in told["domains"]], [("slow.example", 5, 5)])
        self.assertEqual([(row["recipients"], row["domains"]) for row in told["reasons"]], [(5, ["slow.example"])])
        self.assertIn("451 4.7.1 <…>: Greylisted, ticket …", told["reasons"][0]["reason"])
        self.assertEqual({row["tenant"]: row["messages"] for row in told["tenants"]}, {"acme": 4, "zeta": 1})
        self.assertEqual(self.lines("/admin/v1/queue_summary?tenant=zeta")[-1]["messages"], 1)
        self.assertEqual(len(self.lines("/admin/v1/queue_summary?rows=1")[-1]["tenants"]), 1)
        for query in ("rows=0", "rows=1001", "rows=x", "colour=blue"):
            self.assertEqual(self.ask("GET", f"/admin/v1/queue_summary?{query}")[0], 400, query)

    def test_history(self):
        told = wait_until(lambda: (got := self.ask("GET", "/admin/v1/history")[1])["data"] and got, "a sample")
        self.assertEqual((told["object"], told["interval"], len(told["data"][0])), ("history", 10, 6))
        self.assertEqual(self.ask("GET", "/admin/v1/history?seconds=86400")[1]["interval"], 120)
        for query in ("seconds=0", "seconds=86401", "second=1"):
            self.assertEqual(self.ask("GET", f"/admin/v1/history?{query}")[0], 400, query)

    def test_a_listing_with_a_limit_says_whether_there_is_more(self):
        listed = self.lines("/admin/v1/queue?limit=2&tenant=acme")
        self.assertEqual((len(listed), listed[-1]), (3, {"has_more": True}))
        listed = self.lines("/admin/v1/queue?limit=4&tenant=acme")
        self.assertEqual((len(listed), listed[-1]), (5, {"has_more": False}))
        self.assertEqual(self.lines("/admin/v1/queue?limit=0"), [{"has_more": True}])
        self.assertEqual(len(self.lines("/admin/v1/queue")), 5)
        self.assertEqual(self.ask("GET", "/admin/v1/queue?limit=x")[0], 400)

    def found(self, query):
        status, told, _ = self.ask("GET", f"/admin/v1/emails?{query}")
        self.assertEqual(status, 200, told)
        return [self.ids.index(one["id"]) for one in told["data"]]

    def test_emails_are_found(self):
        for query, indexes in (("", [5, 4, 3, 2, 1, 0]), ("tenant=acme", [3, 2, 1, 0]), ("recipient=A2@Slow.example", [2]),
                               ("recipient=@quick.example", [5, 4]), ("subject=invoice%203", [3]), ("subject=%3Cscript", [4]),
                               ("tag=kind", [3, 2, 1, 0]), ("tag=kind=bill&limit=2", [3, 2]), ("tag=kind=x", []),
                               ("event=delivered", [5]), ("event=delivery_delayed", [4, 3, 2, 1, 0]),
                               ("sender=ann@client.example&tenant=zeta", [5, 4]), ("tenant=nobody", [])):
            with self.subTest(query=query):
                self.assertEqual(self.found(query), indexes)
        page, seen, after = {"has_more": True}, [], ""
        while page["has_more"]:
            page = self.ask("GET", f"/admin/v1/emails?limit=4{after}")[1]
            seen += [one["id"] for one in page["data"]]
            after = f"&after={page['next']}"
        self.assertEqual(seen, self.ids[::-1])
        for query in ("limit=0", "limit=101", "after=x", "colour=blue"):
            self.assertEqual(self.ask("GET", f"/admin/v1/emails?{query}")[0], 400, query)

    def test_one_email_and_its_events(self):
        status, told, _ = self.ask("GET", f"/admin/v1/emails/{self.ids[4]}")
        self.assertEqual((status, told["tenant"], told["subject"]), (200, "zeta", "<script>alert(1)</script>"))
        events = self.lines(f"/admin/v1/emails/{self.ids[4]}/events")
        self.assertEqual(events[0]["type"], "email.sent")
        self.assertEqual({(e["type"], e["recipient"]) for e in events[1:]},
                         {("email.delivery_delayed", "b@slow.example"), ("email.delivered", "c@quick.example")})
        for path in ("/admin/v1/emails/x", "/admin/v1/emails/01a213c0-bd7a-80ae-9681-0000930841b6"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        self.assertEqual(self.ask("GET", "/admin/v1/emails/x/events")[1], "")

    def test_there_is_no_mailbox(self):
        self.assertFalse(self.ask("GET", "/admin/v1/status")[1]["mailbox"])
        self.assertEqual(self.ask("GET", "/admin/v1/mailbox")[0], 404)


class DevMailbox(Scenario):
    def setUp(self):
        super().setUp()
        self.port, smtp = free_port(), free_port()
        output = open(self.directory / "output", "wb")
        self.addCleanup(output.close)
        self.dev = subprocess.Popen([BARID, "dev", "--data", str(self.directory / "data"), "--smtp-port", str(smtp),
                                     "--http-port", str(self.port), "--mailbox-port", str(free_port())],
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.addCleanup(stop_process, self.dev)
        wait_until(lambda: listening(self.port), "barid dev serves HTTP")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, body and json.dumps(body), {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text, answer.headers

    def test_it_shows_what_was_delivered(self):
        self.assertTrue(json.loads(self.ask("GET", "/admin/v1/status")[1])["mailbox"])
        evil = "<script>parent.document.title='owned'</script><img src=x onerror=alert(1)>"
        for i in range(3):
            status, text, _ = self.ask("POST", "/emails", {"from": "Ann <ann@a.example>", "to": f"joe{i}@b.example",
                                                           "subject": f"{evil} {i} ✓", "html": f"<p>Hi {i}</p>{evil}", "text": f"Hi {i}"})
            self.assertEqual(status, 200, text)
            wait_until(lambda: json.loads(self.ask("GET", "/admin/v1/mailbox")[1])["total"] == i + 1, "delivered")
        listed = json.loads(self.ask("GET", "/admin/v1/mailbox?limit=2")[1])
        self.assertEqual(([m["subject"] for m in listed["data"]], listed["has_more"]), ([f"{evil} {i} ✓" for i in (2, 1)], True))
        older = json.loads(self.ask("GET", f"/admin/v1/mailbox?before={listed['next']}")[1])
        self.assertEqual([m["recipients"] for m in older["data"]], [["joe0@b.example"]])
        self.assertEqual(len(json.loads(self.ask("GET", "/admin/v1/mailbox?text=JOE1")[1])["data"]), 1)
        one = listed["data"][0]["id"]
        status, text, _ = self.ask("GET", f"/admin/v1/mailbox/{one}")
        shown = json.loads(text)
        self.assertEqual((status, shown["text"].strip(), shown["sender"]), (200, "Hi 2", "ann@a.example"))
        self.assertIn(["From", "Ann <ann@a.example>"], shown["headers"])
        status, html, fields = self.ask("GET", f"/admin/v1/mailbox/{one}/html")
        self.assertEqual((status, fields["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"<p>Hi 2</p>", html)
        policy = fields["content-security-policy"]
        self.assertTrue(policy.startswith("sandbox; default-src 'none';"), policy)
        self.assertNotIn("script", policy)
        status, raw, fields = self.ask("GET", f"/admin/v1/mailbox/{one}/content")
        self.assertEqual((status, fields["content-type"]), (200, "message/rfc822"))
        self.assertIn("attachment", fields["content-disposition"])
        self.assertTrue(raw.startswith(b"X-Envelope-From: <ann@a.example>\r\n"))
        for path in ("/admin/v1/mailbox/1-0001", "/admin/v1/mailbox/x", "/admin/v1/mailbox/1-0001/html"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        for query in ("limit=0", "limit=999", "before=../x", "colour=blue"):
            self.assertEqual(self.ask("GET", f"/admin/v1/mailbox?{query}")[0], 400, query)
        self.assertEqual(self.ask("DELETE", f"/admin/v1/mailbox/{one}")[0], 200)
        self.assertEqual(self.ask("DELETE", f"/admin/v1/mailbox/{one}")[0], 404)
        self.assertEqual(json.loads(self.ask("DELETE", "/admin/v1/mailbox")[1]), {"removed": 2})
        self.assertEqual(json.loads(self.ask("GET", "/admin/v1/mailbox")[1])["total"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
