#!/usr/bin/env python3
"""Goal: what the SMTP server answers is what Postfix answers, but for differences that are meant.
Method: the same bytes to both; replies are compared line by line, names and queue ids left out. A
command may say what we answer instead (Ours), with the reason. Skipped where Postfix is not installed.
"""

import os
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario, find_program  # noqa: E402
from postfix_peer import Postfix  # noqa: E402

SETTINGS = {
    "myhostname": "mx.example", "mail_name": "Some", "mynetworks": "127.0.0.1/32", "relay_domains": "ours.example",
    "default_transport": "discard", "relay_transport": "discard", "smtpd_peername_lookup": "no",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_authorized_xforward_hosts": "127.0.0.1",
    "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "100", "smtpd_recipient_limit": "1000",
    "smtpd_recipient_overshoot_limit": "20000", "message_size_limit": "1000000", "strict_rfc821_envelopes": "no",
    "smtpd_client_connection_count_limit": "0", "queue_minfree": "0",
    "smtpd_client_restrictions": "check_client_access inline:{192.0.2.66=REJECT}",
    "smtpd_helo_restrictions": "check_helo_access inline:{{bad.example=450 4.7.1 not now}}",
    "smtpd_sender_restrictions": "check_sender_access inline:{{evil@b.example=554 5.7.1 no}}, reject_non_fqdn_sender",
    "smtpd_recipient_restrictions": "check_recipient_access inline:{{no@ours.example=REJECT, "
                                    "later@ours.example=DEFER}}",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
}


class Ours(str):
    """A command that we answer differently, on purpose."""

    def __new__(cls, command, reply, because):
        one = super().__new__(cls, command)
        one.reply, one.because = reply, because
        return one


class Chunk(str):
    """A command whose payload follows without a line end."""


MESSAGE = r"Subject: x\r\n\r\nbody\r\n."
NO_RECIPIENT = ("503 5.5.1 Error: need RCPT command", "nothing was refused that could be called not valid")
TOO_LONG = ("500 5.5.2 mx.example Error: command too long", "half a command is not run; older ones do")
CANONICAL = "addresses are shown in one form"

DIALOGUES = {
    "simple commands": [
        "EHLO a.example", "HELO", "EHLO", "NOOP foo", "RSET", "RSET foo", "WHAT", "XVERP", "STARTTLS",
        "AUTH PLAIN x", "HELO a.example", "QUIT"],
    "help": [Ours("HELP", "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN QUIT HELP",
                  "older ones do not know it")],
    "vrfy": [
        "EHLO a.example", "VRFY", Ours("VRFY a b c", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]", "it is the syntax"),
        "VRFY x@ours.example", Ours("VRFY <x@ours.example> SMTPUTF8", "252 2.0.0 x@ours.example", CANONICAL),
        "VRFY foo..@bar..baz", "VRFY no@ours.example", "VRFY later@ours.example"],
    "mail": [
        "EHLO a.example", "MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM:<", "MAIL FROM:<a@b.example",
        "MAIL FROM:a@b.example", "RSET", "MAIL FROM: <a@b.example>", "RSET", "MAIL FROM:<a b@c.example>",
        "MAIL FROM:<@x.example:a@b.example>", "RSET", r'MAIL FROM:<"a b"@c.example>', "RSET",
        "MAIL FROM:<a@[127.0.0.1]>", "RSET", "MAIL FROM:<a@b..example>", "MAIL FROM:<>", "MAIL FROM:<>",
        "EHLO again.example", "MAIL FROM:<evil@b.example>", "RCPT TO:<x@ours.example>"],
    "mail parameters": [
        "EHLO a.example", "MAIL FROM:<a@b.example> SIZE=abc", "MAIL FROM:<a@b.example> SIZE=",
        Ours("MAIL FROM:<a@b.example> SIZE", "501 5.5.4 Bad message size syntax", "the option is supported"),
        "MAIL FROM:<a@b.example> BODY=9BIT", Ours("MAIL FROM:<a@b.example> BODY", None, "the option is named"),
        "MAIL FROM:<a@b.example> FOO=bar", "MAIL FROM:<a@b.example> FOO", "MAIL FROM:<a@b.example> RET=X",
        Ours("MAIL FROM:<a@b.example> RET=FULL RET=HDRS", "501 5.5.4 Error: duplicate option: RET", "more exact"),
        "MAIL FROM:<a@b.example> ENVID=+ZZ",
        Ours("MAIL FROM:<a@b.example> ENVID", "501 5.5.4 Bad ENVID parameter syntax", "the option is supported"),
        "MAIL FROM:<a@b.example> ENVID=", "RSET", "MAIL FROM:<a@b.example> SMTPUTF8=x",
        "MAIL FROM:<a@b.example> SMTPUTF8 BODY=8BITMIME SIZE=100 RET=HDRS ENVID=x+2By", "RSET",
        "MAIL FROM:<a@b.example> SIZE=99999999999", "QUIT"],
    "rcpt": [
        "EHLO a.example", "RCPT TO:<x@ours.example>", "MAIL FROM:<a@b.example>", "RCPT", "RCPT TO:", "RCPT TO:<>",
        "RCPT TO:<x@ours.example> NOTIFY=NEVER,SUCCESS", "RCPT TO:<x@ours.example> NOTIFY=",
        "RCPT TO:<x@ours.example> ORCPT=foo", "RCPT TO:<x@ours.example> FOO", "RCPT TO:<x@ours.example> SIZE=1",
        "RCPT TO:<x@ours..example>", "RCPT TO:<no@ours.example>", "RCPT TO:<later@ours.example>",
        "RCPT TO:<x..y@ours.example>", "RCPT TO:<x@ours.example> NOTIFY=DELAY,FAILURE ORCPT=rfc822;x+2By@z",
        "RCPT TO:<postmaster>", "DATA foo", "DATA", MESSAGE, "QUIT"],
    "order": [
        "EHLO a.example", "DATA", "MAIL FROM:<a@b.example>", Ours("DATA", *NO_RECIPIENT),
        "RCPT TO:<no@ours.example>", "DATA", "RSET", "DATA", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours..example>",
        "DATA", "RSET", "MAIL FROM:<a@b.example>", "RCPT TO:", "DATA", "EHLO b.example",
        "RCPT TO:<x@ours.example>", "QUIT"],
    "helo refused": ["EHLO bad.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", "QUIT"],
    "sender without domain": ["EHLO a.example", "MAIL FROM:<joe>", "RCPT TO:<x@ours.example>", "QUIT"],
    "bdat": [
        "EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", Chunk(r"BDAT 3\r\nabc"), "DATA",
        "MAIL FROM:<a@b.example>", "RCPT TO:<y@ours.example>", "BDAT 0", Chunk(r"BDAT 3\r\nabc"), "RSET",
        "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", Chunk(r"BDAT 5 LAST\r\nabc\r\n"), "QUIT"],
    "bdat without recipients": [
        "EHLO a.example", Chunk(r"BDAT 3 LAST\r\nabc"), "MAIL FROM:<a@b.example>", "RCPT TO:<no@ours.example>",
        Chunk(r"BDAT 3 LAST\r\nabc"), "QUIT"],
    "bdat too big": [
        "EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>",
        Chunk(r"BDAT 1000001\r\n" + "x" * 1000001), Chunk(r"BDAT 3 LAST\r\nabc"), "QUIT"],
    "bdat syntax": ["EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", "BDAT"],
    "bdat no number": ["EHLO a.example", "BDAT x"],
    "bdat negative": ["EHLO a.example", "BDAT -1"],
    "etrn": [
        "EHLO a.example", "ETRN", "ETRN a b", "ETRN foo..bar", "ETRN other.example", "ETRN [127.0.0.1]",
        "ETRN ours.example", "ETRN @sub.ours.example", "ETRN #ours.example", "MAIL FROM:<a@b.example>",
        "ETRN ours.example", "QUIT"],
    "xclient": [
        "EHLO a.example", "XCLIENT", "XCLIENT NAME", "XCLIENT NAME=", "XCLIENT FOO=bar", "XCLIENT NAME=bad..name",
        "XCLIENT ADDR=1.2.3.999", "XCLIENT PORT=abc", "XCLIENT PROTO=FOO",
        "XCLIENT NAME=spike.example ADDR=192.0.2.7 HELO=h.example PROTO=ESMTP", "XCLIENT NAME=x",
        "MAIL FROM:<a@b.example>", "RCPT TO:<x@sink.example>", "RCPT TO:<x@ours.example>", "XCLIENT NAME=x", "QUIT"],
    "xclient refused": ["EHLO a.example", "XCLIENT ADDR=192.0.2.66", "EHLO a.example", "MAIL FROM:<a@b.example>",
                        "RCPT TO:<x@ours.example>", "QUIT"],
    "xforward": [
        "EHLO a.example", "XFORWARD", "XFORWARD NAME", "XFORWARD FOO=x", "XFORWARD SOURCE=ELSEWHERE",
        "XFORWARD NAME=spike.example ADDR=192.0.2.9 PORT=99 SOURCE=LOCAL IDENT=X PROTO=ESMTP HELO=h.example",
        "MAIL FROM:<a@b.example>", "XFORWARD NAME=x.example", "QUIT"],
    "header lines": ["EHLO a.example", "Subject: hello"],
    "http": ["GET / HTTP/1.1"],
    "garbage": [b"\x16\x03\x01\x02\x00"],
    "line too long": ["EHLO a.example", Ours("NOOP " + "x" * 2044, *TOO_LONG), "NOOP"],
    "line of 10 MB": ["EHLO a.example", Ours("X" * 10_000_000, *TOO_LONG), "NOOP", "QUIT"],
    "message too big": [
        "EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", "DATA",
        (b"x" * 998 + b"\r\n") * 1010 + b".", "QUIT"],
    "bad UTF-8": ["EHLO a.example", b"MAIL FROM:<\xff@b.example> SMTPUTF8", b"NOOP \xff"],
    "pipelined": [
        "EHLO a.example",
        (r"MAIL FROM:<a@b.example>\r\nRCPT TO:<no@ours.example>\r\nRCPT TO:<x@ours.example>\r\nDATA", 4),
        MESSAGE, (r"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@ours.example>\r\nRSET\r\nNOOP", 5), "QUIT"],
    "too many hops": [
        "EHLO a.example", "MAIL FROM:<a@b.example>", "RCPT TO:<x@ours.example>", "DATA",
        "Received: x\\r\\n" * 60 + MESSAGE, "QUIT"],
}


def octets(command):
    """"\\r" and its kind may stand in a command's text."""
    if isinstance(command, bytes):
        return command
    return command.encode().decode("unicode_escape").encode("latin-1")


def neutral(reply):
    code, text = reply
    text = re.sub(r"queued as \w+", "queued as ID", text)
    return f"{code} {text}"


@unittest.skipUnless(find_program("postfix"), "Postfix is not installed")
@unittest.skipUnless(os.geteuid() == 0, "Postfix starts only as root")
class Dialogues(Scenario):
    def both(self, **changes):
        """(ours, Postfix), with the same settings."""
        self.directory.chmod(0o755)
        settings = {**SETTINGS, **changes}
        postfix = Postfix(self.directory / "postfix", **settings)
        self.addCleanup(postfix.stop)
        return self.barid(**settings), postfix.start()

    def replies(self, port, dialogue, source=None):
        """For each command the list of its replies; (0, "") when the server closed."""
        with RawClient(port, greet=False, source=source) as client:
            said = [[client.reply()]]
            for command in dialogue:
                command, count = command if isinstance(command, tuple) else (command, 1)
                try:
                    client.send(octets(command) + (b"" if isinstance(command, Chunk) else b"\r\n"))
                    said.append([client.reply() for _ in range(count)])
                except OSError:  # closed while we wrote
                    said.append([(0, "")])
        return said

    def compare(self, ours, theirs, dialogue):
        for command, our, their in zip(["(banner)", *dialogue], ours, theirs, strict=True):
            our, their = list(map(neutral, our)), list(map(neutral, their))
            if str(command).startswith("EHLO") and our[0].startswith("250 "):
                our, their = ([sorted(set(r[0].split("\n")) - EXTENSIONS)] for r in (our, their))
            if our == their:
                continue
            meant = getattr(command, "reply", "not meant")
            if meant is None or our == [meant]:
                continue
            self.fail(f"{octets(command)[:200] if command != '(banner)' else command}:\n"
                      f"ours:    {our}\nPostfix: {their}")

    def test_dialogues(self):
        server, postfix = self.both()
        for name, dialogue in DIALOGUES.items():
            with self.subTest(name):
                self.compare(self.replies(server.port, dialogue), self.replies(postfix.port, dialogue), dialogue)

    def test_stranger(self):
        server, postfix = self.both()
        dialogue = ["EHLO a.example", "XCLIENT NAME=x", "XFORWARD NAME=x", "MAIL FROM:<a@b.example>",
                    "RCPT TO:<x@sink.example>", "RCPT TO:<x%sink.example@ours.example>", "RCPT TO:<x@ours.example>",
                    "RCPT TO:<@ours.example:x@sink.example>", "RSET", "VRFY x@sink.example", "QUIT"]
        self.compare(self.replies(server.port, dialogue, "127.0.0.9"),
                     self.replies(postfix.port, dialogue, "127.0.0.9"), dialogue)

    def test_many_recipients(self):
        server, postfix = self.both()
        dialogue = ["EHLO a.example", "MAIL FROM:<a@b.example>"]
        for first in range(0, 10_000, 100):
            dialogue.append((r"\r\n".join(f"RCPT TO:<r{first + n}@ours.example>" for n in range(100)), 100))
        dialogue += ["DATA", MESSAGE, "QUIT"]
        self.compare(self.replies(server.port, dialogue), self.replies(postfix.port, dialogue), dialogue)
        server.wait_log(r"from=<a@b\.example>, size=\d+, nrcpt=1000 ")

    def test_error_limits(self):
        server, postfix = self.both(smtpd_error_sleep_time="1s", smtpd_soft_error_limit="2",
                                    smtpd_hard_error_limit="4", smtpd_junk_command_limit="2")
        for dialogue, slow in ((["WHAT", "WHAT", "WHAT", "WHAT", "NOOP"], 2), (["NOOP"] * 7, 1)):
            said = []
            for port in (server.port, postfix.port):
                begin = time.monotonic()
                said.append(self.replies(port, dialogue))
                self.assertGreater(time.monotonic() - begin, slow * 0.95)
            self.compare(*said, dialogue)

    def test_before_the_banner(self):
        """Ours is stricter than an old Postfix: who talks first, or does not listen, is turned away."""
        server = self.barid(**SETTINGS)
        with RawClient(server.port, greet=False) as client:
            client.send(b"EHLO a.example\r\n")
            self.assertIn(client.reply()[0], (220, 554))  # it may come too late to be early
        with RawClient(server.port) as client:
            client.send(b"MAIL FROM:<a@b.example>\r\nDATA\r\nRCPT TO:<x@ours.example>\r\n")
            self.assertEqual([client.reply()[0] for _ in range(3)], [250, 554, 0])

    def test_received(self):
        out = self.sink()
        server, postfix = self.both(default_transport="smtp", relay_transport="smtp", relayhost=out.relayhost)
        fields = []
        for port in (server.port, postfix.port):
            for name in ("one@ours.example", "two@ours.example"):
                with RawClient(port) as client:
                    client.envelope(recipients=[name] if name[0] == "o" else [name, "three@ours.example"])
                    client.command("DATA", 354)
                    client.command(MESSAGE.replace("\\r\\n", "\r\n"), 250)
                content = out.wait_messages(len(fields) + 1)[-1].content.decode()
                field = re.match(r"Received: .*\r\n(?:[ \t].*\r\n)*", content).group()
                field = re.sub(r"id \w+", "id ID", field)
                fields.append(re.sub(r"; .*\r\n", lambda m: "; " + re.sub(
                    r"\w{3}, [ \d]\d \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", "DATE", m.group()[2:]), field))
        self.assertEqual(fields[:2], fields[2:])


# What only one of the two offers; it depends on the version and on what is built in.
EXTENSIONS = {"BINARYMIME", "MT-PRIORITY", "CHUNKING", "SMTPUTF8", "REQUIRETLS"}


if __name__ == "__main__":
    unittest.main()
