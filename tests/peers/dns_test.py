#!/usr/bin/env python3
"""Goal: mail goes where the DNS says, and each way DNS can fail has its own outcome.
Method: unbound serves example zones from local-data; sinks listen on several loopback addresses at one
port, which smtp_tcp_port names.
"""

import email
import email.policy
import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario, Sink, free_port, wait_until  # noqa: E402

ZONES = """
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  infra-host-ttl: 1
  outbound-msg-retry: 1
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
  local-zone: "example." static
  local-data: "one.example. MX 10 mx.one.example."
  local-data: "mx.one.example. A 127.0.0.11"
  local-data: "fallback.example. MX 10 dead.example."
  local-data: "fallback.example. MX 20 busy.example."
  local-data: "fallback.example. MX 30 mx.one.example."
  local-data: "dead.example. A 127.0.0.19"
  local-data: "busy.example. A 127.0.0.12"
  local-data: "implicit.example. A 127.0.0.11"
  local-data: "null.example. MX 0 ."
  local-data: "nohost.example. MX 10 missing.example."
  local-data: "sender.example. MX 10 mx.one.example."
  local-data: "empty.example. TXT x"
  local-data: "mx.barid.example. A 127.0.0.1"
  local-data: "loop.example. MX 5 mx.barid.example."
  local-data: "loop.example. MX 10 mx.one.example."
  local-data: "alias.example. CNAME one.example."
  local-data: "same.example. MX 10 mx.one.example."
  local-zone: "broken.example." transparent
forward-zone:
  name: "broken.example."
  forward-addr: 127.0.0.1@1
remote-control:
  control-enable: no
"""


def port_free_on(hosts):
    """A port that every one of these addresses has free."""
    while True:
        port = free_port(hosts[0])
        probes = []
        try:
            for host in hosts:
                probes.append(socket.create_server((host, port)))
            return port
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


class Dns(Scenario):
    def setUp(self):
        super().setUp()
        unbound = self.need("unbound", "unbound")
        self.dns_port = free_port()
        conf = self.directory / "unbound.conf"
        conf.write_text(ZONES.format(port=self.dns_port, directory=self.directory))
        self.unbound = self.spawn([unbound, "-d", "-c", conf], "unbound")
        wait_until(self.answers, "unbound answers")
        port = port_free_on(["127.0.0.11", "127.0.0.12", "127.0.0.19"])
        self.out = self.sink(host="127.0.0.11", port=port)
        self.busy = self.sink(lambda stage, *_: "421 4.3.2 busy" if stage == "connect" else None,
                              host="127.0.0.12", port=port)
        self.server = self.barid(disable_dns_lookups="no", smtp_tcp_port=port, relayhost=None, shard_count=1,
                                 dns_forwarders=f"127.0.0.1@{self.dns_port}",
                                 minimal_backoff_time="1h", maximal_backoff_time="1h")

    def answers(self):
        self.assertIsNone(self.unbound.poll(), (self.directory / "unbound.out").read_text())
        query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\3one\7example\0\0\x0f\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.sendto(query, ("127.0.0.1", self.dns_port))
                return len(probe.recv(512)) > len(query)
            except OSError:
                return False

    def send(self, domain, sender="a@sender.example"):
        with RawClient(self.server.port) as client:
            return client.submit(sender=sender, recipients=[f"r@{domain}"])

    def status_of(self, name, status):
        return self.server.wait_log(rf"{name}: to=<r@.*status={status}.*")[0]

    def bounced(self, domain, code, *words):
        name = self.send(domain)
        line = self.status_of(name, "bounced")
        self.out.wait_messages(1)
        notice = self.out.messages.pop()
        self.assertEqual((notice.sender, notice.recipients), ("", ["a@sender.example"]))
        parsed = email.message_from_bytes(notice.content, policy=email.policy.default)
        block = list(parsed.iter_parts())[1].get_payload()[1]
        self.assertEqual(block["Status"], code)
        self.assertIn(f"dsn={code}", line)
        for word in words:
            self.assertIn(word, line)
        self.server.wait_queue()

    def deferred(self, domain, code, *words):
        name = self.send(domain)
        line = self.status_of(name, "deferred")
        self.assertIn(f"dsn={code}", line)
        for word in words:
            self.assertIn(word, line)
        entries = self.server.wait_queue(lambda q: any(e["queue_id"] == name for e in q), "it stays")
        self.assertEqual(entries[0]["queue_name"], "deferred")

    def delivered(self, domain, host="mx.one.example"):
        name = self.send(domain)
        self.assertIn(f"relay={host}[127.0.0.11]", self.status_of(name, "sent"))
        self.server.wait_queue()

    def test_names_that_lead_somewhere(self):
        self.delivered("one.example")
        self.delivered("implicit.example", "implicit.example")
        self.delivered("alias.example")
        self.delivered("fallback.example")  # the first refuses connections, the second answers 421
        self.assertTrue(self.busy.sessions)
        self.delivered("same.example")

    def test_null_mx(self):
        self.bounced("null.example", "5.1.0", "(Domain null.example does not accept mail (nullMX))")

    def test_no_such_domain(self):
        self.bounced("missing.example", "5.4.4", "(Host or domain name not found. Name service error for "
                     "name=missing.example type=A: Host not found)")

    def test_domain_without_address(self):
        self.bounced("empty.example", "5.4.4", "(Host or domain name not found. Name service error for "
                     "name=empty.example type=A: Host found but no data record of requested type)")

    def test_mx_without_address(self):
        self.bounced("nohost.example", "5.4.4", "(Host or domain name not found. Name service error for "
                     "name=missing.example type=A: Host not found)")

    def test_loop_to_self(self):
        # We are the best MX: mail for it has no business here (RFC 5321 5.1).
        # Asked only of port 25, since another port may be another server's; nothing is connected to.
        self.server.stop()
        self.server.main.update(smtp_tcp_port=None)
        self.server.start()
        line = self.status_of(self.send("loop.example", sender=""), "bounced")
        self.assertIn("dsn=5.4.6", line)
        self.assertIn("(mail for loop.example loops back to myself)", line)

    def test_address_limit(self):
        """smtp_mx_address_limit: the third address is never tried."""
        self.server.stop()
        self.server.main.update(smtp_mx_address_limit=2)
        self.server.start()
        line = self.status_of(self.send("fallback.example"), "deferred")
        self.assertRegex(line, r"relay=busy.example\[127.0.0.12\]:\d+,.*dsn=4.3.2")
        self.assertFalse(self.out.sessions)

    def test_null_mx_with_a_fallback_relay(self):
        self.server.stop()
        self.server.main.update(smtp_fallback_relay=self.out.relayhost)
        self.server.start()
        for domain in ("null.example", "missing.example", "broken.example"):
            self.assertIn("relay=127.0.0.11[127.0.0.11]", self.status_of(self.send(domain), "sent"))

    def test_best_mx_transport(self):
        """Mail that would loop goes where the operator says, once."""
        self.server.stop()
        self.server.main.update(smtp_tcp_port=None, best_mx_transport=f"mine:{self.out.relayhost}")
        self.server.services.append("mine unix - - n - - smtp")
        self.server.start()
        self.assertIn("relay=127.0.0.11[127.0.0.11]", self.status_of(self.send("loop.example", sender=""), "sent"))
        self.server.stop()
        self.server.main.update(best_mx_transport="smtp")  # back to where it came from: once is enough
        self.server.start()
        self.assertIn("dsn=5.4.6", self.status_of(self.send("loop.example", sender=""), "bounced"))

    def test_server_failure(self):
        self.deferred("broken.example", "4.4.3", "(Host or domain name not found. Name service error for "
                      "name=broken.example type=MX: Host not found, try again)")

    def test_no_answer_at_all(self):
        self.unbound.terminate()
        self.unbound.wait(10)
        # The 250 never waits for the DNS.
        self.send("one.example")
        self.server.wait_queue(lambda q: len(q) == 1, "queued")


if __name__ == "__main__":
    unittest.main()
