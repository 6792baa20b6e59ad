#!/usr/bin/env python3
"""Goal: /openapi.json is valid, names exactly the calls that the server has, and the server answers as
it says, errors too.
Method: npm's @redocly/cli lints it; the router's own list of routes; every call made well and badly,
its answers, headers and bodies, judged by npm's ajv.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, ROOT, free_port, listening, stop_process, wait_until  # noqa: E402
from http_harness import NODE_PATIENCE, PLAIN, HttpApi, has_packages  # noqa: E402

JUDGES = ROOT / "tests/peers/openapi"
ADMIN = {"authorization": "Bearer re_admin"}
ABSENT = "01a213c0-bd7a-80ae-9681-0000930841b6"
SENDGRID = {"from": {"email": "ann@client.example"}, "subject": "x", "content": [{"type": "text/plain", "value": "x"}],
            "personalizations": [{"to": [{"email": "bob@sink.example"}]}] * 2}
POSTMARK = {"From": "ann@client.example", "To": "bob@sink.example", "Subject": "x", "TextBody": "x"}
SES_BULK = {"FromEmailAddress": "ann@client.example", "DefaultContent": {"Template": {
    "TemplateContent": {"Subject": "x", "Text": "x"}}}, "BulkEmailEntries": [
        {"Destination": {"ToAddresses": ["bob@sink.example"]}}, {"Destination": {}}]}
SES = {"FromEmailAddress": "ann@client.example", "Destination": {"ToAddresses": ["bob@sink.example"]},
       "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}}}
SES_CALL, SES_BULK_CALL = "/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails"
MAILBOX = "/admin/v1/mailbox"
# An endless answer, the end of the server, and what barid dev has only: that has a test of its own.
NOT_CALLED = ("/admin/v1/dialogue", "/admin/v1/stop", MAILBOX)
TOKEN, NO_TOKEN = {"x_postmark_server_token": "re_admin"}, {"x_postmark_server_token": "none"}


class Description(HttpApi):
    def setUp(self):
        digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("re_admin", "re_send", "re_slow")}
        self.options = {
            "webhook_private_networks": "127.0.0.0/8", "message_size_limit": "20000", "http_body_limit": "30000",
            "http_api_key_maps": "inline:{ {%s = tenant=one scopes=admin} {%s = tenant=one scopes=send "
            "from=client.example} {%s = tenant=one scopes=send,read rate=1/s} }" % (
                digest["re_admin"], digest["re_send"], digest["re_slow"])}
        super().setUp()
        self.answers = []
        made = subprocess.run([sys.executable, ROOT / "http/openapi/description.py", "--json"], check=True,
                              capture_output=True).stdout
        self.description = self.directory / "openapi.json"
        self.description.write_bytes(made)
        self.document = json.loads(made)

    def judge(self, *names):
        if not has_packages(JUDGES):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        return [self.need("node", "nodejs"), *names]

    def call(self, method, template, status, body=None, id=ABSENT, query="", key=ADMIN, **headers):
        path = template
        for name in ("{id}", "{name}"):
            path = path.replace(name, urllib.parse.quote(id, safe=""))
        got, answer, fields = self.ask(method, path + query, body, **{**key, **headers})
        self.assertEqual(got, status, (method, path, answer))
        self.note(method, template, (got, answer, fields))
        return answer

    def note(self, method, template, asked):
        status, answer, fields = asked
        names = [name.lower() for name in fields.keys()]
        self.assertEqual(len(names), len(set(names)), names)
        self.answers.append({"method": method, "path": template, "status": status, "body": answer,
                             "fields": {name.lower(): value for name, value in fields.items()}})

    def check_answers(self):
        lines = "".join(json.dumps(answer) + "\n" for answer in self.answers)
        done = subprocess.run(self.judge("check.js", str(self.description)), cwd=JUDGES, input=lines, capture_output=True,
                              text=True, timeout=NODE_PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(verdicts), len(self.answers))
        for answer, verdict in zip(self.answers, verdicts):
            with self.subTest(method=answer["method"], path=answer["path"], status=answer["status"]):
                self.assertTrue(verdict["ok"], (verdict.get("why"), answer["body"]))

    def test_it_is_served_and_lints_clean(self):
        status, served, _ = self.ask("GET", "/openapi.json")
        self.assertEqual((status, served), (200, self.document))
        done = subprocess.run(self.judge("node_modules/.bin/redocly", "lint", "--format=json", str(self.description)),
                              cwd=JUDGES, capture_output=True, text=True, timeout=NODE_PATIENCE,
                              env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory), "REDOCLY_TELEMETRY": "off"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = json.loads(done.stdout)["problems"]
        self.assertEqual(found, [])

    def test_it_names_the_calls_that_there_are(self):
        text = self.ask("GET", "/admin/v1/routes")[1]
        # Two templates of one form are one path: what is done to the queue stands in the place of an id.
        routes = {(r["method"], r["path"].replace("{action}", "{id}")) for r in map(json.loads, text.splitlines())}
        described = {(method.upper(), path) for path, item in self.document["paths"].items()
                     for method in item if method != "parameters"}
        # /t/ is for recipients' programs, / and /console for people, not for clients of the API.
        self.assertEqual({r for r in routes if r[1] != "/" and not r[1].startswith(("/t/", "/console"))},
                         {d for d in described if not d[1].startswith(MAILBOX)})

    def test_the_mailbox_of_dev(self):
        self.http_port = free_port()
        dev = self.spawn([BARID, "dev", "--data", str(self.directory / "data"), "--smtp-port", str(free_port()), "--http-port",
                          str(self.http_port), "--mailbox-port", str(free_port())], "dev")
        self.addCleanup(stop_process, dev)
        wait_until(lambda: listening(self.http_port), "barid dev serves")
        routes = {(r["method"], r["path"]) for r in map(json.loads, self.ask("GET", "/admin/v1/routes")[1].splitlines())}
        described = {(method.upper(), path) for path, item in self.document["paths"].items()
                     for method in item if path.startswith(MAILBOX) and method != "parameters"}
        self.assertEqual({r for r in routes if r[1].startswith(MAILBOX)}, described)
        self.call("POST", "/emails", 200, {**PLAIN, "html": "<p>hello</p>"})
        message = wait_until(lambda: self.ask("GET", MAILBOX)[1]["data"], "a message in the mailbox")[0]["id"]
        self.call("GET", MAILBOX, 200)
        for path in ("/{id}", "/{id}/content", "/{id}/html"):
            self.call("GET", MAILBOX + path, 200, id=message)
            self.call("GET", MAILBOX + path, 404, id="none")
        self.call("DELETE", MAILBOX + "/{id}", 200, id=message)
        self.call("DELETE", MAILBOX, 200)
        self.assertEqual({(a["method"], a["path"]) for a in self.answers} - {("POST", "/emails")}, described)
        self.check_answers()

    def good_calls(self):
        sent = self.call("POST", "/emails", 200, {**PLAIN, "to": ["bob@sink.example", "bad@sink.example"],
                                                  "tags": [{"name": "a", "value": "b"}]})["id"]
        self.call("POST", "/emails/batch", 200, [PLAIN, PLAIN])
        self.call("POST", "/emails/batch", 200, [PLAIN, {}], x_batch_validation="permissive")
        wait_until(lambda: self.ask("GET", f"/emails/{sent}", **ADMIN)[1]["last_event"] == "bounced", "bounced")
        self.call("GET", "/emails/{id}", 200, id=sent)
        self.call("GET", "/emails", 200)
        later = self.call("POST", "/emails", 200, {**PLAIN, "scheduled_at": "in 1 hour"})["id"]
        self.call("PATCH", "/emails/{id}", 200, {"scheduled_at": "in 2 hours"}, id=later)
        self.call("GET", "/emails/{id}", 200, id=later)
        self.call("POST", "/emails/{id}/cancel", 200, id=later)
        wait_until(lambda: len(self.ask("GET", "/events", **ADMIN)[1]["data"]) >= 6, "events")
        self.call("GET", "/events", 200)
        hook = self.call("POST", "/webhooks", 200, {"endpoint": "http://127.0.0.1:9/", "events": ["email.sent"]})["id"]
        self.call("GET", "/webhooks", 200)
        self.call("GET", "/webhooks/{id}", 200, id=hook)
        self.call("PATCH", "/webhooks/{id}", 200, {"events": ["email.failed"]}, id=hook)
        self.call("POST", "/webhooks/{id}/replay", 200, {}, id=hook)
        self.call("GET", "/admin/v1/webhooks", 200)
        self.call("POST", "/admin/v1/webhooks/{id}/replay", 200, {}, id=hook)
        self.call("POST", "/admin/v1/webhooks/{id}/replay", 404, {})
        self.call("DELETE", "/webhooks/{id}", 200, id=hook)
        self.call("POST", "/suppressions", 200, {"email": "a@x.example"})
        self.call("POST", "/suppressions/batch/add", 200, {"emails": ["b@x.example"]})
        self.call("GET", "/suppressions", 200)
        self.call("GET", "/suppressions/{id}", 200, id="a@x.example")
        self.call("DELETE", "/suppressions/{id}", 200, id="a@x.example")
        self.call("POST", "/suppressions/batch/remove", 200, {"emails": ["b@x.example"]})
        self.call("POST", "/v3/mail/send", 202, SENDGRID)
        self.call("POST", "/email", 200, POSTMARK, key=TOKEN)
        self.call("POST", "/email/batch", 200, [POSTMARK, {}], key=TOKEN)
        self.call("POST", SES_CALL, 200, SES)
        self.call("POST", SES_BULK_CALL, 200, SES_BULK)
        for path in ("/livez", "/readyz", "/startupz", "/metrics", "/openapi.json"):
            self.call("GET", path, 200)

    def admin_calls(self):
        admin = "/admin/v1/"
        later = self.call("POST", "/emails", 200, {**PLAIN, "scheduled_at": "in 1 hour"})["id"]
        queue_id = self.ask("GET", f"/emails/{later}", **ADMIN)[1]["recipients"][0]["queue_id"]
        for path in ("status", "history", "shards", "queue", "queue_summary", "queue_counts", "holds", "emails", "destinations",
                     "suspensions", "keys", "configuration", "suppressions", "routes"):
            self.call("GET", admin + path, 200)
        for path in ("queue/{id}", "queue/{id}/content", "queue/{id}/events"):
            self.call("GET", admin + path, 200, id=queue_id)
            self.call("GET", admin + path, 400, id="-")
        for path in ("emails/{id}", "emails/{id}/events"):
            self.call("GET", admin + path, 200, id=later)
        self.call("GET", admin + "emails/{id}", 404)
        self.call("POST", admin + "queue/{id}", 200, id="hold", query=f"?id={queue_id}&dry_run=true")
        self.call("POST", admin + "queue/{id}", 404, id="eat", query="?all=true")
        self.call("POST", admin + "queue/{id}", 400, id="hold")
        self.call("GET", admin + "queue", 400, query="?colour=blue")
        self.call("POST", admin + "holds", 200, query=f"?id={queue_id}")
        self.call("DELETE", admin + "holds", 200, query=f"?id={queue_id}")
        self.call("POST", admin + "suspensions", 200, query="?kind=domain&value=x.example&for=1h&reason=test")
        self.call("DELETE", admin + "suspensions", 200, query="?kind=domain&value=x.example")
        self.call("POST", admin + "suspensions", 400, query="?kind=colour&value=x")
        self.call("GET", admin + "shape", 200, query="?domain=sink.example")
        self.call("GET", admin + "shape", 422)
        self.call("POST", admin + "keys", 200, {"tenant": "x", "scopes": "send"})
        self.call("POST", admin + "keys", 422, {})
        self.call("GET", admin + "configuration/{name}", 200, id="myhostname")
        self.call("GET", admin + "configuration/{name}", 404, id="none")
        self.call("POST", admin + "suppressions", 200, query="?tenant=one&email=a@x.example")
        self.call("DELETE", admin + "suppressions", 200, query="?tenant=one&email=a@x.example")
        self.call("POST", admin + "suppressions", 422, query="?tenant=one")
        self.call("POST", admin + "reload", 202)

    def bad_calls(self):
        send, slow, none = ({"authorization": "Bearer re_send"}, {"authorization": "Bearer re_slow"}, {})
        self.call("POST", "/emails", 400, b"{")
        self.call("POST", "/emails", 400, PLAIN, idempotency_key="k" * 300)
        self.call("POST", "/emails", 401, PLAIN, key=none)
        self.call("GET", "/emails", 401, key=send)
        self.call("POST", "/emails", 403, PLAIN, key={"authorization": "Bearer none"})
        self.call("POST", "/emails", 403, {**PLAIN, "from": "a@other.example"}, key=send)
        self.call("POST", "/emails", 200, PLAIN, idempotency_key="k")
        self.call("POST", "/emails", 200, PLAIN, idempotency_key="k")
        self.call("POST", "/emails", 409, {**PLAIN, "subject": "x"}, idempotency_key="k")
        self.call("POST", "/emails", 413, {**PLAIN, "text": "x" * 25000})
        self.call("POST", "/emails", 413, {**PLAIN, "text": "x" * 35000})
        self.call("POST", "/emails", 415, b"<a/>", content_type="text/xml")
        self.call("POST", "/emails", 422, {})
        self.call("POST", "/emails/batch", 422, [{}])
        self.call("GET", "/emails", 422, query="?limit=0")
        self.call("GET", "/emails/{id}", 404)
        self.call("PATCH", "/emails/{id}", 404, {"scheduled_at": "in 1 hour"})
        self.call("PATCH", "/emails/{id}", 422, {})
        self.call("POST", "/emails/{id}/cancel", 404)
        self.call("GET", "/events", 422, query="?after=x")
        self.call("POST", "/webhooks", 422, {})
        self.call("POST", "/webhooks", 401, {}, key=send)
        self.call("GET", "/webhooks/{id}", 404)
        self.call("POST", "/suppressions", 422, {})
        self.call("GET", "/suppressions/{id}", 404)
        self.call("POST", "/v3/mail/send", 400, {**SENDGRID, "template_id": "d-1"})
        self.call("POST", "/v3/mail/send", 401, SENDGRID, key=none)
        self.call("POST", "/v3/mail/send", 403, {**SENDGRID, "from": {"email": "a@other.example"}}, key=send)
        self.call("POST", "/v3/mail/send", 413, b"x" * 35000)
        self.call("POST", "/v3/mail/send", 415, b"<a/>", content_type="text/xml")
        self.call("POST", "/email", 401, POSTMARK, key=NO_TOKEN)
        self.call("POST", "/email", 413, b"x" * 35000, key=TOKEN)
        self.call("POST", "/email", 415, b"<a/>", key=TOKEN, content_type="text/xml")
        self.call("POST", "/email", 422, {}, key=TOKEN)
        self.call("POST", "/email/batch", 422, {}, key=TOKEN)
        self.call("POST", SES_CALL, 400, {**SES, "EndpointId": "x"})
        self.call("POST", SES_CALL, 403, SES, key=none)
        self.call("POST", SES_CALL, 403, SES, key={"authorization": "AWS4-HMAC-SHA256 x"})
        self.call("POST", SES_CALL, 404, {**SES, "ConfigurationSetName": "none"})
        self.call("POST", SES_CALL, 413, b"x" * 35000)
        self.call("POST", SES_BULK_CALL, 400, {**SES_BULK, "BulkEmailEntries": []})
        answers = [self.ask("POST", "/emails", PLAIN, **slow) for _ in range(5)]
        limited = next(a for a in answers if a[0] == 429)
        self.note("POST", "/emails", limited)
        self.note("POST", "/emails", next(a for a in answers if a[0] == 200))  # has the limits too
        self.note("POST", "/emails", self.ask("DELETE", "/emails"))  # 405
        self.call("POST", "/admin/v1/drain", 200)
        wait_until(lambda: self.ask("GET", "/readyz")[0] == 503, "not ready")
        self.call("GET", "/readyz", 503)
        self.call("POST", "/emails", 503, PLAIN)
        self.call("POST", "/v3/mail/send", 503, SENDGRID)
        self.call("POST", "/email", 503, POSTMARK, key=TOKEN)
        self.call("POST", SES_CALL, 503, SES)

    def test_the_server_answers_as_it_says(self):
        self.out.script = lambda stage, argument, session: \
            "550 5.1.1 no such user" if stage == "rcpt" and argument.startswith("bad") else None
        self.good_calls()
        self.admin_calls()
        self.bad_calls()
        called = {(a["method"], a["path"]) for a in self.answers}
        described = {(method.upper(), path) for path, item in self.document["paths"].items()
                     for method in item if method != "parameters"}
        self.assertEqual(called, {d for d in described if not d[1].startswith(NOT_CALLED)})
        self.check_answers()


if __name__ == "__main__":
    unittest.main(verbosity=2)
