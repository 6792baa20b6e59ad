#!/usr/bin/env python3
"""Goal: restriction lists of main.cf decide what the real program answers, at the stage they belong to,
and access tables change messages as they say. Method: raw sockets in, a scripted sink out, the log.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario  # noqa: E402


class Restrictions(Scenario):
    def serve(self, name, **main):
        self.out = self.sink()
        return self.barid(name, relayhost=self.out.relayhost, **main)

    def test_lists_answer_at_rcpt(self):
        server = self.serve(
            "late",
            smtpd_client_restrictions="check_client_access inline:{ {127.0.0.9=550 5.7.9 no clients} }",
            smtpd_sender_restrictions="check_sender_access inline:{ {bad.example=REJECT spam} }",
            smtpd_recipient_restrictions="strict",
            smtpd_restriction_classes="strict",
            strict="check_recipient_access inline:{ later@sink.example=DEFER }, reject_unauth_pipelining")
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@bad.example>", 250)
            self.assertEqual(
                client.command("RCPT TO:<b@sink.example>", 554)[1],
                "5.7.1 <a@bad.example>: Sender address rejected: spam")
            client.command("RSET", 250)
            client.command("MAIL FROM:<a@good.example>", 250)
            self.assertEqual(
                client.command("RCPT TO:<later@sink.example>", 450)[1],
                "4.7.1 <later@sink.example>: Recipient address rejected: Access denied")
            client.command("RCPT TO:<b@sink.example>", 250)
        with RawClient(server.port, source="127.0.0.9") as client:
            client.command("MAIL FROM:<a@good.example>", 250)
            self.assertIn("Client host rejected: no clients",
                          client.command("RCPT TO:<b@sink.example>", 550)[1])
        server.wait_log(
            r"NOQUEUE: reject: RCPT from localhost\[127\.0\.0\.1\]: 554 5\.7\.1 <a@bad\.example>: "
            r"Sender address rejected: spam; from=<a@bad\.example> to=<b@sink\.example> proto=ESMTP "
            r"helo=<client\.example>")

    def test_unknown_recipients(self):
        aliases = self.directory / "aliases"
        aliases.write_text("# who\nabuse: root\n\"two words\": root\n")
        server = self.serve(
            "unlisted", mydestination="mx.barid.example", relay_domains="relay.example",
            alias_maps=f"lmdb:{aliases}", relay_recipient_maps="inline:{ known@relay.example=x }",
            virtual_alias_maps="inline:{ alias.example=x, sales@alias.example=a@sink.example }",
            virtual_mailbox_domains="box.example", virtual_mailbox_maps="inline:{ u@box.example=u/ }")
        unknown = {
            "nobody-has-this-name@mx.barid.example": "local recipient table",
            "x@relay.example": "relay recipient table",
            "x@alias.example": "virtual alias table",
            "x@box.example": "virtual mailbox table",
        }
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@good.example>", 250)
            for address, table in unknown.items():
                text = f"5.1.1 <{address}>: Recipient address rejected: User unknown in {table}"
                for verb in (f"RCPT TO:<{address}>", f"VRFY <{address}>"):
                    self.assertEqual(client.command(verb, 550)[1], text)
            for address in ("root@mx.barid.example", "Abuse@mx.barid.example", "postmaster",
                            '"two words"@mx.barid.example', "known@relay.example", "u@box.example",
                            "sales@alias.example", "x@sink.example"):
                client.command(f"RCPT TO:<{address}>", 250)
        server.wait_log(r"NOQUEUE: reject: RCPT from localhost\[127\.0\.0\.1\]: 550 5\.1\.1 "
                        r"<x@relay\.example>: Recipient address rejected: User unknown in relay recipient "
                        r"table; from=<a@good\.example> to=<x@relay\.example> proto=ESMTP")
        server.configure(local_recipient_maps="", relay_recipient_maps="",
                         smtpd_reject_unlisted_sender="yes")
        server.reload()
        server.wait_log("reload")
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@good.example>", 250)
            client.command("RCPT TO:<nobody-has-this-name@mx.barid.example>", 250)
            client.command("RCPT TO:<x@relay.example>", 250)
            client.command("RSET", 250)
            client.command("MAIL FROM:<x@box.example>", 250)
            self.assertEqual(client.command("RCPT TO:<x@sink.example>", 550)[1],
                             "5.1.0 <x@box.example>: Sender address rejected: User unknown in virtual mailbox table")

    def test_lists_answer_early_without_delay(self):
        server = self.serve(
            "early", smtpd_delay_reject="no",
            smtpd_client_restrictions="inline:{ {127.0.0.9=550 5.7.9 no clients} }",
            smtpd_helo_restrictions="reject_non_fqdn_helo_hostname",
            smtpd_sender_restrictions="reject_non_fqdn_sender",
            smtpd_data_restrictions="reject_multi_recipient_bounce",
            smtpd_end_of_data_restrictions="check_sender_access inline:{ end@good.example=REJECT }")
        with RawClient(server.port, source="127.0.0.9", greet=False) as client:
            client.expect(550)
            self.assertIn("5.7.0 Error: access denied for", client.command("NOOP", 503)[1])
            client.command("QUIT", 221)
        with RawClient(server.port) as client:
            client.command("EHLO laptop", 504)
            client.command("EHLO client.example", 250)
            client.command("MAIL FROM:<a@host>", 504)
            client.command("MAIL FROM:<>", 250)
            client.command("RCPT TO:<b@sink.example>", 250)
            client.command("RCPT TO:<c@sink.example>", 250)
            client.command("DATA", 550)
            client.command("RSET", 250)
            client.command("MAIL FROM:<end@good.example>", 250)
            client.command("RCPT TO:<b@sink.example>", 250)
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\n.\r\n")
            client.expect(554)
        self.assertEqual(server.queue(), [])

    def test_tables_change_messages(self):
        server = self.serve(
            "change",
            smtpd_recipient_restrictions="check_recipient_access inline:{"
            " {mark@sink.example=PREPEND X-Marked: yes} {drop@sink.example=DISCARD}"
            " {move@sink.example=REDIRECT moved@sink.example} }")
        with RawClient(server.port) as client:
            for recipient in ("drop", "move", "mark"):
                client.command("MAIL FROM:<a@client.example>", 250)
                client.command(f"RCPT TO:<{recipient}@sink.example>", 250)
                client.command("DATA", 354)
                client.send(b"Subject: x\r\n\r\n" + recipient.encode() + b"\r\n.\r\n")
                client.expect(250)
        messages = {m.content.rstrip(b"\r\n").rsplit(b"\n", 1)[1]: m for m in self.out.wait_messages(2)}
        self.assertEqual(sorted(messages), [b"mark", b"move"])
        self.assertTrue(messages[b"mark"].content.startswith(b"X-Marked: yes\r\nReceived:"))
        self.assertEqual([str(r) for r in messages[b"move"].recipients], ["moved@sink.example"])
        server.wait_queue()
        server.wait_log(r"discard: RCPT from .*<drop@sink\.example>: Recipient address triggers DISCARD action")

    def test_what_is_not_served_is_a_temporary_failure(self):
        server = self.serve("unserved", smtpd_sender_restrictions="reject_rbl_client dnsbl.example")
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@client.example>", 250)
            self.assertEqual(client.command("RCPT TO:<b@sink.example>", 451)[1],
                             "4.3.5 Server configuration error")
        self.assertIn("reject_rbl_client", server.output() + str(server.log()))


if __name__ == "__main__":
    unittest.main()
