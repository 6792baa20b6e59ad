#!/usr/bin/env python3
"""Goal: the promises about sites hold for the real program, whatever the number of shards: connections within
the limit, slow start, dead sites left alone, the pace of a site, turns between destinations.
Method: sinks that count what is open and may keep it waiting; unbound gives many domains one MX.
"""

import collections
import contextlib
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, RawClient, Scenario, Sink, SinkSession, free_port, wait_until  # noqa: E402

TCP_ESTABLISHED = 1
ONE_SITE = """
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
  local-zone: "site.example." redirect
  local-data: "site.example. MX 10 mx.example."
  local-zone: "mx.example." static
  local-data: "mx.example. A 127.0.0.1"
remote-control:
  control-enable: no
"""


def closed_by_peer(connection):
    """The kernel has its FIN or RST, whether or not anybody has read up to it."""
    try:
        state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return True  # closed here
    return state != TCP_ESTABLISHED


class CountingSink(Sink):
    """Knows how many connections were open, and how many messages had been taken, when each came."""

    def __init__(self, delay=0.0, **options):
        self.open_max, self.delay = 0, delay
        self.taken_at_open, self.opened_at = [], []
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(self.pause, **options)

    def pause(self, stage, *_):
        if stage == "connect":
            self.gate.wait(120)
        if stage == "dot":
            time.sleep(self.delay)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, address = self.listener.accept()
                earlier = sum(not closed_by_peer(s.connection) for s in self.sessions)
                self.open_max = max(self.open_max, earlier + 1)
                self.taken_at_open.append(len(self.messages))
                self.opened_at.append(time.monotonic())
                self.sessions.append(SinkSession(self, connection, address))
                self.sessions[-1].start()


class Governor(Scenario):
    def counting_sink(self, **options):
        sink = CountingSink(**options)
        self.addCleanup(sink.close)
        return sink

    def submit(self, server, count, clients=1, recipients=lambda n: [f"r{n}@sink.example"]):
        """Over several connections, so that each shard gets some."""
        for c in range(clients):
            with RawClient(server.port) as client:
                for n in range(c, count, clients):
                    client.submit(recipients=recipients(n))

    def queue_command(self, server, *arguments):
        done = subprocess.run([BARID, "queue", "-c", str(server.directory), *arguments], capture_output=True,
                              text=True, timeout=15)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_limit_over_all_shards(self):
        out = self.counting_sink(delay=0.02)
        server = self.barid(relayhost=out.relayhost, shard_count=2, smtp_destination_concurrency_limit=3,
                            initial_destination_concurrency=1)
        self.submit(server, 200, clients=20)
        out.wait_messages(200)
        server.wait_queue()
        self.assertEqual(out.open_max, 3)
        self.assertEqual(len(out.messages), 200)
        # Slow start: the second connection only after a delivery.
        self.assertGreaterEqual(out.taken_at_open[1], 1)

    def test_a_dead_site_is_left_alone_for_its_time(self):
        port = free_port()
        server = self.barid(relayhost=f"[127.0.0.1]:{port}", shard_count=2, initial_destination_concurrency=1,
                            minimal_backoff_time="4s", maximal_backoff_time="4s")
        self.submit(server, 1)
        server.wait_log(r"status=deferred \(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: Connection refused\)")
        died_at = time.monotonic()
        out = self.counting_sink(port=port)
        self.submit(server, 10, clients=10)
        server.wait_log(r"relay=none.*status=deferred \(delivery temporarily suspended: "
                        r"connect to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: Connection refused\)", count=10)
        self.assertEqual(out.open_max, 0)
        out.wait_messages(11)
        self.assertGreater(out.opened_at[0], died_at + 3.5)
        server.wait_queue()

    def test_flush_forgets_that_a_site_is_dead(self):
        port = free_port()
        server = self.barid(relayhost=f"[127.0.0.1]:{port}", shard_count=2, minimal_backoff_time="1h",
                            maximal_backoff_time="1h", initial_destination_concurrency=1)
        self.submit(server, 6, clients=6)
        server.wait_log("status=deferred", count=6)
        out = self.counting_sink(port=port)
        self.queue_command(server, "flush", "--all")
        out.wait_messages(6)
        server.wait_queue()

    def test_rate_delay(self):
        out = self.counting_sink()
        server = self.barid(relayhost=out.relayhost, shard_count=2, smtp_destination_rate_delay="1s")
        self.submit(server, 5, clients=5)
        out.wait_messages(5)
        times = sorted(m.time for m in out.messages)
        self.assertGreater(min(b - a for a, b in zip(times, times[1:])), 0.9)
        self.assertEqual(out.open_max, 1)
        server.wait_queue()

    def test_recipient_limit_of_one_makes_recipients_destinations(self):
        out = self.counting_sink(delay=0.02)
        server = self.barid(relayhost=out.relayhost, shard_count=2, smtp_destination_recipient_limit=1,
                            smtp_destination_concurrency_limit=1)
        self.submit(server, 6, clients=6, recipients=lambda _: [f"r{n}@sink.example" for n in range(4)])
        out.wait_messages(24)
        server.wait_queue()
        self.assertEqual({len(m.recipients) for m in out.messages}, {1})
        self.assertEqual(collections.Counter(m.recipients[0] for m in out.messages),
                         {f"r{n}@sink.example": 6 for n in range(4)})
        self.assertLessEqual(out.open_max, 4)  # one for each recipient
        self.assertGreater(out.open_max, 1)

    def dns(self):
        """Port of a name server for which every name under site.example has the same MX."""
        unbound, port = self.need("unbound", "unbound"), free_port()
        conf = self.directory / "unbound.conf"
        conf.write_text(ONE_SITE.format(port=port, directory=self.directory))
        process = self.spawn([unbound, "-d", "-c", conf], "unbound")

        def answers():
            self.assertIsNone(process.poll(), (self.directory / "unbound.out").read_text())
            query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\4site\7example\0\0\x0f\0\1"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.2)
                try:
                    probe.sendto(query, ("127.0.0.1", port))
                    return len(probe.recv(512)) > len(query)
                except OSError:
                    return False

        wait_until(answers, "unbound answers")
        return port

    def test_destinations_of_a_site_take_turns(self):
        out = self.counting_sink(delay=0.001)
        server = self.barid(relayhost=None, disable_dns_lookups="no", dns_forwarders=f"127.0.0.1@{self.dns()}",
                            smtp_tcp_port=out.port, shard_count=1, smtp_destination_concurrency_limit=1)
        out.gate.clear()  # a slow start: all of it waits before anything is taken
        self.submit(server, 40, recipients=lambda n: [f"r@d{(n * 50 + i) % 1000}.site.example" for i in range(50)])
        out.gate.set()
        out.wait_messages(2000)
        served = collections.Counter({f"d{n}": 0 for n in range(1000)})
        for message in out.messages:
            served[re.match(r"r@(d\d+)\.", message.recipients[0]).group(1)] += 1
            self.assertLessEqual(max(served.values()) - min(served.values()), 1)
        self.assertEqual(out.open_max, 1)


if __name__ == "__main__":
    unittest.main()
