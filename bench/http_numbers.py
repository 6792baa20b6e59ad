#!/usr/bin/env python3
"""What the HTTP door costs beside the SMTP door, in one run on one machine.

Each round starts a fresh server for each way in and sends as fast as the server accepts, 5 KB a
message, to a relay that never greets: SMTP with pipelining and POST /emails over 50 connections, a
message each under way; POST /emails/batch of 100 over 4, for 400 messages under way. Then single POSTs at half the rate that was reached, whose time is compared with
what fdatasync takes on the same disk. Last the same mail with and without a dead webhook for which
100,000 events wait (webhook_backlog.py). Prints one line of JSON a measurement, then the verdict; the
exit code is 1 if a goal is missed.

    bench/http_numbers.py [--build release] [--rounds 3] [--seconds 5] [--sessions 50] [--batch-sessions 4]
                          [--directory DIR] [--without backlog]
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import webhook_backlog

ROOT = pathlib.Path(__file__).resolve().parents[1]
POST_SHARE_MIN, BATCH_SHARE_MIN, SYNCS_MAX = 0.8, 1.5, 3.0
BACKLOG_SHARE_MIN, BACKLOG_MIB_MAX = 0.95, 20.0
WAYS = {"smtp": [], "post": ["--http"], "batch": ["--http", "--batch", "100"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def sync_milliseconds(directory, count=1000, size=8192):
    """Times of fdatasync after appending a block: what a durable answer cannot be faster than."""
    path, block, times = pathlib.Path(directory) / "sync", os.urandom(size), []
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(count):
            os.write(file, block)
            begin = time.perf_counter()
            os.fdatasync(file)
            times.append((time.perf_counter() - begin) * 1e3)
    finally:
        os.close(file)
        path.unlink()
    return times


class HeldRelay:
    """Takes connections and never greets, so that nothing leaves the queue."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.socket.getsockname()[1]


class Server:
    def __init__(self, options, relay):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="barid-http-", dir=options.directory))
        self.ports = {"smtp": free_port(), "http": free_port()}
        main = {"queue_directory": self.directory / "queue", "myhostname": "mx.barid.example",
                "mydestination": "", "mynetworks": "127.0.0.0/8", "inet_protocols": "ipv4",
                "disable_dns_lookups": "yes", "smtpd_peername_lookup": "no",
                "smtpd_client_connection_count_limit": 0, "relayhost": f"[127.0.0.1]:{relay.port}",
                # Deliveries wait for a greeting that never comes: nothing that a stop should wait for.
                "shutdown_timeout": "1s", "maillog_file": self.directory / "log", "maillog_file_prefixes": self.directory}
        (self.directory / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in main.items()))
        (self.directory / "master.cf").write_text(
            f"127.0.0.1:{self.ports['smtp']} inet n - n - - smtpd\n"
            f"127.0.0.1:{self.ports['http']} inet n - n - - httpd\nsmtp unix - - n - 200 smtp\n")
        self.process = subprocess.Popen([self.binary("barid"), "serve", "-c", self.directory],
                                        stdin=subprocess.DEVNULL)

    def binary(self, name):
        return ROOT / "build" / self.options.build / "bin" / name

    def __enter__(self):
        end = time.monotonic() + 30
        for port in self.ports.values():
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if self.process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("http_numbers: the server does not answer")
                time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, way, *more):
        port = self.ports["http" if "--http" in WAYS[way] else "smtp"]
        before = self.cpu_seconds()
        output = subprocess.run(
            [self.binary("barid-bench"), "source", f"127.0.0.1:{port}", "--size", "5k", "--json",
             "--sessions", str(self.options.batch_sessions if way == "batch" else self.options.sessions),
             *WAYS[way], *more], stdout=subprocess.PIPE, check=True, text=True).stdout
        report = json.loads(output)
        report["server_cpu"] = (self.cpu_seconds() - before) * 1e6 / max(1, report["accepted"])
        if report["accepted"] != report["begun"]:
            raise SystemExit(f"http_numbers: {way}: {report['begun'] - report['accepted']} messages "
                             f"were not accepted: {report['first_refusal']}")
        return report


def measure(options, relay, way, *more):
    with Server(options, relay) as server:
        report = server.load(way, *more)
    row = {"way": way, "messages_per_second": round(report["messages_per_second"]),
           "server_cpu_us": round(report["server_cpu"], 1), "source_cpu_us": round(report["cpu_micros_per_message"], 1),
           "p50_ms": report["latency_ms"]["p50"], "p99_ms": report["latency_ms"]["p99"]}
    print(json.dumps(row), flush=True)
    return row


def measure_backlog(options, is_dead):
    program = str(ROOT / "build" / options.build / "bin/barid")
    seconds, memory = webhook_backlog.run(program, is_dead, options.directory)
    row = {"way": "dead webhook" if is_dead else "no webhook",
           "messages_per_second": round(webhook_backlog.EMAILS / seconds), "server_mib": round(memory, 1)}
    print(json.dumps(row), flush=True)
    return row


def backlog_goals(options):
    """Alternately, so that both see the same machine."""
    alone, dead = [], []
    for _ in range(options.rounds):
        alone.append(measure_backlog(options, False))
        dead.append(measure_backlog(options, True))
    share = median(dead, "messages_per_second") / median(alone, "messages_per_second")
    more = median(dead, "server_mib") - median(alone, "server_mib")
    return [(f"mail beside a dead webhook with {2 * webhook_backlog.EMAILS} events: {share:.2f} of the rate without",
             share >= BACKLOG_SHARE_MIN, f"at least {BACKLOG_SHARE_MIN}"),
            (f"memory of those events: {more:.1f} MiB", more < BACKLOG_MIB_MAX, f"under {BACKLOG_MIB_MAX:.0f}")]


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=50, help="connections (default 50)")
    parser.add_argument("--batch-sessions", type=int, default=4, help="connections that send batches (default 4)")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--directory", default=None, help="on the disk to be measured (default: the temporary directory)")
    parser.add_argument("--without", choices=["backlog"], default=None, help="leave this part out")
    options = parser.parse_args()
    relay, rows = HeldRelay(), {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            rows[way].append(measure(options, relay, way, "--duration", f"{options.seconds}s", "--warmup", "500ms"))
    rates = {way: median(rows[way], "messages_per_second") for way in WAYS}
    syncs, singles = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            syncs.append(percentile(sync_milliseconds(directory), 0.99))
        singles.append(measure(options, relay, "post", "--rate", str(int(rates["post"] / 2)),
                               "--duration", f"{options.seconds}s", "--warmup", "500ms"))
    sync, p99 = statistics.median(syncs), median(singles, "p99_ms")
    goals = [
        (f"POST /emails: {rates['post']:.0f}/s is {rates['post'] / rates['smtp']:.2f} of SMTP's {rates['smtp']:.0f}/s",
         rates["post"] >= POST_SHARE_MIN * rates["smtp"], f"at least {POST_SHARE_MIN}"),
        (f"batches of 100: {rates['batch']:.0f}/s is {rates['batch'] / rates['smtp']:.2f} of SMTP's",
         rates["batch"] >= BATCH_SHARE_MIN * rates["smtp"], f"at least {BATCH_SHARE_MIN}"),
        (f"p99 of a POST at half load: {p99:.2f} ms is {p99 / sync:.1f} times fdatasync's {sync:.2f} ms",
         p99 < SYNCS_MAX * sync, f"under {SYNCS_MAX}")]
    if options.without != "backlog":
        goals += backlog_goals(options)
    for text, met, goal in goals:
        print(f"{'met   ' if met else 'MISSED'} {text} (goal: {goal})")
    print("server CPU a message, us: " + ", ".join(f"{way} {median(rows[way], 'server_cpu_us'):.1f}" for way in WAYS))
    return 0 if all(met for _, met, _ in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
