#!/usr/bin/env python3
"""What a dead webhook costs mail: the same 50,000 emails over HTTP, with and without an endpoint that
refuses every connection while 100,000 events wait for it. The mail goes to the transport discard.

  bench/webhook_backlog.py [BARID] [ROUNDS]

Prints, for each run, the seconds from the first request to the last delivery, and the memory of the
server; then the medians. Uses loopback and a temporary directory only.
"""

import http.client
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
EMAILS, BATCH = 50_000, 1000
EMAIL = {"from": "ann@client.example", "to": "bob@sink.example", "subject": "backlog", "text": "hello"}
PATIENCE = 120.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, program, directory):
        self.port = free_port()
        (directory / "main.cf").write_text(
            f"queue_directory = {directory}/queue\nmaillog_file = {directory}/log\n"
            f"maillog_file_prefixes = {directory}\nmyhostname = a.example\nmydestination =\n"
            "default_transport = discard\nwebhook_private_networks = 127.0.0.0/8\n")
        (directory / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - httpd\ndiscard unix - - n - - discard\n")
        self.process = subprocess.Popen([program, "serve", "-c", str(directory)], stdout=subprocess.DEVNULL)
        self.until(self.is_live, "it serves")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {text}")
        return text

    def is_live(self):
        try:
            return self.ask("GET", "/livez")
        except OSError:
            return None

    def delivered(self):
        return sum(int(line.split()[-1]) for line in self.ask("GET", "/metrics").splitlines()
                   if line.startswith("barid_recipients_delivered_total{"))

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"not within {PATIENCE:g} s: {what}")
            time.sleep(0.05)

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(program, with_webhook, where=None):
    """(seconds, MiB) of one run in a new directory under `where`."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="barid-backlog-", dir=where))
    server = Server(program, directory)
    try:
        if with_webhook:
            server.ask("POST", "/webhooks", {"endpoint": f"http://127.0.0.1:{free_port()}/",
                                             "events": ["email.sent", "email.delivered"]})
        start = time.monotonic()
        for _ in range(EMAILS // BATCH):
            server.ask("POST", "/emails/batch", [EMAIL] * BATCH)
        server.until(lambda: server.delivered() >= EMAILS, "all are delivered")
        return time.monotonic() - start, server.memory_mib()
    finally:
        server.stop()
        shutil.rmtree(directory)


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/bin/barid")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    results = {False: [], True: []}
    for _ in range(rounds):
        for with_webhook in (False, True):
            seconds, memory = run(program, with_webhook)
            results[with_webhook].append((seconds, memory))
            print(f"{'dead webhook' if with_webhook else 'no webhook':<13} {seconds:6.2f} s {memory:7.1f} MiB", flush=True)
    for with_webhook, name in ((False, "no webhook"), (True, "dead webhook")):
        seconds, memory = (statistics.median(column) for column in zip(*results[with_webhook]))
        print(f"median of {rounds}, {name}: {seconds:.2f} s, {memory:.1f} MiB")


if __name__ == "__main__":
    main()
