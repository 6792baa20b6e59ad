#!/usr/bin/env python3
"""Goal: senders and postmasters hear what they should, and no notice ever goes in circles.
Method: the real program with scripted sinks, with and without DSN, that tell what arrived.
"""

import email
import email.policy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario, Sink, wait_until  # noqa: E402

BODY = b"Subject: x\r\nMessage-ID: <m@client.example>\r\n\r\nbody\r\n"


def actions(message):
    """[(final recipient, action, status)] of a notice."""
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    blocks = list(parsed.iter_parts())[1].get_payload()[1:]
    return [(b["Final-Recipient"].split(";")[1].strip(), b["Action"], b["Status"]) for b in blocks]


def subject(message):
    return email.message_from_bytes(message.content)["Subject"]


def refuse_some(stage, argument, session):
    if stage == "rcpt" and argument.startswith("bad"):
        return "550 5.1.1 no such user"
    if stage == "rcpt" and argument.startswith("late"):
        return "450 4.2.0 not now"
    return None


class Sessions(Scenario):
    """Transcripts of sessions that went wrong."""

    def talk(self, server, *lines):
        with RawClient(server.port) as client:
            for line in ("EHLO client.example", *lines):
                client.send(line.encode() + b"\r\n")
                client.reply()

    def start(self, **settings):
        self.out = self.sink()
        return self.barid(relayhost=self.out.relayhost, mydestination="", mynetworks="192.0.2.0/24",
                          relay_domains="ours.example", error_notice_recipient="watch@ours.example",
                          relay_recipient_maps="", **settings)

    def notices(self):
        return [m for m in self.out.messages if m.recipients == ["watch@ours.example"]]

    def test_policy_and_protocol_have_their_transcript(self):
        server = self.start(notify_classes="policy, protocol")
        self.talk(server, "MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>", "QUIT")
        self.out.wait_messages(1)
        self.talk(server, "NONSENSE", "AUTH PLAIN AGJvYgBzZWNyZXQ=", "QUIT")
        self.out.wait_messages(2)
        self.talk(server, "NOOP", "QUIT")
        first, second = (m.content.decode() for m in self.notices())
        self.assertRegex(first, r"(?m)^Subject: \S+ SMTP server: errors from localhost\[127.0.0.1\]\r$")
        self.assertIn(" In:  RCPT TO:<x@elsewhere.example>\r\n Out: 454 4.7.1 ", first)
        self.assertIn(" In:  NONSENSE\r\n Out: 50", second)
        self.assertNotIn("AGJvYgBzZWNyZXQ", second)
        self.assertTrue(self.notices()[0].sender.startswith("double-bounce@"))
        server.wait_log(r"postmaster notification: errors from localhost\[127.0.0.1\]")

    def test_a_server_that_breaks_the_protocol(self):
        def answer(stage, argument, session):
            if stage == "rcpt" and argument == "odd@sink.example":
                return "503 5.5.1 bad sequence"
            return "550 5.1.1 unknown" if stage == "rcpt" and argument == "bad@sink.example" else None
        out = self.sink(answer)
        server = self.barid(relayhost=out.relayhost, error_notice_recipient="watch@ours.example",
                            notify_classes="protocol")
        with RawClient(server.port) as client:
            client.submit(recipients=["bad@sink.example"])
            server.wait_log("to=<bad@sink.example>.*status=bounced")
            client.submit(recipients=["odd@sink.example"])
        server.wait_log(r"postfix/smtp\[\d+\]: \w+: postmaster notification: errors from 127.0.0.1\[127.0.0.1\]")
        server.wait_queue()
        notices = [m for m in out.messages if m.recipients == ["watch@ours.example"]]
        self.assertEqual(len(notices), 1)
        text = notices[0].content.decode()
        self.assertRegex(text, r"(?m)^Subject: \S+ SMTP client: errors from 127.0.0.1\[127.0.0.1\]\r$")
        self.assertRegex(text, r"(?m)^ Out: RCPT TO:<odd@sink.example>(.|\n)*^ In:  503 5\.5\.1 bad sequence\r$")
        self.assertNotIn("body", text.partition("said to each other")[2])

    def test_a_table_that_fails(self):
        server = self.start(notify_classes="data", smtpd_recipient_restrictions="check_recipient_access fail:x")
        self.talk(server, "NONSENSE", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", "QUIT")
        self.out.wait_messages(1)
        self.assertIn(" Out: 451 4.3.0 <x@ours.example>: Temporary lookup failure\r\n",
                      self.notices()[0].content.decode())

    def test_off_by_default_bounded_and_never_about_a_notice(self):
        server = self.start()
        self.talk(server, "NONSENSE", "MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>", "QUIT")
        server.configure(relayhost=self.out.relayhost, mydestination="", mynetworks="192.0.2.0/24",
                         relay_domains="ours.example", relay_recipient_maps="",
                         error_notice_recipient="watch@ours.example", notify_classes="policy",
                         error_notice_rate_limit="2")
        server.reload()
        server.wait_log("reload -- configuration")
        sender = "double-bounce@mx.barid.example"
        self.talk(server, f"MAIL FROM:<{sender}>", "RCPT TO:<x@elsewhere.example>", "QUIT")
        self.assertEqual(self.notices(), [])
        for _ in range(12):  # over all shards at most two an hour
            self.talk(server, "MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>", "QUIT")
        server.wait_log("no notice of errors from localhost")
        server.wait_queue()
        self.assertIn(len(self.notices()), (1, 2))


class Notices(Scenario):
    def submit(self, server, recipients, sender="sender@client.example", parameters="", notify=""):
        with RawClient(server.port) as client:
            client.command("EHLO client.example", 250)
            client.command(f"MAIL FROM:<{sender}>{parameters}", 250)
            for recipient in recipients:
                client.command(f"RCPT TO:<{recipient}>{notify}", 250)
            client.command("DATA", 354)
            client.send(BODY + b".\r\n")
            return client.expect(250)

    def test_success(self):
        """Without DSN at the next hop "relayed" is ours to say; with it nothing is."""
        out = self.sink(refuse_some)
        server = self.barid(relayhost=out.relayhost)
        self.submit(server, ["a@sink.example", "b@sink.example"], notify=" NOTIFY=SUCCESS,FAILURE",
                    parameters=" ENVID=e1")
        out.wait_messages(2)
        server.wait_queue()
        notice = next(m for m in out.messages if not m.sender)
        self.assertEqual(subject(notice), "Successful Mail Delivery Report")
        self.assertEqual(sorted(actions(notice)), [("a@sink.example", "relayed", "2.0.0"),
                                                   ("b@sink.example", "relayed", "2.0.0")])
        self.assertIn(b"Original-Envelope-Id: e1\r\n", notice.content)
        self.assertIn(b"Diagnostic-Code: smtp; 250 ", notice.content)
        server.wait_log(r"bounce\[\d+\]: \w+: sender delivery status notification: \w+")
        capable = Sink(offers=(*Sink.OFFERS, "DSN"))
        self.addCleanup(capable.close)
        server.configure(relayhost=capable.relayhost)
        server.reload()
        server.wait_log("reload -- configuration")
        self.submit(server, ["c@sink.example"], notify=" NOTIFY=SUCCESS")
        capable.wait_messages(1)
        server.wait_queue()
        self.assertEqual(len(capable.messages), 1)

    def test_postmaster_and_delay(self):
        out = self.sink(refuse_some)
        server = self.barid(relayhost=out.relayhost, notify_classes="bounce, 2bounce, delay",
                            delay_warning_time="1s", confirm_delay_cleared="yes", myorigin="origin.example",
                            bounce_notice_recipient="boss@sink.example", enable_threaded_bounces="yes")
        self.submit(server, ["bad1@sink.example", "late@sink.example"])
        out.wait_messages(4)
        by_subject = {subject(m): m for m in out.messages}
        copy = by_subject["Postmaster Copy: Undelivered Mail"]
        self.assertEqual((copy.sender, copy.recipients),
                         ("double-bounce@mx.barid.example", ["boss@sink.example"]))
        warning = by_subject["Delayed Mail (still being retried)"]
        self.assertEqual((warning.sender, warning.recipients), ("", ["sender@client.example"]))
        self.assertEqual(actions(warning), [("late@sink.example", "delayed", "4.2.0")])
        self.assertIn(b"In-Reply-To: <m@client.example>", warning.content)
        self.assertEqual(by_subject["Postmaster Warning: Delayed Mail"].recipients,
                         ["postmaster@origin.example"])
        server.wait_log("sender delay notification")
        server.wait_log("postmaster delay notification")
        out.script = None
        out.wait_messages(6)  # the late one, and that it is late no more
        server.wait_queue()
        cleared = next(m for m in out.messages if subject(m) == "Successful Mail Delivery Report")
        self.assertEqual(actions(cleared), [("late@sink.example", "relayed", "2.0.0")])
        self.assertEqual(len(out.messages), 6)

    def test_mail_about_mail_ends(self):
        """A sender that refuses its notice, and a postmaster that refuses the second one."""
        out = self.sink(refuse_some)
        server = self.barid(relayhost=out.relayhost, notify_classes="2bounce", myorigin="origin.example",
                            **{"2bounce_notice_recipient": "bad-boss@sink.example"})
        self.submit(server, ["bad@sink.example"], sender="bad-sender@client.example")
        server.wait_log("undeliverable postmaster notification discarded")
        server.wait_queue()
        self.assertEqual(out.messages, [])
        server.expect_log("postmaster non-delivery notification")
        server.expect_log("status=bounced", 3)

    def test_verp(self):
        out = self.sink(refuse_some)
        server = self.barid(relayhost=out.relayhost, smtpd_authorized_verp_clients="127.0.0.1")
        self.submit(server, ["bad1@sink.example", "ok@sink.example", "bad2@sink.example"],
                    sender="list@client.example", parameters=" XVERP=-=")
        out.wait_messages(3)
        server.wait_queue()
        self.assertEqual(sorted((m.sender, m.recipients[0]) for m in out.messages), [
            ("", "list-bad1=sink.example@client.example"), ("", "list-bad2=sink.example@client.example"),
            ("list-ok=sink.example@client.example", "ok@sink.example")])

    def test_template(self):
        out = self.sink(refuse_some)
        template = pathlib.Path(self.directory) / "words"
        template.write_text("failure_template = <<EOF\nCharset: us-ascii\nFrom: Post <post>\nSubject: Back\n"
                            "Postmaster-Subject: Copy\n\nFrom $myhostname, ${maximal_queue_lifetime_days} days.\nEOF\n")
        server = self.barid(relayhost=out.relayhost, bounce_template_file=template, myorigin="origin.example")
        self.submit(server, ["bad@sink.example"])
        out.wait_messages(1)
        notice = out.messages[0].content
        self.assertIn(b"From: Post <post@origin.example>\r\nSubject: Back\r\n", notice)
        self.assertIn(b"From mx.barid.example, 5 days.\r\n", notice)
        template.write_text("failure_template = <<EOF\nCharset: us-ascii\nFrom: x\nSubject: y\nEOF\n")
        server.reload()
        server.wait_log(f"{template}, line 1: failure_template: no Postmaster-Subject; "
                        "the built-in words are used")
        self.submit(server, ["bad@sink.example"])
        out.wait_messages(2)
        wait_until(lambda: subject(out.messages[1]) == "Undelivered Mail Returned to Sender", "own words")


if __name__ == "__main__":
    unittest.main()
