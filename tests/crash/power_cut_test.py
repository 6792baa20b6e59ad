#!/usr/bin/env python3
"""Goal: a power cut under load loses nothing that was acknowledged, on a real file system.
Method: the queue on ext4 over a loop device; its GOINGDOWN ioctl drops whatever was not synced and
stops the disk, under load; the device is mounted again, the program started, and the ledgers must
balance. On a small disk log files grow, on a large one they are written over. The inverse: with
fdatasync answered by strace instead of the kernel the same cut must lose mail, or the test is blind.
"""

import fcntl
import os
import struct
import subprocess
import sys
import unittest

from crash_support import CrashScenario, stop_process, traced, wait_until

GOINGDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2
ROUNDS = 3


class PowerCut(CrashScenario):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a loop device")
        self.disk = self.directory / "disk"
        self.disk.mkdir()

    def prepare(self, size):
        image = self.directory / "image"
        subprocess.run(["truncate", "-s", size, image], check=True)
        subprocess.run([self.need("mkfs.ext4", "e2fsprogs"), "-q", "-F", image], check=True)
        self.mount()
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False, stderr=subprocess.DEVNULL)
        self.start_sink()
        self.server = self.barid(start=False, queue=self.disk / "queue", shard_count=2,
                                 relayhost=f"[127.0.0.1]:{self.sink_port}")

    def mount(self):
        # The journal is committed when somebody asks for it, not by the clock.
        done = subprocess.run(["mount", "-o", "loop,commit=600", self.directory / "image", self.disk],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a loop device: {done.stderr.strip()}")

    def cut(self):
        handle = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, GOINGDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def round(self, acknowledged=300):
        """Load, a cut, and the disk as it was left."""
        before = self.acknowledged()
        source = self.load(self.server, 1000000, "--mode", "pipeline", "--size", "1k-20k")
        wait_until(lambda: self.acknowledged() > before + acknowledged, "load runs", seconds=40)
        self.cut()
        self.server.kill()
        stop_process(source)
        wait_until(lambda: subprocess.run(["umount", self.disk], capture_output=True).returncode == 0, "unmounted")
        self.mount()

    def survives(self, size):
        self.prepare(size)
        for _ in range(ROUNDS):
            self.server.start()
            self.round()
        self.server.start()
        self.server.wait_queue(seconds=40)
        self.check(self.balance(), ROUNDS * 300)

    def test_logs_that_grow(self):
        self.survives("400M")

    def test_logs_that_are_written_over(self):
        self.survives("3G")

    def test_without_syncs_it_would_fail(self):
        self.prepare("400M")
        strace = self.need("strace", "strace")
        self.server.start()
        pid = self.server.process.pid
        tracer = self.spawn([strace, "-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                             "-e", "inject=fdatasync,fsync:retval=0", "-p", pid], "strace")

        def attached():
            if tracer.poll() is not None:
                self.skipTest("strace cannot attach: " + (self.directory / "strace.out").read_text())
            return traced(pid)

        wait_until(attached, "strace is attached")
        # Nothing leaves: what is acknowledged is on this disk or nowhere.
        stop_process(self.sink_process)
        self.round()
        stop_process(tracer)
        try:
            self.server.start()
            kept = len(self.server.queue())
            self.server.stop()
        except AssertionError as error:
            print(f"refused: {error}"[:200], file=sys.stderr)
            return  # refused as damaged: noticed, too
        delivered = self.balance().delivered
        self.assertLess(kept + delivered, self.acknowledged(), "nothing was lost: the cut is blind")


if __name__ == "__main__":
    unittest.main()
