#!/usr/bin/env python3
"""Goal: after a failed fdatasync nothing is acknowledged until the store was reopened, and nothing
that was acknowledged is lost.
Method: strace makes the N-th fdatasync of the real program fail with EIO, under load.
"""

import subprocess
import unittest

from crash_support import CrashScenario, RawClient, wait_until


class SyncFailure(CrashScenario):
    def setUp(self):
        super().setUp()
        strace = self.need("strace", "strace")
        probe = subprocess.run([strace, "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"],
                               capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest(f"strace cannot trace here: {probe.stderr.strip()}")
        self.strace = strace

    def run_with(self, when, **main):
        self.start_sink()
        server = self.barid(start=False, relayhost=f"[127.0.0.1]:{self.sink_port}", shard_count=1, **main)
        server.start()  # the queue's directory is made without faults
        server.stop()
        trace = self.directory / "trace"
        server.start(self.strace, "-f", "-qq", "-o", trace, "-e", "trace=fdatasync",
                     "-e", f"inject=fdatasync:error=EIO:when={when}")
        tracer = server.process
        source = self.load(server, 300, "--mode", "sequential", "--retry", "5", "--retry-delay", "200ms",
                           sessions=4)
        self.assertEqual(source.wait(40), source.returncode)
        failed = trace.read_text().count("(INJECTED)")
        self.assertGreaterEqual(failed, 1, "no fdatasync failed")
        self.assertIsNone(tracer.poll(), server.output())
        with RawClient(server.port) as client:  # it came back
            client.submit(recipients=["last@sink.example"])
        server.wait_queue(seconds=30)
        # strace forwards no SIGTERM: the program itself is ended, by the pid its queue names.
        self.end_traced(server)
        server.start()
        server.wait_queue()
        self.check(self.balance(), 250)

    def end_traced(self, server):
        pid = int((server.queue_directory / "lock").read_text())
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        server.process.wait(20)

    def test_one(self):
        self.run_with("20")

    def test_two_in_a_row(self):
        self.run_with("20..21")

    def test_every_tenth(self):
        self.run_with("10+10")

    def test_refusal_is_451_or_452(self):
        server = self.barid(start=False, relayhost=f"[127.0.0.1]:{self.sink_port}", shard_count=1)
        server.start()
        server.stop()
        server.start(self.strace, "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=1+")
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@client.example>", 250)
            code = client.command("RCPT TO:<b@sink.example>")[0]
            if code == 250:
                client.command("DATA", 354)
                client.send(b"x\r\n.\r\n")
                code, _ = client.reply()
            self.assertIn(code, (451, 452))
        self.end_traced(server)
        server.start()
        self.assertEqual(server.queue(), [])


if __name__ == "__main__":
    unittest.main()
