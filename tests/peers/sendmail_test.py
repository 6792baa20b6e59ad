#!/usr/bin/env python3
"""Goal: programs of this host send mail through `sendmail` as they do through Postfix's: it is on disk
when the command ends, what is wrong is said with a status of sysexits.h, and nothing is lost while
the server is down.
Method: the real program as barid sendmail and under its other names, a scripted sink.
"""

import email
import email.policy
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, Scenario, free_port, wait_until  # noqa: E402

HELLO = "Subject: hello\n\nfirst message\n"
NOBODY = 65534


class Sendmail(Scenario):
    def run_sendmail(self, server, *words, text=HELLO, name="sendmail", **options):
        """Under its own name, as argv[0] tells."""
        given = text.encode() if isinstance(text, str) else text
        return subprocess.run([name, *words], executable=BARID, input=given, capture_output=True,
                              timeout=PATIENCE, env={**os.environ, "MAIL_CONFIG": str(server.directory)}, **options)

    def send(self, server, *words, **options):
        done = self.run_sendmail(server, *words, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def parsed(self, message):
        return email.message_from_bytes(message.content, policy=email.policy.default)

    def test_message_and_log(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, myorigin="origin.example")
        self.send(server, "-f", "me", "-F", "My Name", "you@sink.example", "root, Two <two@sink.example>")
        message = out.wait_messages(1)[0]
        self.assertEqual(message.sender, "me@origin.example")
        self.assertEqual(sorted(message.recipients),
                         ["root@origin.example", "two@sink.example", "you@sink.example"])
        parsed = self.parsed(message)
        self.assertEqual(parsed["From"], "My Name <me@origin.example>")
        self.assertRegex(parsed["Message-Id"], r"^<[0-9]{14}\.[0-9A-F]+@mx\.barid\.example>$")
        self.assertIsNotNone(parsed["Date"].datetime)
        self.assertRegex(message.content.decode(), r"\AReceived: by mx\.barid\.example \(\S+, from userid \d+\)\r\n"
                                                   r"\tid [0-9A-Za-z]{12,20}; ")
        self.assertTrue(message.content.endswith(b"\r\n\r\nfirst message\r\n"))
        identity = server.expect_log(r"pickup\[\d+\]: (\w+): uid=\d+ from=<me@origin\.example>$")[0]
        server.wait_log(rf"cleanup\[\d+\]: {identity}: message-id=<")
        server.wait_log(rf"qmgr\[\d+\]: {identity}: removed")
        self.assertEqual(server.log_matches("connect from"), [])

    def test_on_disk_when_it_ends(self):
        server = self.barid(relayhost=f"[127.0.0.1]:{free_port()}")
        self.send(server, "-f", "me@x.example", "you@sink.example")
        server.kill()
        server.start()
        self.assertEqual([e["sender"] for e in server.queue()], ["me@x.example"])

    def test_recipients_from_the_header(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        self.send(server, "-t", "-i", "extra@sink.example",
                  text="To: A <a@sink.example>, (x) b@sink.example\nCc: g: c@sink.example;\n"
                       "Bcc: secret@sink.example,\n hidden@sink.example\nSubject: x\n\none\n.\ntwo\n")
        message = out.wait_messages(1)[0]
        self.assertEqual(sorted(r.partition("@")[0] for r in message.recipients),
                         ["a", "b", "c", "extra", "hidden", "secret"])
        self.assertNotIn(b"secret", message.content)
        self.assertNotIn(b"hidden", message.content)
        self.assertTrue(message.content.endswith(b"\r\none\r\n.\r\ntwo\r\n"))
        self.send(server, "-ti", text="To: a@sink.example\nResent-To: r@sink.example\n\n")
        self.assertEqual(out.wait_messages(2)[1].recipients, ["r@sink.example"])

    def test_dsn_verp_and_body(self):
        out = self.sink(offers=["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN"])
        server = self.barid(relayhost=out.relayhost)
        self.send(server, "-N", "success,delay", "-R", "hdrs", "-V", "an id+1", "-f", "me@x.example", "a@sink.example",
                  text="Subject: x\n\n\u00e4\n")
        commands = out.wait_messages(1)[0].session.commands
        mail = next(c for c in commands if c.startswith("MAIL"))
        self.assertIn(" RET=HDRS", mail)
        self.assertIn(" ENVID=an+20id+2B1", mail)
        self.assertIn(" BODY=8BITMIME", mail)
        self.assertNotIn("SMTPUTF8", mail)
        rcpt = next(c for c in commands if c.startswith("RCPT"))
        self.assertRegex(rcpt, r"NOTIFY=(SUCCESS,DELAY|DELAY,SUCCESS)")
        self.send(server, "-XV", "-f", "list@x.example", "a@sink.example", "b@sink.example")
        senders = sorted(m.sender for m in out.wait_messages(3)[1:])
        self.assertEqual(senders, ["list+a=sink.example@x.example", "list+b=sink.example@x.example"])

    def test_null_sender_and_no_fields(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        self.send(server, "-G", "-f", "<>", "a@sink.example")
        message = out.wait_messages(1)[0]
        self.assertEqual(message.sender, "")
        self.assertEqual(message.body, b"Subject: hello\r\n\r\nfirst message\r\n")

    def test_smtp_on_standard_input(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, mynetworks="192.0.2.1")
        done = self.run_sendmail(server, "-bs", text="EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@sink.example>\r\n"
                                                     "DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"(?s)\A220 .*\r\n354 .*\r\n250 2\.0\.0 Ok: queued as \w+\r\n221 2\.0\.0 Bye")
        self.assertEqual(out.wait_messages(1)[0].recipients, ["c@sink.example"])

    def test_statuses(self):
        server = self.barid(relayhost=f"[127.0.0.1]:{free_port()}", message_size_limit="20000")
        rows = [
            (64, [], HELLO, r"sendmail: fatal: \w+\(\d+\): Recipient addresses must be specified on the command line "
                            r"or via the -t option"),
            (64, ["-f", "me@x.example", "-t"], HELLO, r"me@x\.example\(\d+\): No recipient addresses found in message "
                                                      "header"),
            (64, ["-y", "a@b.example"], HELLO, "unknown option: -y"),
            (65, ["a b@c.example"], HELLO, 'bad recipient address "a b@c.example"'),
            (65, ["-f", "x y@z", "a@b.example"], HELLO, "bad sender address"),
            (69, ["a@b.example"], "Subject: x\n\n" + "x" * 30000 + "\n", "Message file too big"),
            (0, ["a@b.example"], HELLO, r"\A\Z"),
        ]
        for status, words, text, says in rows:
            with self.subTest(words=words):
                done = self.run_sendmail(server, *words, text=text)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertRegex(done.stderr.decode(), says)
        self.assertEqual(len(server.queue()), 1)

    def test_users(self):
        if os.geteuid() != 0:
            self.skipTest("only the superuser can become another user")
        self.directory.chmod(0o755)
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        for path in (server.directory, server.directory / "main.cf", server.directory / "master.cf"):
            path.chmod(0o755)
        self.send(server, "you@sink.example", user=NOBODY, group=NOBODY)
        out.wait_messages(1)
        server.wait_log(rf"uid={NOBODY} from=<nobody@mx\.barid\.example>")
        server.configure(authorized_submit_users="!nobody, static:anyone")
        server.reload()
        server.wait_log("reload -- ")
        done = self.run_sendmail(server, "you@sink.example", user=NOBODY, group=NOBODY)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn(b"user nobody is not allowed to submit mail", done.stderr)
        self.send(server, "you@sink.example")
        server.stop()
        done = self.run_sendmail(server, "you@sink.example", user=NOBODY, group=NOBODY)
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_while_the_server_is_down(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        server.stop()
        done = self.run_sendmail(server, "-f", "me@x.example", "you@sink.example")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"mail system is down; the message waits in", done.stderr)
        waiting = server.queue_directory / "maildrop"
        self.assertEqual(len(list(waiting.iterdir())), 1)
        (waiting / "1").write_text("no message\n")
        server.start()
        self.assertEqual(out.wait_messages(1)[0].sender, "me@x.example")
        server.wait_log(r"maildrop/1: set aside as 1\.refused: is no message")
        wait_until(lambda: [p.name for p in waiting.iterdir()] == ["1.refused"], "an empty maildrop")

    def test_what_waits_is_listed(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        server.stop()
        self.assertEqual(self.run_sendmail(server, "-N", "never", "-f", "me@x.example", "you@sink.example",
                                           "two@sink.example").returncode, 0)

        def run_as(name, *words, status=0):
            done = self.run_sendmail(server, *words, name=name, text="")
            self.assertEqual(done.returncode, status, done.stderr)
            return done.stdout.decode()

        entry = json.loads(run_as("postqueue", "-j"))
        name = entry["queue_id"]
        self.assertEqual((entry["queue_name"], entry["sender"], [r["address"] for r in entry["recipients"]]),
                         ("maildrop", "me@x.example", ["you@sink.example", "two@sink.example"]))
        self.assertRegex(run_as("mailq"), rf"(?m)^{name} +\d+ .* me@x\.example\n +you@sink\.example\n")
        shown = run_as("postcat", "-q", name)
        self.assertIn(f"*** ENVELOPE RECORDS maildrop/{name} ***\n", shown)
        self.assertIn("recipient: two@sink.example\n", shown)
        self.assertTrue(run_as("postcat", "-bq", name).endswith("\nfirst message\n"))
        self.assertTrue(run_as("postcat", "-fbq", name).endswith(f"maildrop/{name}: first message\n"))
        self.assertIn("sink.example 2", re.sub(" +", " ", run_as("qshape", "maildrop")))
        self.assertNotIn("sink.example", run_as("qshape", "deferred"))
        self.assertEqual(run_as("postqueue", "-p").count("\n\n"), 1)
        missing = self.run_sendmail(server, "-q", "0Aaaaaaaa" + name[-3:], name="postcat", text="")
        self.assertEqual((missing.returncode, missing.stderr.decode()),
                         (1, f"postcat: fatal: open queue file 0Aaaaaaaa{name[-3:]}: No such file or directory\n"))
        if os.geteuid() == 0:
            other = self.run_sendmail(server, "-f", "me@x.example", "three@sink.example")
            self.assertEqual(other.returncode, 0)
            drop = [json.loads(line)["queue_id"] for line in run_as("postqueue", "-j").splitlines()]
            done = self.run_sendmail(server, "-d", drop[1], "maildrop", name="postsuper", text="")
            self.assertEqual(done.stderr.decode(), f"postsuper: {drop[1]}: removed\npostsuper: Deleted: 1 message\n")
        server.start()
        self.assertEqual(sorted(out.wait_messages(1)[0].recipients), ["two@sink.example", "you@sink.example"])
        server.wait_queue()
        self.assertEqual(run_as("mailq"), "Mail queue is empty\n")

    def test_taken_in_twice_it_is_one_message(self):
        """A server that is killed between storing it and removing the file finds the file again."""
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        server.stop()
        for _ in range(2):  # alike, and yet two messages
            self.assertEqual(self.run_sendmail(server, "-f", "me@x.example", "you@sink.example").returncode, 0)
        waiting = server.queue_directory / "maildrop"
        files = {path.name: path.read_bytes() for path in waiting.iterdir()}
        self.assertEqual(len(files), 2)
        server.start()
        out.wait_messages(2)
        server.wait_queue()
        server.kill()
        for name, text in files.items():
            (waiting / name).write_bytes(text)
        server.start()
        wait_until(lambda: list(waiting.iterdir()) == [], "an empty maildrop")
        server.wait_queue()
        self.assertEqual(len(out.messages), 2)

    def test_without_a_queue_it_is_to_be_tried_again(self):
        server = self.barid(start=False)
        server.configure()
        done = self.run_sendmail(server, "you@sink.example")
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_other_commands(self):
        aliases = self.directory / "aliases"
        aliases.write_text("root: me@x.example\nno pair\n")
        server = self.barid(relayhost=f"[127.0.0.1]:{free_port()}", alias_database=f"hash:{aliases}",
                            minimal_backoff_time="1h", maximal_backoff_time="1h")
        done = self.run_sendmail(server, "-bp")
        self.assertEqual((done.returncode, done.stdout), (0, b"Mail queue is empty\n"))
        self.send(server, "you@sink.example")
        server.wait_queue(lambda q: q and q[0]["attempts"] == 1, "a first attempt")
        entry = server.queue()[0]
        for words in (["-q"], [f"-qI{entry['queue_id']}"]):
            before = server.queue()[0]["attempts"]
            self.assertEqual(self.run_sendmail(server, *words).returncode, 0)
            server.wait_queue(lambda q, n=before: q and q[0]["attempts"] > n, "another attempt")
        for words, name in (([], "newaliases"), (["-bi"], "sendmail")):
            done = self.run_sendmail(server, *words, name=name)
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"{aliases}, line 2".encode(), done.stderr)
            built = self.directory / "aliases.db"
            self.assertTrue(built.exists())
            built.unlink()
        done = self.run_sendmail(server, "-bi", f"-oA{self.directory}/none")
        self.assertEqual(done.returncode, 66)


if __name__ == "__main__":
    unittest.main(verbosity=2)
