#!/usr/bin/env python3
"""Goal: what real clients submit arrives byte for byte, and nothing else ends or starts a message.
Method: smtplib, swaks, nodemailer and raw sockets in, a scripted sink out; compare the contents.
"""

import contextlib
import email
import email.policy
import json
import pathlib
import smtplib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, RawClient, Scenario, queue_id  # noqa: E402

HEAD = b"From: a@client.example\r\nTo: b@sink.example\r\nSubject: test\r\n\r\n"
NODE_DIRECTORY = pathlib.Path(__file__).resolve().parent / "node"

# Content that must come out as it went in.
CONTENTS = {
    "plain": HEAD + b"hello\r\n",
    "8-bit": HEAD + "grüße, 日本\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "control characters": HEAD + bytes(c for c in range(256) if c not in b"\r\n") + b"\r\n",
    "dots": HEAD + b".\r\n..\r\n.x\r\n...\r\n x.\r\n.\r\n",
    "first line is a dot": b".\r\n.a\r\n",
    "998 octets a line": HEAD + b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n",
    "empty lines at the end": HEAD + b"\r\n\r\n\r\n",
    "only a header": b"Subject: x\r\n",
    "dots where buffers meet": HEAD + (b"x" * 4094 + b"\r\n." + b"\r\n") * 40,
    "large": HEAD + (b"." + b"y" * 76 + b"\r\n") * 40000,
}


class Submission(Scenario):
    backend = "auto"

    def setUp(self):
        super().setUp()
        self.out = self.sink()
        self.server = self.barid(relayhost=self.out.relayhost, io_backend=self.backend,
                                 smtp_line_length_limit=0)

    def arrived(self, count=1):
        return self.out.wait_messages(count)[count - 1]

    def test_contents_by_data(self):
        with RawClient(self.server.port) as client:
            for count, (name, content) in enumerate(CONTENTS.items(), 1):
                with self.subTest(name):
                    client.submit(content, parameters=" BODY=8BITMIME")
                    self.assertEqual(self.arrived(count).body, content)
        self.server.wait_queue()

    def test_contents_by_bdat(self):
        with RawClient(self.server.port) as client:
            for count, (name, content) in enumerate(CONTENTS.items(), 1):
                with self.subTest(name):
                    client.envelope(parameters=" BODY=8BITMIME")
                    middle = len(content) // 2
                    client.send(b"BDAT %d\r\n%s" % (middle, content[:middle]))
                    client.expect(250)
                    client.send(b"BDAT %d LAST\r\n%s" % (len(content) - middle, content[middle:]))
                    client.expect(250)
                    self.assertEqual(self.arrived(count).body, content)

    def test_contents_to_a_sink_without_chunking(self):
        plain = self.sink(offers=("PIPELINING", "8BITMIME"))
        server = self.barid("plain", relayhost=plain.relayhost, io_backend=self.backend,
                            smtp_line_length_limit=0)
        with RawClient(server.port) as client:
            for count, (name, content) in enumerate(CONTENTS.items(), 1):
                with self.subTest(name):
                    client.submit(content, parameters=" BODY=8BITMIME")
                    plain.wait_messages(count)
                    self.assertEqual(plain.messages[-1].body, content)
                    self.assertFalse(plain.messages[-1].bdat)

    def test_byte_by_byte(self):
        client = self.client(self.server)
        for byte in (b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@sink.example>\r\nDATA\r\n"):
            client.send(bytes([byte]))
        for code in (250, 250, 354):
            client.expect(code)
        for byte in HEAD + b"..x\r\n.\r\n":
            client.send(bytes([byte]))
        client.expect(250)
        self.assertEqual(self.arrived().body, HEAD + b".x\r\n")

    def test_smtplib(self):
        with smtplib.SMTP("127.0.0.1", self.server.port, local_hostname="client.example") as client:
            message = email.message.EmailMessage()
            message["From"], message["To"] = "a@client.example", "b@sink.example"
            message["Subject"] = "grüße"
            message.set_content("one\n.two\n..three\n" + "z" * 2000 + "\n")
            client.send_message(message)
            got = email.message_from_bytes(self.arrived().body, policy=email.policy.default)
            self.assertEqual(got["Subject"], "grüße")
            self.assertEqual(got.get_content().replace("\r\n", "\n"), "one\n.two\n..three\n" + "z" * 2000 + "\n")
            client.sendmail("a@client.example", ["b@sink.example", "c@sink.example"],
                            HEAD + b"raw \xff\r\n", mail_options=["BODY=8BITMIME"])
            second = self.arrived(2)
            self.assertEqual(second.body, HEAD + b"raw \xff\r\n")
            self.assertEqual(sorted(second.recipients), ["b@sink.example", "c@sink.example"])
            self.assertIn("BODY=8BITMIME", second.mail_parameters)

    def test_smtputf8(self):
        with smtplib.SMTP("127.0.0.1", self.server.port, local_hostname="client.example") as client:
            message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
            message["From"], message["To"] = "jörg@client.example", "用户@sink.example"
            message["Subject"] = "日本"
            message.set_content("x\n")
            client.send_message(message)
        got = self.arrived()
        self.assertIn("SMTPUTF8", got.mail_parameters.upper())
        self.assertEqual(got.sender.encode(errors="surrogateescape").decode(), "jörg@client.example")
        self.assertEqual(got.recipients[0].encode(errors="surrogateescape").decode(), "用户@sink.example")
        self.assertIn("用户".encode(), got.body)

    def test_smtputf8_to_a_sink_without_it(self):
        old = self.sink(offers=("PIPELINING", "8BITMIME"))
        server = self.barid("old", relayhost=old.relayhost, io_backend=self.backend)
        with RawClient(server.port) as client:
            client.submit(sender="ok@client.example", recipients=["用户@sink.example"],
                          parameters=" SMTPUTF8")
        notice = old.wait_messages(1)[0]
        self.assertEqual((notice.sender, notice.recipients), ("", ["ok@client.example"]))
        self.assertIn(b"5.6.7", notice.body)

    def test_swaks(self):
        swaks = self.need("swaks", "swaks")
        done = subprocess.run(
            [swaks, "--server", "127.0.0.1", "--port", str(self.server.port), "--from", "a@client.example",
             "--to", "b@sink.example,c@sink.example", "--helo", "client.example",
             "--body", "swaks\n.dot\n", "--attach", "@" + __file__], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        got = email.message_from_bytes(self.arrived().body, policy=email.policy.default)
        body, attachment = got.iter_parts()
        self.assertEqual(body.get_content().splitlines()[:2], ["swaks", ".dot"])
        self.assertEqual(attachment.get_payload(decode=True), pathlib.Path(__file__).read_bytes())

    def test_nodemailer(self):
        node = self.need("node", "nodejs")
        if not (NODE_DIRECTORY / "node_modules/nodemailer").is_dir():
            self.skipTest("nodemailer is not installed (tools/install-deps --tests)")
        done = subprocess.run([node, NODE_DIRECTORY / "send.js", str(self.server.port), "20"],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), 20)
        ids = {queue_id(answer["response"]) for answer in answers}
        self.assertEqual(len(ids), 20)
        self.out.wait_messages(20)
        subjects = set()
        for message in self.out.messages:
            got = email.message_from_bytes(message.body, policy=email.policy.default)
            subjects.add(got["Subject"])
            parts = {p.get_content_type(): p for p in got.walk()}
            self.assertEqual(parts["text/plain"].get_content().replace("\r\n", "\n").rstrip("\n"), "päckchen\n.\n..x")
            self.assertEqual(parts["application/octet-stream"].get_payload(decode=True),
                             bytes(range(256)) * 64)
        self.assertEqual(subjects, {f"message {n} ✓" for n in range(20)})

    def test_received_field(self):
        with RawClient(self.server.port) as client:
            name = client.submit()
        text = self.arrived().content.split(b"Subject:")[0].decode()
        self.assertRegex(text, r"^Received: from client\.example \(.*\[127\.0\.0\.1\]\)")
        self.assertIn("by mx.barid.example", text)
        self.assertIn(f"with ESMTP id {name}", " ".join(text.split()))
        self.assertIn("rcpt@sink.example", text)

    def test_nothing_else_ends_data(self):
        endings = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r",
                   b"\r\n\x00.\r\n", b"\r\n.\x00\r\n"]
        for ending in endings:
            with self.subTest(ending):
                before = len(self.out.messages)
                with RawClient(self.server.port) as client:
                    client.envelope(parameters=" BODY=8BITMIME")
                    client.command("DATA", 354)
                    client.send(HEAD + b"first" + ending + b"MAIL FROM:<evil@client.example>\r\n"
                                b"RCPT TO:<victim@sink.example>\r\nDATA\r\n" + HEAD + b"smuggled\r\n.\r\n")
                    code, _ = client.reply()
                    self.assertIn(code // 100, (2, 5))
                    client.command("NOOP", 250)  # in step: there was one message, not two
                if code == 250:
                    got = self.out.wait_messages(before + 1)[before:]
                    self.assertEqual([m.recipients for m in got], [["rcpt@sink.example"]])
                    self.assertIn(b"smuggled", got[0].body)
                    self.assertNotIn(b"evil", got[0].sender.encode())

    def test_refused_content_leaves_nothing(self):
        small = self.barid("small", relayhost=self.out.relayhost, message_size_limit=10000)
        with RawClient(small.port) as client:
            self.assertEqual(client.command("MAIL FROM:<a@b.example> SIZE=10001")[0], 552)
            client.envelope()
            client.command("DATA", 354)
            client.send(HEAD + b"x" * 70 + (b"\r\n" + b"x" * 70) * 200 + b"\r\n.\r\n")
            self.assertEqual(client.reply()[0], 552)
            client.submit()
        with RawClient(small.port) as client:  # leaves in the middle
            client.envelope()
            client.command("DATA", 354)
            client.send(HEAD + b"half\r\n")
        small.wait_log("lost connection after DATA")
        # A declared size is refused before there is a sender: the line names none.
        with RawClient(small.port) as client:
            client.command(f"MAIL FROM:<a@b.example> SIZE={1 << 40}", 552)
        small.expect_log(r"NOQUEUE: reject: MAIL from .*: 552 5\.3\.4 Message size exceeds fixed limit; "
                         r"proto=ESMTP helo=<client\.example>$")
        small.wait_queue()
        self.assertEqual(len(self.out.messages), 1)


class Extensions(Scenario):
    def test_priority_goes_on(self):
        modern = self.sink(offers=("PIPELINING", "8BITMIME", "MT-PRIORITY MIXER"))
        server = self.barid(relayhost=modern.relayhost, mynetworks="127.0.0.1/32",
                            relay_domains="sink.example", smtpd_default_stream="bulk")
        with RawClient(server.port) as client:
            client.submit(parameters=" MT-PRIORITY=4")
            client.submit(parameters=" MT-PRIORITY=-9")
            client.submit()
        modern.wait_messages(3)
        self.assertEqual(sorted(m.mail_parameters for m in modern.messages),
                         ["", "MT-PRIORITY=-9", "MT-PRIORITY=4"])
        with RawClient(server.port, source="127.0.0.9") as stranger:
            self.assertEqual(stranger.command("MAIL FROM:<a@b.example> MT-PRIORITY=4", 250)[1],
                             "2.3.6 0 is the new priority assigned to the message")

    def test_request_deadline(self):
        """Bytes that trickle in do not buy time for the command that they belong to."""
        server = self.barid(smtpd_timeout="1s", smtpd_per_request_deadline="yes")
        with RawClient(server.port) as client:
            client.connection.settimeout(0.1)
            said = b""
            while not said:
                with contextlib.suppress(TimeoutError):
                    client.send(b"x")
                    said = client.connection.recv(1000)
            self.assertEqual(said, b"421 4.4.2 mx.barid.example Error: timeout exceeded\r\n")
        server.wait_log("timeout after EHLO from")

    def test_etrn(self):
        out = self.sink(lambda stage, argument, session: "450 4.2.0 later"
                        if stage == "rcpt" and not out.open else None)
        out.open = False
        server = self.barid(relayhost=out.relayhost, minimal_backoff_time="1h", maximal_backoff_time="1h",
                            fast_flush_domains="sink.example",
                            smtpd_etrn_restrictions="check_etrn_access inline:{no.sink.example=REJECT}")
        with RawClient(server.port) as client:
            for number in range(20):
                client.submit(recipients=[f"r{number}@sink.example"])
            client.submit(recipients=["r@other.example"])
            server.wait_queue(lambda q: len(q) == 21 and all(e["queue_name"] == "deferred" for e in q),
                              "all deferred")
            out.open = True
            self.assertEqual(client.command("ETRN other.example", 459)[1],
                             "<other.example>: service unavailable")
            self.assertIn("Access denied", client.command("ETRN no.sink.example", 554)[1])
            self.assertEqual(client.command("ETRN sink.example", 250)[1], "Queuing started")
            out.wait_messages(20)
            self.assertEqual({r for m in out.messages for r in m.recipients},
                             {f"r{n}@sink.example" for n in range(20)})
            self.assertEqual(client.command("ETRN sub.sink.example", 250)[1], "Queuing started")
        server.wait_log(r"warning: reject: ETRN other\.example\.\.\. from localhost\[127\.0\.0\.1\]")
        server.wait_queue(lambda q: len(q) == 1, "the other one stays")

    def test_filters(self):
        out = self.sink(lambda stage, argument, session: "550 5.7.1 greylisted" if stage == "rcpt" else None)
        server = self.barid(relayhost=out.relayhost, minimal_backoff_time="1h", maximal_backoff_time="1h",
                            smtpd_reject_footer=r"\c (call $server_name, $client_address)",
                            smtpd_command_filter="regexp:{{/^PLEASE (.*)/ $$1}}",
                            smtpd_forbidden_commands="regexp:{{/^BAD/ x}}",
                            smtp_reply_filter="regexp:{{/^550 5.7.1 (grey.*)/ 450 4.7.1 $$1}}",
                            smtp_delivery_status_filter="regexp:{{/^4.7.1 (.*)/ 4.2.0 $$1 filtered}}")
        with RawClient(server.port) as client:
            client.command("PLEASE NOOP", 250)
            self.assertEqual(client.command("WHAT", 500)[1], "5.5.2 Error: command not recognized "
                                                             "(call mx.barid.example, 127.0.0.1)")
            client.submit()
            client.command("BADLY", 221)
            self.assertEqual(client.reply(), (0, ""))
        server.wait_log(r'localhost\[127\.0\.0\.1\]: replacing command "PLEASE NOOP" with "NOOP"$')
        server.wait_log(r"dsn=4\.2\.0, status=deferred \(host 127.*450 4\.7\.1 greylisted .*filtered\)$")

    def test_filters_of_results_without_a_connection(self):
        rules = ("regexp:{{/^5.0.0 (no such.*)/ 4.3.5 $$1 yet},{/^4.0.0 (.*)/ 5.7.1 never: $$1},"
                 "{/^2.0.0 (.*)/ 2.1.0 $$1 and forgotten},{/^5.1.1/ 2.0.0 a lie}}")
        server = self.barid(default_delivery_status_filter=rules, minimal_backoff_time="1h",
                            maximal_backoff_time="1h", notify_classes="",
                            transport_maps="inline:{{a.example=error:no such thing}, {b.example=retry:later},"
                                           "{c.example=discard:gone}, {d.example=error:5.1.1 unknown}}")
        with RawClient(server.port) as client:
            for name in "abcd":
                client.submit(sender="", recipients=(f"x@{name}.example",))
        server.wait_log(r"to=<x@a\.example>.*dsn=4\.3\.5, status=deferred \(no such thing yet\)$")
        server.wait_log(r"to=<x@b\.example>.*dsn=5\.7\.1, status=bounced \(never: later\)$")
        server.wait_log(r"to=<x@c\.example>.*dsn=2\.1\.0, status=sent \(gone and forgotten\)$")
        server.wait_log(r"to=<x@d\.example>.*dsn=5\.1\.1, status=bounced \(unknown\)$")
        server.wait_log(r"warning: \w+: default_delivery_status_filter: .*a lie. instead of .5\.1\.1 unknown")

    def test_discarded_keywords(self):
        server = self.barid(smtpd_discard_ehlo_keywords="etrn, dsn",
                            smtpd_discard_ehlo_keyword_address_maps="regexp:{{/^127.0.0.9$$/ chunking nonsense}}")
        self.client(server)
        server.wait_log("discarding EHLO keywords: ETRN DSN$")
        with RawClient(server.port, source="127.0.0.9") as other:
            self.assertNotIn("CHUNKING", other.ehlo)
            self.assertIn("DSN", other.ehlo)
        server.wait_log("discarding EHLO keywords: CHUNKING$")
        server.wait_log('warning: smtpd_discard_ehlo_keyword_address_maps = regexp:.*: unknown EHLO keyword '
                        '"nonsense" for 127.0.0.9$')
        bad = self.barid("bad", start=False,
                         smtpd_discard_ehlo_keyword_address_maps="cidr:{{127.0.0.8/29 dsn, nonsense}}")
        status, said = bad.refused()
        self.assertEqual(status, 78)
        self.assertRegex(said, r'main\.cf, line \d+: smtpd_discard_ehlo_keyword_address_maps: cidr:.*: '
                               r'127\.0\.0\.8/29: unknown keyword at "nonsense"')

    def test_xclient(self):
        server = self.barid(smtpd_authorized_xclient_hosts="127.0.0.1", mynetworks="127.0.0.1/32",
                            relay_domains="sink.example", relay_transport="discard",
                            smtpd_client_restrictions="check_client_access inline:{192.0.2.66=REJECT}",
                            smtpd_delay_reject="no", smtpd_client_connection_count_limit=1)
        first = self.client(server)  # no limit for a proxy
        with RawClient(server.port) as client:
            self.assertIn("XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT",
                          client.ehlo.splitlines())
            self.assertEqual(client.command("XCLIENT NAME=spike.example ADDR=192.0.2.7", 220)[1],
                             "mx.barid.example ESMTP Barid")
            self.assertNotIn("XCLIENT", client.command("EHLO spike.example", 250)[1])
            client.command("MAIL FROM:<a@b.example>", 250)
            self.assertIn("Relay access denied", client.command("RCPT TO:<x@other.example>", 454)[1])
            client.command("RCPT TO:<x@sink.example>", 250)
            client.command("RSET", 250)
            client.command("XCLIENT ADDR=127.0.0.1", 550)
        server.wait_log(r"client=spike\.example\[192\.0\.2\.7\]$")
        server.wait_log(r"disconnect from spike\.example\[192\.0\.2\.7\] ehlo=2 xclient=1/2")
        self.assertIn("Access denied", first.command("XCLIENT ADDR=192.0.2.66", 554)[1])
        self.assertIn("access denied for localhost[192.0.2.66]", first.command("NOOP", 503)[1])
        with RawClient(server.port, source="127.0.0.9") as stranger:
            stranger.command("XCLIENT NAME=x", 550)

    def test_xclient_tells_who_logged_in(self):
        server = self.barid(smtpd_authorized_xclient_hosts="127.0.0.1", mynetworks="127.0.0.1/32",
                            default_transport="discard", relay_transport="discard")
        with RawClient(server.port) as client:
            client.command("XCLIENT NAME=spike.example ADDR=192.0.2.7", 220)
            client.command("EHLO spike.example", 250)
            client.command("MAIL FROM:<a@b.example>", 250)
            client.command("RCPT TO:<x@other.example>", 454)
        with RawClient(server.port) as client:
            client.command("XCLIENT NAME=spike.example ADDR=192.0.2.7 LOGIN=joe", 220)
            client.command("EHLO spike.example", 250)
            client.command("MAIL FROM:<a@b.example>", 250)
            client.command("RCPT TO:<x@other.example>", 250)
        server.wait_log(r"client=spike\.example\[192\.0\.2\.7\], sasl_method=\S+, sasl_username=joe")

    def test_xforward(self):
        """Two of us in a row: the second one tells where the first one's mail came from."""
        last = self.barid("last", smtpd_authorized_xforward_hosts="127.0.0.1", default_transport="discard")
        first = self.barid("first", relayhost=f"[127.0.0.1]:{last.port}", smtp_send_xforward_command="yes",
                           smtpd_authorized_xforward_hosts="127.0.0.1")
        with RawClient(first.port) as client:
            self.assertIn("XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT", client.ehlo.splitlines())
            names = [client.submit(), client.submit()]
            client.command("XFORWARD NAME=far.example ADDR=192.0.2.9 IDENT=4XYZ", 250)
            client.submit()
            names.append(client.submit())
        first.wait_queue()
        for name in names:
            last.expect_log(rf"client=localhost\[127.0.0.1\], orig_queue_id={name}, "
                            r"orig_client=localhost\[127.0.0.1\]$")
        last.expect_log(r"orig_queue_id=4XYZ, orig_client=far\.example\[192\.0\.2\.9\]$")

    def test_rates(self):
        server = self.barid("rates", smtpd_client_event_limit_exceptions="127.0.0.1",
                            relay_domains="sink.example", relay_transport="discard",
                            smtpd_client_connection_rate_limit=3, smtpd_client_message_rate_limit=2,
                            smtpd_client_recipient_rate_limit=4, smtpd_client_ipv4_prefix_length=29,
                            anvil_rate_time_unit="1h")
        with RawClient(server.port, source="127.0.0.9") as client:
            for _ in range(2):
                client.command("MAIL FROM:<a@b.example>", 250)
                client.command("RCPT TO:<b@sink.example>", 250)
                client.command("RSET", 250)
            self.assertEqual(client.command("MAIL FROM:<a@b.example>", 450)[1],
                             "4.7.1 Error: too much mail from 127.0.0.9")
        server.wait_log(r"warning: Message delivery request rate limit exceeded: 3 from "
                        r"localhost\[127\.0\.0\.9\] for service 127\.0\.0\.1:\d+$")
        with RawClient(server.port, source="127.0.0.17") as client:
            client.command("MAIL FROM:<a@b.example>", 250)
            for _ in range(4):
                client.command("RCPT TO:<b@sink.example>", 250)
            self.assertEqual(client.command("RCPT TO:<b@sink.example>", 450)[1],
                             "4.7.1 Error: too many recipients from 127.0.0.17")
        for source in ("127.0.0.10", "127.0.0.11"):  # the network of the first
            RawClient(server.port, source=source).close()
        with RawClient(server.port, source="127.0.0.12", greet=False) as client:
            self.assertEqual(client.expect(421), "4.7.0 mx.barid.example Error: too many connections "
                                                 "from 127.0.0.12")
            self.assertEqual(client.reply(), (0, ""))
        server.wait_log(r"warning: Connection rate limit exceeded: 4 from localhost\[127\.0\.0\.12\] "
                        r"for service 127\.0\.0\.1:\d+$")
        for _ in range(5):  # an exception
            with RawClient(server.port) as client:
                client.command("MAIL FROM:<a@b.example>", 250)

    def test_binary_content(self):
        content = HEAD + bytes(range(256)) * 3
        modern = self.sink(offers=("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"))
        old = self.sink(offers=("PIPELINING", "8BITMIME", "CHUNKING"))
        for name, sink in (("modern", modern), ("old", old)):
            server = self.barid(name, relayhost=sink.relayhost)
            with RawClient(server.port) as client:
                client.command("MAIL FROM:<ok@client.example> BODY=BINARYMIME", 250)
                client.command("RCPT TO:<b@sink.example>", 250)
                client.command("DATA", 503)
                client.send(b"BDAT %d LAST\r\n%s" % (len(content), content))
                client.expect(250)
            got = sink.wait_messages(1)[0]
            if sink is modern:
                self.assertEqual((got.body, got.mail_parameters), (content, "BODY=BINARYMIME"))
            else:  # RFC 3030 3: returned, since it cannot be converted
                self.assertEqual((got.sender, got.recipients), ("", ["ok@client.example"]))
                self.assertIn(b"5.6.3", got.body)

    def test_keywords_by_address(self):
        server = self.barid(smtpd_discard_ehlo_keywords="etrn",
                            smtpd_discard_ehlo_keyword_address_maps="cidr:{ {127.0.0.8/29 dsn, chunking} }",
                            strict_smtputf8="yes")
        seen = {}
        for source in ("127.0.0.1", "127.0.0.9"):
            with RawClient(server.port, source=source, greet=False) as client:
                client.expect(220)
                seen[source] = [line.split()[0] for line in
                                client.command("EHLO c.example", 250)[1].splitlines()[1:]]
                client.command("MAIL FROM:<a@b.example> RET=FULL", 250 if source == "127.0.0.1" else 501)
                client.command("RSET", 250)
                client.command("MAIL FROM:<ä@b.example>", 501)
        everything = ("PIPELINING SIZE VRFY ETRN ENHANCEDSTATUSCODES 8BITMIME DSN SMTPUTF8 CHUNKING "
                      "BINARYMIME MT-PRIORITY").split()
        self.assertEqual(seen["127.0.0.1"], [w for w in everything if w != "ETRN"])
        self.assertEqual(seen["127.0.0.9"], [w for w in everything
                                             if w not in ("DSN", "CHUNKING", "BINARYMIME")])


class SubmissionEpoll(Submission):
    """Everything again on the other back end, apart from what only concerns the clients."""
    backend = "epoll"
    test_smtplib = test_swaks = test_received_field = test_smtputf8 = None


class Relaying(Scenario):
    def test_strangers(self):
        out = self.sink()
        for number, (restriction, codes) in enumerate((("permit_mynetworks, reject_unauth_destination", (554,)),
                                   ("permit_mynetworks, defer_unauth_destination", (450, 451, 454)))):
            with self.subTest(restriction):
                server = self.barid(f"server{number}", relayhost=out.relayhost,
                                    mynetworks="127.0.0.1/32", relay_domains="ours.example",
                                    smtpd_relay_restrictions=restriction)
                before = len(out.messages)
                with RawClient(server.port, source="127.0.0.2") as client:
                    client.command("MAIL FROM:<a@b.example>", 250)
                    for address in ("x@sink.example", "x%sink.example@ours.example", "@ours.example:x@sink.example",
                                    '"x@sink.example"@ours.example', "x!y@sink.example", "x@[192.0.2.1]"):
                        code, text = client.command(f"RCPT TO:<{address}>")
                        self.assertIn(code, (*codes, 501, 504, 553), f"{address}: {code} {text}")
                    self.assertIn("Relay access denied", client.command("RCPT TO:<x@sink.example>")[1])
                    self.assertEqual(client.command("DATA")[0] // 100, 5)
                    client.command("RCPT TO:<x@ours.example>", 250)
                    client.command("RCPT TO:<x@sub.ours.example>")
                    client.command("RSET", 250)
                    client.submit(recipients=["y@ours.example"])
                with RawClient(server.port, source="127.0.0.1") as client:
                    client.submit(recipients=["z@sink.example"])
                out.wait_messages(before + 2)
                server.wait_queue()
                self.assertEqual(sorted(m.recipients[0] for m in out.messages[before:]),
                                 ["y@ours.example", "z@sink.example"])


if __name__ == "__main__":
    unittest.main()
