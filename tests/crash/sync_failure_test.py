#!/usr/bin/env python3
"""Goal: after a failed fdatasync nothing is acknowledged until the store was reopened, and nothing
that was acknowledged is lost.
Method: strace attaches to the running program and lets its fdatasync calls fail with EIO, under load;
it counts calls for each thread, and the commit thread makes nearly all of them.
"""

import contextlib
import subprocess
import unittest

from crash_support import CrashScenario, RawClient, stop_process, traced, wait_until


class SyncFailure(CrashScenario):
    def setUp(self):
        super().setUp()
        self.strace = self.need("strace", "strace")
        probe = subprocess.run([self.strace, "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"],
                               capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest(f"strace cannot trace here: {probe.stderr.strip()}")
        self.trace = self.directory / "trace"
        self.start_sink()
        self.server = self.barid(relayhost=f"[127.0.0.1]:{self.sink_port}", shard_count=1)

    @contextlib.contextmanager
    def faults(self, when):
        """Within it, fdatasync fails as `when` says; after it the program runs untraced."""
        pid = self.server.process.pid
        tracer = self.spawn([self.strace, "-f", "-o", self.trace, "-e", "trace=fdatasync", "-e",
                             f"inject=fdatasync:error=EIO:when={when}", "-p", pid], "strace")

        def attached():
            if tracer.poll() is not None:
                self.skipTest("strace cannot attach: " + (self.directory / "strace.out").read_text())
            return traced(pid)

        wait_until(attached, "strace is attached")
        try:
            yield
        finally:
            stop_process(tracer)

    def injected(self):
        return self.trace.read_text().count("(INJECTED)") if self.trace.exists() else 0

    def attempt(self):
        with RawClient(self.server.port) as client:
            for line in ("MAIL FROM:<a@client.example>", "RCPT TO:<last@sink.example>", "DATA"):
                code = client.command(line)[0]
                if code // 100 not in (2, 3):
                    return code
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            return client.reply()[0]

    def under_load(self, when, acknowledged_min):
        source = self.load(self.server, 100000, "--mode", "sequential", "--retry", "100", "--retry-delay", "200ms",
                           sessions=4)
        wait_until(lambda: self.acknowledged() > 50, "load runs")
        with self.faults(when):
            wait_until(self.injected, "an fdatasync fails")
            count = self.acknowledged()
            wait_until(lambda: self.acknowledged() > count + 100, "it comes back while traced")
        count = self.acknowledged()
        wait_until(lambda: self.acknowledged() > count + 100, "load goes on after the faults")
        stop_process(source)
        self.assertIsNone(self.server.process.poll(), self.server.output())
        wait_until(lambda: self.attempt() == 250, "250", every=0.1)
        self.server.wait_queue(seconds=30)
        self.server.stop()
        self.server.start()
        self.server.wait_queue()
        self.check(self.balance(), acknowledged_min)

    def test_one(self):
        self.under_load("5", 250)

    def test_two_in_a_row(self):
        self.under_load("5..6", 250)

    def test_every_twentieth(self):
        self.under_load("5+20", 250)

    def test_a_disk_that_stays_broken(self):
        with self.faults("1+"):
            for _ in range(5):
                self.assertIn(self.attempt(), (451, 452))
            self.assertIsNone(self.server.process.poll(), self.server.output())
        wait_until(lambda: self.attempt() == 250, "250 once the disk works", every=0.1)
        self.server.wait_queue()
        # Refused mail may have been delivered (its state was unknown), never acknowledged mail lost.
        self.assertTrue(self.server.log_matches("(?i)partition|sync|store|reopen"), "it says nothing")


if __name__ == "__main__":
    unittest.main()
