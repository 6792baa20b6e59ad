"""Load with synced ledgers on both sides of a Barid that is about to suffer."""

import json
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import (BENCH, Balance, Ledger, RawClient, Scenario, free_port,  # noqa: E402,F401
                           listening, stop_process, wait_until)


def traced(pid):
    """A debugger holds every thread of `pid`. Threads that end meanwhile do not count."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if "TracerPid:\t0" in (task / "status").read_text():
                return False
        except (FileNotFoundError, ProcessLookupError):
            continue
    return True


class CrashScenario(Scenario):
    """A sink with a ledger; load() starts a source with one. Either syncs before it promises."""

    def setUp(self):
        super().setUp()
        self.accepted_path = self.directory / "accepted"
        self.delivered_path = self.directory / "delivered"
        self.sink_port = free_port()
        self.sink_process = None
        self.runs = 0

    def start_sink(self, *options):
        self.sink_process = self.spawn(
            [BENCH, "sink", f"127.0.0.1:{self.sink_port}", "--ledger", self.delivered_path, "--ledger-sync",
             "--json", *options], "sink")
        wait_until(lambda: listening(self.sink_port), "the sink listens")

    def load(self, server, messages, *options, sessions=20):
        self.runs += 1
        return self.spawn(
            [BENCH, "source", f"127.0.0.1:{server.port}", "--messages", messages, "--sessions", sessions,
             "--run", f"r{self.runs}", "--seed", self.runs, "--ledger", self.accepted_path, "--ledger-sync",
             "--reply-timeout", "10s", "--json", *options], f"source{self.runs}")

    def acknowledged(self):
        return self.accepted_path.read_bytes().count(b"\n") if self.accepted_path.exists() else 0

    def balance(self):
        return Balance(Ledger(self.accepted_path), Ledger(self.delivered_path))

    def sink_totals(self):
        """Stops the sink; what it counted by itself, content checks included."""
        self.sink_process.send_signal(signal.SIGTERM)
        self.sink_process.wait(15)
        return json.loads((self.directory / "sink.out").read_text().splitlines()[-1])

    def check(self, balance, acknowledged_min):
        print(f"\n{self.id()}: {balance}", file=sys.stderr)
        self.assertGreaterEqual(balance.acknowledged, acknowledged_min, "too little load to prove anything")
        self.assertEqual((balance.lost, balance.missing), (0, []), "acknowledged mail is gone")
        self.assertEqual(balance.corrupt, [])
