#!/usr/bin/env python3
"""Goal: a full disk is answered with 452 and loses nothing that was acknowledged.
Method: the queue on a small tmpfs, filled by mail that cannot leave and then by a foreign file; space
is freed, the program restarted, and everything acknowledged must arrive.
"""

import os
import subprocess
import unittest

from crash_support import CrashScenario, RawClient, stop_process, wait_until

TMPFS_BYTES = 96 << 20


class DiskFull(CrashScenario):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a tmpfs")
        self.disk = self.directory / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "barid-test", self.disk],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)
        self.server = self.barid(start=False, queue=self.disk / "queue", message_size_limit=1000000,
                                 relayhost=f"[127.0.0.1]:{self.sink_port}", shard_count=1)

    def free_bytes(self):
        info = os.statvfs(self.disk)
        return info.f_bavail * info.f_frsize

    def fill(self, leave=0):
        with open(self.disk / "foreign", "wb") as file:
            try:
                while self.free_bytes() > leave:
                    file.write(b"\0" * min(1 << 20, max(4096, self.free_bytes() - leave)))
                    file.flush()
            except OSError:
                pass  # full, as wanted

    def attempt(self):
        """One message; the first negative code, or 250. A server that is gone fails the test with its log."""
        self.assertIsNone(self.server.process.poll(), f"barid ended:\n{self.server.output()[-4000:]}")
        with RawClient(self.server.port) as client:
            for line in ("MAIL FROM:<a@client.example> SIZE=20000", "RCPT TO:<rcpt@sink.example>", "DATA"):
                code = client.command(line)[0]
                if code // 100 not in (2, 3):
                    return code
            client.send(b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 200 + b".\r\n")
            return client.reply()[0]

    def settle(self, acknowledged_min):
        self.start_sink()
        self.server.stop()
        self.server.start()
        try:
            self.server.wait_queue(seconds=20)
        except AssertionError as error:
            raise AssertionError(f"{self.balance()}; {error}") from None
        self.check(self.balance(), acknowledged_min)
        self.assertEqual(self.attempt(), 250)

    def test_filled_by_its_own_queue(self):
        self.server.start()
        source = self.load(self.server, 20000, "--mode", "pipeline", "--size", "20k")
        wait_until(lambda: self.attempt() == 452 or source.poll() is not None, "452", seconds=40, every=0.1)
        stop_process(source)
        self.assertLess(self.acknowledged(), 20000, "the disk never filled")
        self.assertIsNone(self.server.process.poll(), self.server.output())
        # A flush that just ended may have made room again: either answer is right, silence is not.
        self.assertIn(self.attempt(), (250, 452))
        self.settle(1000)

    def test_filled_by_others_in_the_middle(self):
        self.server.start()
        source = self.load(self.server, 100000, "--mode", "sequential", "--size", "5k")
        wait_until(lambda: self.acknowledged() > 200, "load runs")
        self.fill()
        wait_until(lambda: self.attempt() == 452, "452 on a full disk")
        source.terminate()
        source.wait(20)
        self.assertIsNone(self.server.process.poll(), self.server.output())
        (self.disk / "foreign").unlink()
        # Comes back without a restart, too.
        wait_until(lambda: self.attempt() == 250, "250 after space was freed", every=0.2)
        self.settle(200)

    def test_no_start_on_a_full_disk_harms_nothing(self):
        self.server.start()
        self.load(self.server, 300, "--mode", "pipeline").wait(30)
        self.server.kill()
        self.fill()
        process = self.server.launch()
        # Either it serves and answers 452, or it ends with a sentence. It must not spoil the queue.
        wait_until(lambda: process.poll() is not None or self.server.started(), "start or refusal")
        if process.poll() is None:
            self.assertEqual(self.attempt(), 452)
            self.server.stop()
        else:
            self.assertIn(str(self.disk), self.server.output())
        (self.disk / "foreign").unlink()
        self.settle(300)


if __name__ == "__main__":
    unittest.main()
