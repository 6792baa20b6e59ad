#!/usr/bin/env python3
"""Goal: what a queue holds survives restarts, other shard counts, reloads and orderly ends; retries
come when they are due; a queue directory that is not ours is left alone.
Method: the real program, scripted sinks, its queue listing.
"""

import email
import email.policy
import os
import pathlib
import re
import resource
import shutil
import socket
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, RawClient, Scenario, free_port, wait_until  # noqa: E402


def nowhere():
    """A relayhost that refuses connections."""
    return f"[127.0.0.1]:{free_port()}"


def snapshot(directory):
    """Names, contents and modification times below `directory`."""
    rows = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        info = path.lstat()
        rows[str(path)] = (info.st_mode, info.st_mtime_ns,
                           path.read_bytes() if stat.S_ISREG(info.st_mode) else b"")
    return rows


class Process(Scenario):
    def test_the_table_of_descriptors_has_its_size_at_once(self):
        """Growing it later stops every shard for an RCU grace period."""
        server = self.barid()
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        size = int(re.search(r"^FDSize:\s+(\d+)", status, re.MULTILINE).group(1))
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if most == resource.RLIM_INFINITY:
            most = 65536
        self.assertGreaterEqual(size, min(most, 65536))


class End(Scenario):
    def test_a_relay_that_never_greets_does_not_hold_it_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = self.barid(relayhost=f"[127.0.0.1]:{silent.getsockname()[1]}")
            with RawClient(server.port) as client:
                client.submit()
            connection, _ = silent.accept()
            begin = time.monotonic()
            server.process.terminate()
            self.assertEqual(server.process.wait(60), 0)
            self.assertLess(time.monotonic() - begin, 15)  # shutdown_timeout is 30 s
            connection.close()


class Schedule(Scenario):
    def test_retry_at_the_due_time(self):
        times = []

        def script(stage, argument, session):
            # At the greeting: a later refusal on a warm connection would be tried again at once.
            if stage == "connect":
                times.append(time.time())
                return "421 4.3.2 later" if len(times) < 4 else None

        out = self.sink(script)
        server = self.barid(relayhost=out.relayhost)
        due = []
        with RawClient(server.port) as client:
            client.submit()
        for attempts in (1, 2, 3):
            entries = server.wait_queue(
                lambda q, n=attempts: q and q[0]["queue_name"] == "deferred" and q[0]["attempts"] == n,
                f"{attempts} attempts")
            due.append(entries[0]["next_attempt"])
        out.wait_messages(1)
        server.wait_queue()
        for number, at in enumerate(due):
            # The listing has whole seconds; the exact due time lies within that second.
            self.assertGreaterEqual(times[number + 1], at - 0.01)
            self.assertLessEqual(times[number + 1], at + 1.3)
        # Never early; late only as far as a busy machine makes each of the three late.
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        self.assertGreaterEqual(min(gaps), 1.99)
        self.assertLessEqual(min(gaps), 2.3)
        self.assertLessEqual(max(gaps), 3)

    def test_expiry_returns_after_the_first_attempt(self):
        def script(stage, argument, session):
            return "451 4.3.0 never" if stage == "rcpt" and argument == "rcpt@sink.example" else None

        out = self.sink(script)
        server = self.barid(relayhost=out.relayhost, maximal_queue_lifetime="0")
        with RawClient(server.port) as client:
            client.submit()
        notice = out.wait_messages(1)[0]
        server.wait_queue()
        self.assertEqual((notice.sender, notice.recipients), ("", ["sender@client.example"]))
        status = email.message_from_bytes(notice.content).get_payload()[1].get_payload()[1]
        self.assertEqual(status["Action"], "failed")
        self.assertEqual(status["Status"][0], "4")
        self.assertEqual(sum(c.startswith("RCPT TO:<rcpt@") for s in out.sessions for c in s.commands), 1)

    def test_no_notice_about_a_notice(self):
        out = self.sink(lambda stage, *_: "550 5.1.1 no" if stage == "rcpt" else None)
        server = self.barid(relayhost=out.relayhost)
        with RawClient(server.port) as client:
            client.submit(sender="")
            client.submit(sender="a@client.example")
        server.wait_queue()
        self.assertEqual(out.messages, [])
        server.expect_log("status=bounced", 3)  # two messages and one notice


class Restart(Scenario):
    def fill(self, server, count):
        """Submits `count` messages, waits until each had its first attempt; the listing by id."""
        with RawClient(server.port) as client:
            ids = [client.submit(b"Subject: x\r\n\r\n%d\r\n" % n, recipients=[f"r{n}@sink.example", "b@x.example"])
                   for n in range(count)]
        server.wait_queue(lambda q: len(q) == count and all(e["queue_name"] == "deferred" for e in q),
                          "all deferred")
        entries = {e["queue_id"]: e for e in server.queue()}
        self.assertEqual(sorted(entries), sorted(ids))
        return entries

    def test_attempts_and_next_attempt_survive(self):
        server = self.barid(relayhost=nowhere(), minimal_backoff_time="1h", maximal_backoff_time="1h")
        before = self.fill(server, 5)
        for end in (server.stop, server.kill):
            with self.subTest(end.__name__):
                end()
                server.start()
                self.assertEqual({e["queue_id"]: e for e in server.queue()}, before)

    def test_due_while_down_goes_at_once(self):
        server = self.barid(relayhost=nowhere(), minimal_backoff_time="1s", maximal_backoff_time="1s")
        self.fill(server, 3)
        server.stop()
        out = self.sink()
        server.main.update(relayhost=out.relayhost)
        server.start()
        out.wait_messages(3)
        server.wait_queue()
        self.assertEqual(sorted(m.body.splitlines()[2] for m in out.messages), [b"0", b"1", b"2"])

    def test_every_partition_is_adopted(self):
        server = self.barid(start=False, relayhost=nowhere(), minimal_backoff_time="1h",
                            maximal_backoff_time="1h")
        known = {}
        for shards in (2, 1, 3):
            with self.subTest(shards=shards):
                server.main.update(shard_count=shards)
                server.start()
                listed = {e["queue_id"]: e for e in server.queue()}
                self.assertEqual(listed, known)
                sessions = [RawClient(server.port) for _ in range(8)]  # on every shard
                ids = {session.submit() for session in sessions}
                for session in sessions:
                    session.close()
                self.assertFalse(ids & set(known), "an id was given twice")
                server.wait_queue(lambda q, n=len(known) + 8: len(q) == n and all(
                    e["queue_name"] == "deferred" for e in q), "all deferred")
                known = {e["queue_id"]: e for e in server.queue()}
                self.assertEqual(server.stop(), 0)
        out = self.sink()
        server.main.update(relayhost=out.relayhost, shard_count=1, minimal_backoff_time="1s")
        # Nothing is due for an hour: still all there, and counted once.
        server.start()
        self.assertEqual(len(server.queue()), 24)

    def test_shutdown_finishes_the_open_transaction(self):
        gate = []

        def script(stage, argument, session):
            if stage == "dot":
                wait_until(lambda: gate, "the gate")

        out = self.sink(script)
        server = self.barid(relayhost=out.relayhost, shutdown_timeout="30s")
        client = self.client(server)
        client.submit(b"Subject: x\r\n\r\non its way out\r\n")
        wait_until(lambda: out.sessions and any(c.startswith(("BDAT", "DATA")) for c in out.sessions[0].commands),
                   "delivery begun")
        client.envelope()
        client.command("DATA", 354)
        client.send(b"Subject: x\r\n\r\nopen\r\n")
        server.process.terminate()
        server.wait_log("terminating on signal")
        gate.append(True)
        client.send(b".\r\n")
        client.expect(250)
        server.process.wait(10)
        self.assertEqual(server.process.returncode, 0)
        server.start()
        out.wait_messages(2)
        server.wait_queue()
        self.assertEqual(sorted(m.body.splitlines()[2] for m in out.messages), [b"on its way out", b"open"])

    def test_a_client_that_does_not_end_its_transaction_is_told(self):
        for begun in ("envelope", "content"):
            with self.subTest(begun):
                server = self.barid(begun, relayhost=nowhere(), shutdown_timeout="1s")
                client = self.client(server)
                client.envelope()
                if begun == "content":
                    client.command("DATA", 354)
                    client.send(b"Subject: x\r\n\r\nhalf\r\n")
                server.process.terminate()
                self.assertRegex("{} {}".format(*client.reply()), r"^421 4\.3\.2 .*shutting down$")
                self.assertEqual(server.process.wait(10), 0)
                server.start()
                self.assertEqual(server.queue(), [])

    def test_drain_ends_open_sessions(self):
        """An idle one at once, others after their transaction, also those that send on unasked."""
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        idle, busy, hasty = (self.client(server) for _ in range(3))
        busy.envelope()
        hasty.envelope()
        hasty.command("DATA", 354)
        done = subprocess.run([BARID, "control", "-c", str(server.directory), "drain"], timeout=PATIENCE)
        self.assertEqual(done.returncode, 0)
        self.assertRegex("{} {}".format(*idle.reply()), r"^421 4\.3\.2 .*shutting down$")
        busy.command("DATA", 354)
        for client, more in ((busy, b""), (hasty, b"MAIL FROM:<another@client.example>\r\n")):
            client.send(b"Subject: x\r\n\r\nopen\r\n.\r\n" + more)
            client.expect(250)
            self.assertRegex("{} {}".format(*client.reply()), r"^421 4\.3\.2 .*shutting down$")
            self.assertEqual(client.reply()[0], 0)
        out.wait_messages(2)
        self.assertIsNone(server.process.poll())

    def test_idle_sessions_do_not_hold_up_the_end(self):
        server = self.barid(relayhost=nowhere())
        client = self.client(server)
        begin = time.monotonic()
        server.process.terminate()
        self.assertEqual(client.reply()[0], 421)
        self.assertEqual(server.process.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 3)


class Reload(Scenario):
    def test_new_relayhost_with_a_session_open(self):
        first, second = self.sink(), self.sink()
        server = self.barid(relayhost=first.relayhost)
        client = self.client(server)
        client.submit(b"Subject: x\r\n\r\n1\r\n")
        first.wait_messages(1)
        client.envelope()
        server.configure(relayhost=second.relayhost, message_size_limit="50000")
        server.reload()
        server.wait_log("reload -- ")
        client.command("DATA", 354)
        client.send(b"Subject: x\r\n\r\n2\r\n.\r\n")
        client.expect(250)
        second.wait_messages(1)
        self.assertEqual(len(first.messages), 1)
        with RawClient(server.port) as new:
            self.assertIn("SIZE 50000", new.ehlo)
        client.command("NOOP", 250)

    def test_a_bad_file_is_refused(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        client = self.client(server)
        bad = {"message_size_limit": "many", "mynetworks": "127.0.0.1/99", "relayhost": "[127.0.0.1",
               "smtpd_relay_restrictions": "permit_mynetworks"}
        text = (server.directory / "main.cf").read_text()
        for name, value in bad.items():
            with self.subTest(name):
                (server.directory / "main.cf").write_text(text + f"{name} = {value}\n")
                server.reload()
                lines = server.wait_log("reload refused: .*" + name)
                self.assertIn("main.cf, line ", lines[0])
                before = len(out.messages)
                client.submit()
                out.wait_messages(before + 1)
            (server.directory / "main.cf").write_text(text)
            before = len(server.log_matches("reload -- "))
            server.reload()
            server.wait_log("reload -- ", count=before + 1)

    def test_new_listener_and_mynetworks(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost)
        server.configure(mynetworks="127.0.0.9/32")
        server.reload()
        server.wait_log("reload -- ")
        client = self.client(server)
        client.command("MAIL FROM:<a@b.example>", 250)
        self.assertIn(client.command("RCPT TO:<a@c.example>")[0], (454, 554))


class QueueDirectory(Scenario):
    def refuse(self, server, *words, untouched=None):
        before = snapshot(untouched) if untouched else None
        status, text = server.refused()
        lines = [line for line in text.splitlines() if "fatal" in line]
        self.assertEqual(status, 69, text)
        self.assertEqual(len(lines), 1, text)
        for word in words:
            self.assertIn(word, lines[0])
        if untouched:
            self.assertEqual(snapshot(untouched), before)

    def used_queue(self):
        server = self.barid(relayhost=nowhere(), minimal_backoff_time="1h")
        with RawClient(server.port) as client:
            client.submit()
        server.stop()
        return server

    def test_not_ours(self):
        server = self.barid(start=False)
        server.queue_directory.mkdir()
        (server.queue_directory / "precious").write_text("x")
        self.refuse(server, str(server.queue_directory), "VERSION", untouched=server.queue_directory)

    def test_a_file(self):
        server = self.barid(start=False)
        server.queue_directory.write_text("x")
        self.refuse(server, "not a directory")
        self.assertEqual(server.queue_directory.read_text(), "x")

    def test_damaged_version(self):
        server = self.used_queue()
        for text in ("", "postfix\n", "barid queue x\n", "barid queue 0\n", "barid queue 1x\n",
                     "barid queue 99999999999999999999\n"):
            with self.subTest(text):
                (server.queue_directory / "VERSION").write_text(text)
                self.refuse(server, "VERSION", untouched=server.queue_directory)

    def test_newer(self):
        server = self.used_queue()
        (server.queue_directory / "VERSION").write_text("barid queue 9\n")
        self.refuse(server, "newer", "9", untouched=server.queue_directory)

    def test_locked(self):
        first = self.barid(relayhost=nowhere())
        with RawClient(first.port) as client:
            name = client.submit()
        second = self.barid("second", start=False, queue=first.queue_directory)
        self.refuse(second, "in use by process", str(first.process.pid))
        self.assertEqual([e["queue_id"] for e in first.queue()], [name])
        with RawClient(first.port) as client:
            client.submit()

    def test_unwritable(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: root alone can mount a read-only view")
        server = self.used_queue()
        setpriv = self.need("setpriv", "util-linux")
        # Another user, so that permissions count.
        for path in (self.directory, server.directory):
            path.chmod(0o755)
        server.configure(maillog_file="/dev/stdout")
        before = snapshot(server.queue_directory)
        status = server.launch(setpriv, "--reuid=65534", "--regid=65534", "--clear-groups").wait(15)
        lines = [line for line in server.output().splitlines() if "fatal" in line]
        self.assertEqual((status, len(lines)), (69, 1), server.output())
        self.assertIn(str(server.queue_directory), lines[0])
        self.assertEqual(snapshot(server.queue_directory), before)

    def test_mail_is_private(self):
        server = self.used_queue()
        readable = [str(p.relative_to(server.queue_directory)) for p in server.queue_directory.rglob("*")
                    if p.is_file() and p.parent.name.startswith("partition-")
                    and p.stat().st_mode & stat.S_IROTH and p.parent.stat().st_mode & stat.S_IXOTH]
        self.assertEqual(readable, [], "other users can read queued mail")

    def test_removed_partition_directory_is_made_again(self):
        server = self.used_queue()
        shutil.rmtree(server.queue_directory / "partition-0001")
        server.start()
        with RawClient(server.port) as client:
            client.submit()


if __name__ == "__main__":
    unittest.main()
