#!/usr/bin/env python3
"""Goal: programs written for SendGrid, Postmark and Amazon SES work when they are pointed here: what they send
arrives as they meant it, and they are told in their own words what is wrong.
Method: the npm packages @sendgrid/mail, postmark and @aws-sdk/client-sesv2, raw requests, the real
program, a scripted sink.
"""

import email
import email.policy
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, wait_until  # noqa: E402
from http_harness import ALL_BYTES, NODE_DIRECTORY, NODE_PATIENCE, HttpApi, has_packages  # noqa: E402

SENDGRID = {"from": {"email": "ann@client.example"}, "subject": "plain",
            "personalizations": [{"to": [{"email": "bob@sink.example"}]}],
            "content": [{"type": "text/plain", "value": "hello"}]}
POSTMARK = {"From": "ann@client.example", "To": "bob@sink.example", "Subject": "plain", "TextBody": "hello"}


class Shims(HttpApi):
    def run_client(self, script, package, **environment):
        if not has_packages(NODE_DIRECTORY, package):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        done = subprocess.run([self.need("node", "nodejs"), script], cwd=NODE_DIRECTORY, capture_output=True, text=True,
                              timeout=NODE_PATIENCE, env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return {step["step"]: step for step in map(json.loads, done.stdout.splitlines())}

    def parsed(self, recipient):
        taken = next(m for m in self.out.messages if recipient in m.recipients)
        self.assertNotIn(b"secret@", taken.content)
        return taken, email.message_from_bytes(taken.content, policy=email.policy.default)

    def check_content(self, recipients):
        taken, message = self.parsed("carl@sink.example")
        self.assertEqual((taken.sender, sorted(taken.recipients)), ("ann@client.example", recipients))
        self.assertEqual(message["subject"], "Grüße ✓")
        self.assertEqual(message["from"].addresses[0].display_name, "Ann Sender")
        self.assertEqual(message["to"].addresses[0].display_name, "Bob")
        self.assertEqual(message["reply-to"], "reply@client.example")
        self.assertEqual(message["x-entity-ref-id"], "123")
        self.assertEqual(message.get_body(("html",)).get_content().rstrip("\n"), '<p>päckchen <img src="cid:logo"></p>')
        self.assertEqual(message.get_body(("plain",)).get_content().splitlines(), ["päckchen", ".", "..x"])
        files = {part.get_filename(): part for part in message.walk() if part.get_filename()}
        self.assertEqual(files["all.bin"].get_payload(decode=True), ALL_BYTES)
        self.assertEqual((files["all.bin"].get_content_type(), files["all.bin"].get_content_disposition()),
                         ("application/x-all", "attachment"))
        self.assertEqual((files["logo.png"]["content-id"], files["logo.png"].get_content_disposition()),
                         ("<logo>", "inline"))
        self.assertEqual(message.defects, [])

    def check_state(self, email_id, tag, metadata):
        shown = self.wait_state(email_id, "delivered")
        self.assertEqual(shown["tags"], [tag])
        events = wait_until(lambda: [e for e in self.ask("GET", "/events?limit=1000")[1]["data"]
                                     if e["type"] == "email.delivered" and e["data"]["email_id"] == email_id],
                            "its event")
        self.assertEqual(events[0]["data"]["metadata"], metadata)

    def test_sendgrid(self):
        steps = self.run_client("sendgrid.js", "@sendgrid/mail", BASE_URL=f"http://127.0.0.1:{self.http_port}")
        self.assertEqual({name: step["status"] for name, step in steps.items()}, {
            "send": 202, "multiple": 202, "personal": 202, "later": 202, "sandbox": 200, "template": 400,
            "address": 400, "header": 400, "group": 400})
        self.assertEqual({name: steps[name]["errors"][0]["field"] for name in ("template", "address", "header", "group")}, {
            "template": "template_id", "address": "personalizations.0.to", "header": "headers.X-A", "group": "asm"})
        self.assertIn("template_id", steps["template"]["said"])
        self.assertEqual(steps["send"]["body"], "")
        self.assertEqual(len(steps["multiple"]["body"]["message_ids"]), 2)
        self.assertEqual(steps["multiple"]["id"], steps["multiple"]["body"]["message_ids"][0])
        self.out.wait_messages(5)
        self.check_content(["bob@sink.example", "carl@sink.example", "secret@sink.example"])
        self.check_state(steps["send"]["id"], {"name": "category", "value": "Order done"}, {"order": "7"})
        _, one = self.parsed("p1@sink.example")
        self.assertEqual((one["subject"], one.get_content().strip()), ("Hello One", "Dear One, {{other}}"))
        self.assertEqual(one["to"], "p1@sink.example")
        _, two = self.parsed("p2@sink.example")
        self.assertEqual((two["subject"], two["x-own"], two.get_content().strip()), ("Own", "2", "Dear Two, {{other}}"))
        later = self.ask("GET", f"/emails/{steps['later']['id']}")[1]
        self.assertEqual(later["last_event"], "scheduled")
        self.assertEqual(len([m for m in self.out.messages if m.recipients == ["r1@sink.example"]]), 1)
        self.assertEqual(len(self.out.messages), 5)

    def test_postmark(self):
        steps = self.run_client("postmark.js", "postmark", HOST=f"127.0.0.1:{self.http_port}")
        sent = steps["send"]["answer"]
        self.assertEqual({k: sent[k] for k in ("To", "Bcc", "ErrorCode", "Message")},
                         {"To": "Bob <bob@sink.example>, carl@sink.example", "Bcc": "secret@sink.example",
                          "ErrorCode": 0, "Message": "OK"})
        self.assertRegex(sent["SubmittedAt"], r"^\d{4}-\d\d-\d\dT")
        batch = steps["batch"]["answer"]
        self.assertEqual([one["ErrorCode"] for one in batch], [0, 300, 0, 300])
        self.assertIn("`To", batch[1]["Message"])
        self.assertIn("TemplateId", batch[3]["Message"])
        for name in ("template", "address", "header", "nothing"):
            self.assertEqual((steps[name]["error"]["statusCode"], steps[name]["error"]["code"]), (422, 300), steps[name])
        self.out.wait_messages(3)
        self.check_content(["bob@sink.example", "carl@sink.example", "secret@sink.example"])
        self.check_state(sent["MessageID"], {"name": "tag", "value": "Welcome mail"}, {"order": "7"})
        self.wait_state(batch[2]["MessageID"], "delivered")
        self.assertEqual(len(self.out.messages), 3)

    def test_idempotency(self):
        for path, body in (("/v3/mail/send", SENDGRID), ("/email", POSTMARK), ("/email/batch", [POSTMARK, {}])):
            with self.subTest(path=path):
                first = self.post(body, path, idempotency_key="k" + path)
                again = self.post(body, path, idempotency_key="k" + path)
                self.assertEqual(again[:2], first[:2])
                self.assertEqual(again[2]["x-message-id"], first[2]["x-message-id"])
                self.assertEqual((first[2]["idempotent-replayed"], again[2]["idempotent-replayed"]), (None, "true"))
                self.assertEqual(self.post([body], path, idempotency_key="k" + path)[0], 409)
        self.out.wait_messages(3)
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 3)


class SimpleEmailService(Shims):
    """Its programs sign each request: their key is made as an operator makes it."""

    test_sendgrid = test_postmark = test_idempotency = None

    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        made = json.loads(subprocess.run(
            [BARID, "key", "new", "--access-key", "--tenant", "one", "--scope", "send,read", "--from",
             "client.example", "--json"], capture_output=True, text=True, check=True, timeout=30).stdout)
        self.key_id, self.secret = made["key"].split(" ")
        self.table = pathlib.Path(self.home.name, "access-keys")
        self.table.write_text(made["line"] + "\n")
        self.table.chmod(0o600)
        digest = hashlib.sha256(b"re_read").hexdigest()
        self.options = {"message_size_limit": "100000", "http_access_key_maps": f"texthash:{self.table}",
                        "http_api_key_maps": "inline:{ {%s = tenant=one scopes=send,read} }" % digest}
        super().setUp()

    def ask(self, method, path, body=None, **headers):
        return super().ask(method, path, body, **{"authorization": "Bearer re_read", **headers})

    def test_ses(self):
        steps = self.run_client("ses.js", "@aws-sdk/client-sesv2", ENDPOINT=f"http://127.0.0.1:{self.http_port}",
                                KEY_ID=self.key_id, SECRET=self.secret)
        self.assertEqual({name: (step["status"], step.get("error")) for name, step in steps.items()}, {
            "send": (200, None), "raw": (200, None), "template": (200, None), "bulk": (200, None),
            "kept": (400, "BadRequestException"), "list": (400, "BadRequestException"),
            "address": (400, "BadRequestException"), "set": (404, "NotFoundException"),
            "sender": (400, "MessageRejected"), "raw-sender": (400, "MessageRejected"),
            "large": (413, "RequestEntityTooLargeException"), "secret": (403, "InvalidSignatureException"),
            "unknown": (403, "UnrecognizedClientException")})
        for step, named in (("kept", "Content.Template.TemplateName"), ("list", "ListManagementOptions"),
                            ("address", "Destination.ToAddresses"), ("set", "ConfigurationSetName"),
                            ("sender", "other.example"), ("raw-sender", "other.example"), ("secret", "does not match")):
            self.assertIn(named, steps[step]["said"])
        self.assertTrue(all(step["request"] for step in steps.values()))
        results = steps["bulk"]["answer"]["BulkEmailEntryResults"]
        self.assertEqual([one["Status"] for one in results], ["SUCCESS", "INVALID_PARAMETER"])
        self.assertIn("{{name}} has no value", results[1]["Error"])
        self.out.wait_messages(4)
        self.check_content(["bob@sink.example", "carl@sink.example", "secret@sink.example"])
        self.check_state(steps["send"]["answer"]["MessageId"], {"name": "order", "value": "7"}, {})
        taken, whole = self.parsed("r1@sink.example")
        self.assertEqual((taken.sender, sorted(taken.recipients)),
                         ("ann@client.example", ["r1@sink.example", "r2@sink.example"]))
        self.assertEqual((whole["subject"], whole["bcc"], whole.get_content().strip()), ("raw", None, "as it is"))
        _, rendered = self.parsed("t1@sink.example")
        self.assertEqual((rendered["subject"], rendered.get_content().strip()), ("T <b>", "<p><b></p>"))
        _, one = self.parsed("b1@sink.example")
        self.assertEqual((one["subject"], one["x-own"], one.get_content().strip()), ("Hello One", "1", "Dear One, hi"))
        self.wait_state(results[0]["MessageId"], "delivered")
        self.server.wait_queue()
        self.assertEqual(len(self.out.messages), 4)

    def test_what_is_no_signed_call(self):
        body = {"FromEmailAddress": "ann@client.example", "Destination": {"ToAddresses": ["bob@sink.example"]},
                "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "x"}}}}}
        path = "/v2/email/outbound-emails"
        for status, name, fields in (
                (403, "MissingAuthenticationTokenException", {"authorization": ""}),
                (403, "InvalidSignatureException", {"authorization": "AWS4-HMAC-SHA256 Credential=x"}),
                (403, "UnrecognizedClientException", {"authorization": "Bearer none"}),
                (400, "BadRequestException", {"content_type": "text/xml"})):
            with self.subTest(name=name):
                got, answer, headers = self.post(body, path, **fields)
                self.assertEqual((got, headers["x-amzn-errortype"], sorted(answer)), (status, name, ["message"]))
        first = self.post(body, path, idempotency_key="k")  # a key as others use it will do
        self.assertEqual((first[0], sorted(first[1])), (200, ["MessageId"]))
        self.assertEqual(self.post(body, path, idempotency_key="k")[1], first[1])
        self.assertEqual(self.post({**body, "EmailTags": []}, path, idempotency_key="k")[2]["x-amzn-errortype"],
                         "ConflictException")


class Refusals(HttpApi):
    def setUp(self):
        digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("re_send", "re_read", "re_slow")}
        self.options = {"http_body_limit": "20000", "message_size_limit": "10000",
                        "http_api_key_maps": "inline:{ {%s = tenant=one scopes=send from=client.example} "
                        "{%s = tenant=one scopes=read} {%s = tenant=slow scopes=send rate=1/s} }" % (
                            digest["re_send"], digest["re_read"], digest["re_slow"])}
        super().setUp()

    def sendgrid(self, body, key="re_send", **fields):
        return self.post(body, "/v3/mail/send", **({"authorization": f"Bearer {key}"} if key else {}), **fields)

    def postmark(self, body, key="re_send", path="/email", **fields):
        return self.post(body, path, **({"x_postmark_server_token": key} if key else {}), **fields)

    def test_sendgrid(self):
        large = {**SENDGRID, "content": [{"type": "text/plain", "value": "x" * 15000}]}
        for status, field, body, key, fields in (
                (401, None, SENDGRID, None, {}), (401, None, SENDGRID, "wrong", {}), (403, None, SENDGRID, "re_read", {}),
                (403, "from", {**SENDGRID, "from": {"email": "a@other.example"}}, "re_send", {}),
                (400, None, b"{", "re_send", {}), (415, None, b"<a/>", "re_send", {"content_type": "text/xml"}),
                (413, None, large, "re_send", {}), (413, None, b"x" * 30000, "re_send", {}),
                (400, "on-behalf-of", SENDGRID, "re_send", {"on_behalf_of": "x"}),
                (400, "send_at", {**SENDGRID, "send_at": 99999999999}, "re_send", {}),
                (400, "tracking_settings", {**SENDGRID, "tracking_settings": {"open_tracking": {"enable": True}}},
                 "re_send", {})):
            with self.subTest(status=status, field=field):
                got, answer, _ = self.sendgrid(body, key, **fields)
                self.assertEqual(got, status, answer)
                self.assertEqual([sorted(e) for e in answer["errors"]], [["field", "help", "message"]])
                self.assertEqual(answer["errors"][0]["field"], field)
                self.assertTrue(answer["errors"][0]["message"])
        limited = wait_until(lambda: (a := self.sendgrid(SENDGRID, "re_slow"))[0] == 429 and a, "a 429")
        self.assertTrue(limited[1]["errors"][0]["message"])
        self.assertTrue(limited[2]["retry-after"])

    def test_postmark(self):
        large = {**POSTMARK, "TextBody": "x" * 15000}
        for status, code, body, key, fields in (
                (401, 10, POSTMARK, None, {}), (401, 10, POSTMARK, "wrong", {}), (401, 10, POSTMARK, "re_read", {}),
                (401, 10, POSTMARK, None, {"authorization": "Bearer re_send"}),
                (422, 400, {**POSTMARK, "From": "a@other.example"}, "re_send", {}),
                (422, 402, b"{", "re_send", {}), (415, 409, b"<a/>", "re_send", {"content_type": "text/xml"}),
                (413, 300, large, "re_send", {}), (413, 300, b"x" * 30000, "re_send", {})):
            with self.subTest(status=status, code=code):
                got, answer, _ = self.postmark(body, key, **fields)
                self.assertEqual((got, sorted(answer), answer.get("ErrorCode")), (status, ["ErrorCode", "Message"], code))
        got, answer, _ = self.postmark([POSTMARK, {**POSTMARK, "From": "a@other.example"}], path="/email/batch")
        self.assertEqual((got, [one["ErrorCode"] for one in answer]), (200, [0, 400]))
        self.assertEqual(self.ask("POST", "/admin/v1/drain")[0], 200)
        wait_until(lambda: self.ask("GET", "/readyz")[0] == 503, "not ready")
        got, answer, fields = self.postmark(POSTMARK)
        self.assertEqual((got, answer["ErrorCode"]), (503, 100))
        self.assertTrue(fields["retry-after"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
