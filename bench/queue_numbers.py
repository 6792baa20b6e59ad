#!/usr/bin/env python3
"""The queue manager's figures at size: memory, restart, filtered actions, lanes, limits.

Fills a queue through SMTP (`barid-bench source`, pipelined) for destinations that are suspended, and
measures what operators feel. Each measurement starts a server of its own in a temporary directory on
loopback and leaves nothing behind.

    bench/queue_numbers.py --build release --count 1000000 all
    bench/queue_numbers.py --count 100000 memory deferred restart delete hold lanes limits

Prints one line of JSON a measurement. The programs come from build/BUILD/bin.
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
MEASUREMENTS = ["memory", "deferred", "restart", "delete", "hold", "lanes", "limits"]
REST_SECONDS = 10  # after which memory is that of a queue at rest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"queue_numbers: {what} did not come within {seconds} s")
        time.sleep(0.005)


class Server:
    running = []  # what main() ends, however a measurement went

    def __init__(self, options, directory, **main):
        self.options, self.directory = options, pathlib.Path(directory)
        self.port = free_port()
        self.main = {"myhostname": "mx.barid.example", "mydestination": "", "mynetworks": "127.0.0.0/8",
                     "queue_directory": self.directory / "queue", "disable_dns_lookups": "yes",
                     "inet_protocols": "ipv4", "shard_count": options.shards, "maillog_file": self.directory / "log",
                     "maillog_file_prefixes": f"/var, {self.directory}", "minimal_backoff_time": "1h",
                     "maximal_backoff_time": "1h", "smtpd_client_connection_count_limit": 0, **main}
        self.directory.mkdir(exist_ok=True)
        text = "".join(f"{name} = {value}\n" for name, value in self.main.items())
        (self.directory / "main.cf").write_text(text)
        self.bulk_port = free_port()
        (self.directory / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
            f"127.0.0.1:{self.bulk_port} inet n - n - - smtpd -o smtpd_default_stream=bulk\n")
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.options.barid, "serve", "-c", self.directory], stdin=subprocess.DEVNULL)
        Server.running.append(self)
        wait_until(lambda: self.connects(), "the server", 60)
        return self

    def connects(self):
        if self.process.poll() is not None:
            raise SystemExit("queue_numbers: the server ended")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(120)

    def tool(self, *words):
        done = subprocess.run([self.options.barid, "queue", "-c", self.directory, *words], capture_output=True,
                              text=True, timeout=600)
        if done.returncode != 0:
            raise SystemExit(f"queue_numbers: barid queue {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def status(self):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.directory / "queue/public/control"))
            control.sendall(b"GET /admin/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: control.recv(65536), b""))
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def route(self, domains, port):
        """dNNNN.example, as the source names them, each to a loopback address of its own."""
        lines = [f"d{n:04}.example smtp:[127.1.{n // 250}.{n % 250 + 1}]:{port}\n" for n in range(domains)]
        (self.directory / "transport").write_text("".join(lines))
        with open(self.directory / "main.cf", "a") as config:
            config.write(f"transport_maps = texthash:{self.directory}/transport\n")

    def fill(self, count, domains, size, port=None):
        """Seconds that it took."""
        started = time.monotonic()
        done = subprocess.run(
            [self.options.bench, "source", f"127.0.0.1:{port or self.port}", "--messages", str(count), "--sessions",
             "20", "--size", str(size), "--domains", str(domains), "--retry", "100", "--json"],
            capture_output=True, text=True, timeout=1800)
        if done.returncode != 0:
            raise SystemExit(f"queue_numbers: source: {done.stderr.strip() or done.stdout[-300:]}")
        return time.monotonic() - started


class Sink:
    """barid-bench sink on a port of its own."""

    def __init__(self, options, *words, port=None):
        self.port = port or free_port()
        self.process = subprocess.Popen([options.bench, "sink", f"0.0.0.0:{self.port}", "--loopback-only", *words],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.listens, "the sink", 10)

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def say(name, **figures):
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"measurement": name, **rounded}), flush=True)


def measure_stored(options, directory, wanted):
    """What one filled queue can tell: memory, restart, hold, delete."""
    server, sink_port = Server(options, directory), free_port()
    server.route(options.domains, sink_port)
    server.start()
    idle = server.resident_mib()
    server.tool("suspend", "--stream", "transactional")
    seconds = server.fill(options.count, options.domains, options.size)
    say("fill", messages=options.count, destinations=options.domains, body_bytes=options.size, seconds=seconds,
        rate=options.count / seconds)
    if "memory" in wanted:
        say_memory("memory", options, server, idle)
    if "restart" in wanted:
        server.stop()
        sink = Sink(options, port=sink_port)
        log = server.directory / "log"
        offset = log.stat().st_size
        started = time.monotonic()
        server.process = subprocess.Popen([options.barid, "serve", "-c", server.directory], stdin=subprocess.DEVNULL)
        wait_until(server.connects, "the server", 60)
        listening = time.monotonic() - started
        # What waits is suspended still: new mail of the other stream shows how soon deliveries go.
        submit(server.bulk_port, "first@d0000.example")

        def delivered():
            with open(log, "rb") as lines:
                lines.seek(offset)
                return b"status=sent" in lines.read()

        wait_until(delivered, "a delivery", 60)
        say("restart", messages=options.count, accepts_after_s=listening,
            first_delivery_after_s=time.monotonic() - started, resident_mib=server.resident_mib())
        sink.stop()
    for action in ("hold", "release", "delete"):
        if action not in wanted and not (action == "release" and "hold" in wanted):
            continue
        latencies, done = [], threading.Event()
        prober = threading.Thread(target=probe, args=(server.port, latencies, done))
        prober.start()
        started = time.monotonic()
        server.tool(action, "--sender", "@bench.example")
        seconds = time.monotonic() - started
        done.set()
        prober.join()
        say(action, messages=options.count, seconds=seconds, accept_p50_ms=statistics.median(latencies) * 1000,
            accept_max_ms=max(latencies) * 1000, accepted_meanwhile=len(latencies))
    server.stop()


def say_memory(name, options, server, idle):
    """What the queue adds to the idle server, now and once it has been left alone for a while."""
    full = server.resident_mib()
    time.sleep(REST_SECONDS)
    rest = server.resident_mib()
    say(name, messages=options.count, destinations=options.domains, body_bytes=options.size, idle_mib=idle,
        added_at_once_mib=full - idle, added_at_rest_mib=rest - idle)


def measure_deferred(options, directory):
    """Memory with a queue that was really tried: every destination refuses connections."""
    server = Server(options, directory)
    server.route(options.domains, free_port())
    server.start()
    idle = server.resident_mib()
    server.fill(options.count, options.domains, options.size)
    log = server.directory / "log"
    counted = LineCount(log, b"status=deferred")
    wait_until(lambda: counted.now() >= options.count, "the deferral of all", 600)
    say_memory("deferred", options, server, idle)
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


class LineCount:
    """How often a text is in a growing file, each part of it read once."""

    def __init__(self, path, text):
        self.path, self.text, self.offset, self.count = path, text, 0, 0

    def now(self):
        with open(self.path, "rb") as lines:
            lines.seek(self.offset)
            part = lines.read()
        whole = part[: part.rfind(b"\n") + 1]
        self.offset += len(whole)
        self.count += whole.count(self.text)
        return self.count


def submit(port, recipient, sender="probe@probe.example"):
    """One message over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection, connection.makefile("rb") as replies:
        def expect(code):
            line = b"   -"
            while line[3:4] == b"-":
                line = replies.readline()
            if not line.startswith(code):
                raise SystemExit(f"queue_numbers: the server said {line!r}")

        expect(b"220")
        for command, code in [(b"EHLO probe.example", b"250"), (f"MAIL FROM:<{sender}>".encode(), b"250"),
                              (f"RCPT TO:<{recipient}>".encode(), b"250"), (b"DATA", b"354"),
                              (b"Subject: probe\r\n\r\nbody\r\n.", b"250"), (b"QUIT", b"221")]:
            connection.sendall(command + b"\r\n")
            expect(code)


def probe(port, latencies, done):
    """Mail that comes in meanwhile: how long each submission takes."""
    while not done.is_set() or not latencies:
        started = time.monotonic()
        submit(port, "probe@probe.example")
        latencies.append(time.monotonic() - started)
        time.sleep(0.02)


def measure_lanes(options, directory):
    """Time in queue of transactional mail: alone, and under a bulk backlog to the same site."""
    sink = Sink(options, "--delay", f"{options.delivery_ms}ms", "--stage", "dot")
    server = Server(options, directory, relayhost=f"[127.0.0.1]:{sink.port}",
                    smtp_destination_concurrency_limit=4).start()

    def queue_times(count):
        log = server.directory / "log"
        offset = log.stat().st_size
        for n in range(count):
            submit(server.port, f"t{n}@lane.example", sender="transactional@probe.example")
            time.sleep(0.01)
        pattern = re.compile(rb"to=<t\d+@lane\.example>.*delay=([\d.]+),.*status=sent")

        def found():
            with open(log, "rb") as lines:
                lines.seek(offset)
                return [float(m) for m in pattern.findall(lines.read())]

        wait_until(lambda: len(found()) >= count, "transactional mail", 120)
        return found()

    alone = queue_times(100)
    server.tool("suspend", "--stream", "bulk")
    server.fill(options.count, 1, options.size, port=server.bulk_port)
    server.tool("resume", "--stream", "bulk")
    behind = queue_times(100)
    say("lanes", bulk_messages=options.count, delivery_ms=options.delivery_ms, alone_p50_s=statistics.median(alone),
        alone_max_s=max(alone), behind_p50_s=statistics.median(behind), behind_max_s=max(behind))
    server.stop()
    sink.stop()


LIMITS = {"default limits": {}, "no limits": {"default_destination_concurrency_limit": 0,
                                             "initial_destination_concurrency": 1000,
                                             "default_destination_concurrency_failed_cohort_limit": 0}}


def deliver_once(options, directory, main):
    """(messages a second end to end, messages between shards per mail) to 1,000 destinations."""
    sink = Sink(options)
    server = Server(options, directory, **main)
    server.route(1000, sink.port)
    server.start()
    log = server.directory / "log"
    count = min(options.count, 200_000)
    started = time.monotonic()
    server.fill(count, 1000, options.size)
    counted = LineCount(log, b"status=sent")
    wait_until(lambda: counted.now() >= count, "all deliveries", 300)
    rate = count / (time.monotonic() - started)
    talk = server.status()["counters"]["governor_messages_total"] / count
    server.stop()
    sink.stop()
    shutil.rmtree(directory, ignore_errors=True)
    return rate, talk


def measure_limits(options, directory):
    """What the governor costs: in turns as configured by default, and without limits."""
    rates = {case: [] for case in LIMITS}
    talks = []
    for turn in range(options.rounds):
        for case, main in LIMITS.items():
            rate, talk = deliver_once(options, pathlib.Path(directory) / f"{case.replace(' ', '-')}-{turn}", main)
            rates[case].append(rate)
            if case == "default limits":
                talks.append(talk)
            say("limits", case=case, round=turn, rate=rate, shard_messages_per_mail=talk)
    ratio = statistics.median(a / b for a, b in zip(rates["default limits"], rates["no limits"]))
    say("governor overhead", rate_with_limits_to_without=ratio, wanted_at_least=0.9,
        shard_messages_per_mail=max(talks), wanted_below=0.1, holds=ratio >= 0.9 and max(talks) < 0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="release")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--domains", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="of `limits`, each case once a round")
    parser.add_argument("--delivery-ms", type=int, default=5)
    parser.add_argument("--directory", help="where queues are made; default: a temporary directory")
    parser.add_argument("what", nargs="+", choices=[*MEASUREMENTS, "all"])
    options = parser.parse_args()
    options.barid = ROOT / "build" / options.build / "bin" / "barid"
    options.bench = ROOT / "build" / options.build / "bin" / "barid-bench"
    wanted = MEASUREMENTS if "all" in options.what else options.what
    directory = pathlib.Path(tempfile.mkdtemp(prefix="queue-numbers-", dir=options.directory))
    try:
        if set(wanted) & {"memory", "restart", "delete", "hold"}:
            measure_stored(options, directory / "stored", wanted)
        if "deferred" in wanted:
            measure_deferred(options, directory / "deferred")
        if "lanes" in wanted:
            measure_lanes(options, directory / "lanes")
        if "limits" in wanted:
            measure_limits(options, directory)
    finally:
        for server in Server.running:
            server.stop(signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
