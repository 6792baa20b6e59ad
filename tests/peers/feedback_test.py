#!/usr/bin/env python3
"""Goal: bounces and complaints that come back by mail become events of the emails that they are about,
and suppress; mail about nothing that we sent changes nothing.
Method: the real program; reports written by hand and sent over SMTP.
"""

import base64
import email
import pathlib
import smtplib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

STATUS = "Reporting-MTA: dns; mx.sink.example\r\n\r\nFinal-Recipient: rfc822; {0}\r\nAction: failed\r\n" \
    "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
FEEDBACK = "Feedback-Type: abuse\r\nUser-Agent: loop/1\r\nVersion: 1\r\nOriginal-Rcpt-To: <{0}>\r\n"


class Feedback(HttpApi):
    options = {"return_path_addresses": "bounces@client.example", "fbl_address": "fbl@client.example",
               "relay_domains": "client.example", "relay_recipient_maps": "inline:{ {someone@client.example = x} }"}

    def report(self, kind, body, message_id, to, more=""):
        text = (f"From: mailer-daemon@mx.sink.example\r\nTo: {to}\r\nSubject: report\r\n{more}MIME-Version: 1.0\r\n"
                f"Content-Type: multipart/report; report-type={kind}; boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\n"
                f"Content-Type: message/{kind}\r\n\r\n{body}\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\n"
                f"Message-ID: {message_id}\r\n--x--\r\n")
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=30) as client:
            client.sendmail("", [to], text)

    def sent(self, **fields):
        email_id = self.post({**PLAIN, "to": "joe@sink.example", "return_path": "bounces@client.example",
                              **fields})[1]["id"]
        shown = self.wait_state(email_id, "delivered")
        return email_id, shown["message_id"]

    def events(self, kind):
        return wait_until(lambda: [e for e in self.ask("GET", "/events?limit=1000")[1]["data"] if e["type"] == kind],
                          kind)

    def test_bounce_to_a_verp_address(self):
        email_id, message_id = self.sent()
        sender = self.out.messages[0].sender
        self.assertEqual(sender, "bounces+joe=sink.example@client.example")
        self.report("delivery-status", STATUS.format("joe@sink.example"), message_id, sender)
        shown = self.wait_state(email_id, "bounced")
        self.assertIn("no such user", shown["recipients"][0]["last_reply"])
        data = self.events("email.bounced")[0]["data"]
        self.assertEqual((data["email_id"], data["recipient"]), (email_id, "joe@sink.example"))
        self.assertEqual((data["bounce"]["type"], data["bounce"]["class"]), ("Permanent", "invalid_recipient"))
        wait_until(lambda: self.ask("GET", "/suppressions")[1]["data"], "a suppression")
        self.server.expect_log(shown["recipients"][0]["queue_id"] + r": bounce class invalid_recipient \(Permanent\) "
                               r"for <joe@sink.example>")
        self.assertRegex(self.ask("GET", "/metrics")[1], r'barid_bounces_total\{[^}]*class="invalid_recipient"[^}]*\} 1\n')
        again = self.post({**PLAIN, "to": "joe@sink.example"})[1]["id"]
        self.wait_state(again, "suppressed")
        self.server.wait_queue()

    def test_sender_s_own_message_id(self):
        for number, fields in enumerate((
                {"headers": {"Message-ID": "<order-7@shop.example>"}},
                {"raw": base64.b64encode(b"From: ann@client.example\r\nSubject: s\r\n"
                                         b"Message-ID: <order-8@shop.example>\r\n\r\nhello\r\n").decode(),
                 "text": None, "subject": None})):
            to = f"own{number}@sink.example"
            email_id, message_id = self.sent(to=to, **fields)
            self.assertEqual(message_id, f"<order-{7 + number}@shop.example>")
            taken = email.message_from_bytes(self.out.messages[number].content)
            self.assertEqual(taken.get_all("message-id"), [message_id])
            self.assertEqual(taken["x-barid-email-id"], email_id)
            self.report("delivery-status", STATUS.format(to),
                        f"{message_id}\r\nX-Barid-Email-ID: {email_id}", "bounces@client.example")
            self.wait_state(email_id, "bounced")

    def test_forwarded_and_delayed(self):
        email_id, message_id = self.sent()
        sender = self.out.messages[0].sender
        self.report("delivery-status", STATUS.format("joe@sink.example").replace("failed", "delayed"), message_id,
                    sender)
        self.report("feedback-report", FEEDBACK.format("joe@sink.example").replace("abuse", "not-spam"), message_id,
                    "fbl@client.example")
        self.server.wait_log(r"status=sent \(report: 0 recipients\)", 2)
        self.assertEqual(self.ask("GET", f"/emails/{email_id}")[1]["last_event"], "delivered")
        self.report("delivery-status", STATUS.format("joe@elsewhere.example"), message_id, "bounces@client.example")
        self.wait_state(email_id, "bounced")  # forwarded: it had one recipient only

    def test_a_report_that_returns_nothing(self):
        email_id, message_id = self.sent()
        self.report("delivery-status", STATUS.format("joe@sink.example"), "<other@x.example>",
                    self.out.messages[0].sender, more=f"In-Reply-To: {message_id}\r\n")
        self.wait_state(email_id, "bounced")

    def test_complaint(self):
        email_id, message_id = self.sent()
        self.report("feedback-report", FEEDBACK.format("joe@sink.example"), message_id, "fbl@client.example")
        self.wait_state(email_id, "complained")
        data = self.events("email.complained")[0]["data"]
        self.assertEqual((data["recipient"], data["complaint"]), ("joe@sink.example", {"type": "abuse"}))
        listed = wait_until(lambda: self.ask("GET", "/suppressions")[1]["data"], "a suppression")
        self.assertEqual((listed[0]["email"], listed[0]["origin"], listed[0]["source_id"]),
                         ("joe@sink.example", "complaint", email_id))

    def test_what_is_about_nothing_changes_nothing(self):
        email_id, message_id = self.sent(to=["joe@sink.example", "ann@sink.example"])
        other = "<01a213c0-bd7a-80ae-9681-0000930841b6@client.example>"
        for body, about in ((STATUS.format("eve@sink.example"), message_id), (STATUS.format("joe@sink.example"), other),
                            (STATUS.format("joe@sink.example"), "<x@y.example>")):
            self.report("delivery-status", body, about, "bounces@client.example")
        self.report("disposition-notification", "Disposition: x", message_id, "fbl@client.example")
        self.server.wait_queue()
        self.server.wait_log("report: 0 recipients", count=4)
        self.assertEqual(self.ask("GET", f"/emails/{email_id}")[1]["last_event"], "delivered")
        self.assertEqual(self.ask("GET", "/suppressions")[1]["data"], [])

    def test_only_our_addresses_are_taken(self):
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=30) as client:
            client.ehlo()
            client.mail("")
            for address, code in (("bounces+a=b.example@client.example", 250), ("fbl@client.example", 250),
                                  ("someone@client.example", 250), ("nobody@client.example", 550)):
                self.assertEqual(client.rcpt(address)[0], code, address)


if __name__ == "__main__":
    unittest.main(verbosity=2)
