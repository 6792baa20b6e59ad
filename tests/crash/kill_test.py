#!/usr/bin/env python3
"""Goal: kill -9 at any moment loses and damages nothing that was acknowledged.
Method: twenty rounds of load on one queue, each ended by SIGKILL at a random moment; then one quiet
start, and the ledgers of source and sink must balance. Duplicates are counted and bounded.
CRASH_SEED replays the moments.
"""

import os
import random
import sys
import time
import unittest

from crash_support import CrashScenario, stop_process, wait_until

ROUNDS = 20
SESSIONS = 20


class Kill(CrashScenario):
    def test_kill_loop(self):
        seed = int(os.environ.get("CRASH_SEED", random.randrange(1 << 30)))
        print(f"CRASH_SEED={seed}", file=sys.stderr)
        dice = random.Random(seed)
        self.start_sink()
        server = self.barid(start=False, relayhost=f"[127.0.0.1]:{self.sink_port}",
                            smtp_destination_concurrency_limit=SESSIONS)
        for number in range(ROUNDS):
            server.main.update(shard_count=dice.choice((1, 2, 2, 3)))
            server.start()
            before = self.acknowledged()
            mode = dice.choice(("pipeline", "sequential", "bdat"))
            source = self.load(server, 1000000, "--mode", mode, "--size", "1k-20k", sessions=SESSIONS)
            wait_until(lambda n=before: self.acknowledged() > n + 20 or source.poll() is not None, "load runs")
            # What is struck varies: commits, deliveries, recovery of the round before.
            moment = time.monotonic() + dice.uniform(0.05, 1.0)
            wait_until(lambda at=moment: time.monotonic() >= at, "the moment", every=0.002)
            self.assertIsNone(server.process.poll(), server.output())
            server.kill()
            stop_process(source)
        server.start()
        server.wait_queue(seconds=40)
        self.assertEqual(server.stop(), 0)
        balance = self.balance()
        totals = self.sink_totals()
        self.check(balance, 20 * ROUNDS)
        # One kill repeats at most what was between the last byte sent and the outcome stored: the
        # deliveries in flight, and those of one group commit.
        self.assertLessEqual(balance.duplicates, ROUNDS * 4 * SESSIONS * 16)
        self.assertEqual(totals.get("corrupt", 0), 0, totals)


if __name__ == "__main__":
    unittest.main()
