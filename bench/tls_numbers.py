#!/usr/bin/env python3
"""What TLS costs and gains, in one run: submissions over new handshakes, Barid against a tuned Postfix and
against a sink that stores nothing (what source and machine allow); submissions over kept connections, TLS
against plaintext; memory of idle TLS sessions.

Each round asks every server in turn, so that ratios come from within a round. Servers have the same
certificate, accept in earnest (fsync and all), and discard what they accepted. Postfix needs root; without it
its rows are left out.

    bench/tls_numbers.py --build release --rounds 3 --seconds 8

Prints one line of JSON a row and round, then the medians. Programs come from build/BUILD/bin, or
--programs DIRECTORY. All is on loopback, in a temporary directory that is removed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
IDLE_SESSIONS = 500


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"tls_numbers: {what} did not come within {seconds} s")
        time.sleep(0.02)


def listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def processor_seconds(pid):
    """Of a process and its children, those included that have ended and were waited for."""
    with open(f"/proc/{pid}/stat") as stat:
        times = stat.read().rsplit(")", 1)[1].split()[11:15]
    total = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with contextlib.suppress(OSError):  # it has just ended, and is counted above next time
                total += processor_seconds(child)
    return total


def make_certificate(directory, kind):
    algorithm = {"rsa": ["-newkey", "rsa:2048"],
                 "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind]
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", *algorithm, "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=mx.bench.example"], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return key, certificate


class Barid:
    name = "barid"

    def __init__(self, options, directory, key, certificate):
        self.home, self.port = directory / "barid", free_port()
        self.home.mkdir()
        main = {"myhostname": "mx.barid.example", "mydestination": "", "mynetworks": "127.0.0.0/8",
                "queue_directory": self.home / "queue", "disable_dns_lookups": "yes", "inet_protocols": "ipv4",
                "maillog_file": self.home / "log", "maillog_file_prefixes": self.home, "default_transport": "discard",
                "smtpd_client_connection_count_limit": 0, "smtpd_peername_lookup": "no",
                "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key}
        (self.home / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        (self.home / "master.cf").write_text(f"127.0.0.1:{self.port} inet n - n - - smtpd\n")
        self.process = subprocess.Popen([options.barid, "serve", "-c", self.home], stdin=subprocess.DEVNULL)
        wait_until(lambda: listening(self.port), "Barid")

    @property
    def pid(self):
        return self.process.pid

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Direct:
    """barid-bench sink: the source's own rate where the server does nothing but speak."""

    name = "direct"

    def __init__(self, options, directory, key, certificate):
        self.port, chain = free_port(), directory / "chain.pem"
        chain.write_bytes(key.read_bytes() + certificate.read_bytes())
        chain.chmod(0o600)
        self.process = subprocess.Popen([options.bench, "sink", f"127.0.0.1:{self.port}", "--tls", "starttls",
                                         "--tls-chain", chain], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: listening(self.port), "the sink")
        self.pid = self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Postfix:
    """As barid-bench compare tunes it, with TLS."""

    name = "postfix"
    SERVICES = (("cleanup", "n", "-", "0"), ("qmgr", "n", "300", "1"), ("trivial-rewrite", "-", "-", "-"),
                ("bounce", "-", "-", "0"), ("proxymap", "-", "-", "-"), ("error", "-", "-", "-"), ("discard", "-", "-", "-"),
                ("anvil", "-", "-", "1"), ("tlsmgr", "-", "1000?", "1"))
    NAMES = {"trivial-rewrite": ("rewrite",), "bounce": ("bounce", "defer", "trace"), "error": ("error", "retry")}

    def __init__(self, _options, directory, key, certificate):
        self.home, self.port = directory / "postfix", free_port()
        for name in ("conf", "queue", "data"):
            (self.home / name).mkdir(parents=True)
        shutil.chown(self.home / "data", "postfix")
        directory.chmod(0o755)
        main = {"compatibility_level": "3.6", "queue_directory": self.home / "queue", "data_directory": self.home / "data",
                "myhostname": "mx.postfix.example", "mydestination": "", "local_recipient_maps": "", "alias_maps": "",
                "alias_database": "", "mynetworks": "127.0.0.0/8", "inet_interfaces": "127.0.0.1",
                "inet_protocols": "ipv4", "smtp_dns_support_level": "disabled", "smtpd_peername_lookup": "no",
                "smtpd_relay_restrictions": "permit_mynetworks, reject", "smtpd_recipient_restrictions": "",
                "smtpd_client_connection_count_limit": 0, "default_process_limit": 300, "in_flow_delay": 0,
                "hash_queue_names": "hold", "qmgr_message_active_limit": 50000, "max_use": 10000,
                "default_transport": "discard", "maillog_file": self.home / "log", "maillog_file_prefixes": self.home,
                "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key}
        (self.home / "conf/main.cf").write_text("".join(f"{name} = {value}\n" for name, value in main.items()))
        lines = [f"127.0.0.1:{self.port} inet n - n - 300 smtpd -o receive_override_options="
                 "no_unknown_recipient_checks,no_header_body_checks,no_address_mappings,no_milters",
                 *(f"{name} unix {private} - n {wake} {most} {command}" for command, private, wake, most in self.SERVICES
                   for name in self.NAMES.get(command, (command,))),
                 "postlog unix-dgram n - n - 1 postlogd"]
        (self.home / "conf/master.cf").write_text("\n".join(lines) + "\n")
        subprocess.run(["postfix", "-c", self.home / "conf", "start"], check=True, capture_output=True, timeout=60)
        wait_until(lambda: listening(self.port), "Postfix")
        self.pid = int((self.home / "queue/pid/master.pid").read_text())

    def stop(self):
        subprocess.run(["postfix", "-c", self.home / "conf", "abort"], capture_output=True, timeout=60)


def load(options, server, *arguments):
    """Messages a second that the server took, and handshakes."""
    done = subprocess.run([options.bench, "source", f"127.0.0.1:{server.port}", "--size", options.size, "--duration",
                           f"{options.seconds}s", "--warmup", "1s", "--json", *arguments],
                          capture_output=True, text=True, timeout=120 + options.seconds)
    if done.returncode != 0:
        raise SystemExit(f"tls_numbers: source: {done.stderr}")
    return json.loads(done.stdout)


def idle_memory(options, server):
    """KiB of resident memory that one idle session costs: STARTTLS, then silence."""
    before = server.memory()
    source = subprocess.Popen([options.bench, "source", f"127.0.0.1:{server.port}", "--tls", "starttls", "--sessions",
                               str(IDLE_SESSIONS), "--rate", "1", "--duration", "12s", "--json"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(8)  # handshakes are over, the sessions wait
    after = server.memory()
    source.wait(60)
    return (after - before) / IDLE_SESSIONS


WORKLOADS = {
    "new handshakes": ["--tls", "starttls", "--tls-fresh", "--messages-per-session", "1", "--sessions", "40"],
    "kept connections, TLS": ["--tls", "starttls", "--sessions", "40"],
    "kept connections, plaintext": ["--sessions", "40"],
}


def rate_of(report):
    for name in ("messages_per_second", "rate"):
        if name in report:
            return report[name]
    raise SystemExit(f"tls_numbers: no rate in {sorted(report)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="release")
    parser.add_argument("--programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--size", default="5k")
    parser.add_argument("--no-postfix", action="store_true", help="Barid alone")
    parser.add_argument("--key", choices=("ec", "rsa"), default="ec", help="kind of the servers' key")
    options = parser.parse_args()
    programs = options.programs or ROOT / "build" / options.build / "bin"
    options.barid, options.bench = programs / "barid", programs / "barid-bench"
    rates, costs = {}, {}
    with tempfile.TemporaryDirectory(prefix="tls-numbers-") as name:
        directory = pathlib.Path(name)
        key, certificate = make_certificate(directory, options.key)
        with contextlib.ExitStack() as stack:
            servers = []
            for kind in (Barid, Postfix, Direct):
                if kind is Postfix and options.no_postfix:
                    continue
                if kind is Postfix and (os.geteuid() != 0 or shutil.which("postfix") is None):
                    print("no Postfix, or not root: its rows are left out", file=sys.stderr)
                    continue
                servers.append(kind(options, directory, key, certificate))
                stack.callback(servers[-1].stop)
            memory = idle_memory(options, servers[0])  # before load has made the pools grow
            for number in range(1, options.rounds + 1):
                for workload, arguments in WORKLOADS.items():
                    for server in servers:
                        before = processor_seconds(server.pid)
                        report = load(options, server, *arguments)
                        cost = (processor_seconds(server.pid) - before) / max(report["accepted"], 1)
                        rate = rate_of(report)
                        rates.setdefault((server.name, workload), []).append(rate)
                        costs.setdefault((server.name, workload), []).append(cost)
                        print(json.dumps({"round": number, "server": server.name, "workload": workload,
                                          "messages_per_second": round(rate),
                                          "server_microseconds": round(cost * 1e6)}), flush=True)
    medians = {f"{server}: {workload}": round(statistics.median(values)) for (server, workload), values in rates.items()}

    def ratio(one, other):
        return [round(a / b, 2) for a, b in zip(rates[one], rates[other])] if other in rates else None

    spent = {f"{server}: {workload}": round(statistics.median(values) * 1e6) for (server, workload), values in costs.items()}
    print(json.dumps({"medians": medians, "processor time of the server, microseconds a message": spent,
                      "new handshakes, barid to postfix": ratio(("barid", "new handshakes"), ("postfix", "new handshakes")),
                      "new handshakes, barid to direct": ratio(("barid", "new handshakes"), ("direct", "new handshakes")),
                      "TLS to plaintext, barid": ratio(("barid", "kept connections, TLS"),
                                                       ("barid", "kept connections, plaintext")),
                      "KiB of an idle TLS session": round(memory, 1)}, indent=1))


if __name__ == "__main__":
    main()
