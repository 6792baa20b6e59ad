#!/usr/bin/env python3
"""Goal: mail takes the servers of its route in order, and no fault of a route or of the configuration
bounces mail that could still be delivered.
Method: sinks on loopback ports as relays, fallback relays and LMTP servers; unused ports as dead ones.
"""

import contextlib
import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario, Sink, SinkSession, free_port, queue_id  # noqa: E402

NO_RETRY = {"minimal_backoff_time": "1h", "maximal_backoff_time": "1h"}


def at(stage, reply):
    """A sink script that gives `reply` at one stage to all but notices."""
    def script(now, argument, session):
        notice = session.sender == "" or (now == "mail" and "<>" in argument)
        return reply if now == stage and not notice else None
    return script


class LmtpSession(SinkSession):
    def on_lhlo(self, argument):
        self.on_ehlo(argument)

    def finish(self, content, bdat):
        for recipient in self.recipients:
            self.answer("dot", recipient, f"250 2.0.0 <{recipient}> saved")
        self.sink.messages.append((list(self.recipients), content))
        self.reset()


class UnixLmtp:
    def __init__(self, path, script=None):
        self.script, self.offers, self.messages = script, ("PIPELINING", "8BITMIME"), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                connection, address = self.listener.accept()
                LmtpSession(self, connection, address).start()
        except OSError:
            pass


class Six(Sink):
    """A sink on ::1."""

    def __init__(self):
        self.script, self.offers, self.messages, self.sessions = None, Sink.OFFERS, [], []
        self.listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()


class ScriptedServer:
    """One SMTP server as a function of its connections; `relayhost` names it."""

    def __init__(self, serve, receive_buffer=0):
        self.listener = socket.socket()
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.relayhost = "[127.0.0.1]:%d" % self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.run, args=(self.listener.accept()[0],), daemon=True).start()

    def run(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            self.serve(connection, lines)


class Routing(Scenario):
    def server(self, serve, **options):
        scripted = ScriptedServer(serve, **options)
        self.addCleanup(scripted.listener.close)
        return scripted

    def send(self, server, recipients=("r@sink.example",), sender="s@client.example", **more):
        with RawClient(server.port) as client:
            return client.submit(sender=sender, recipients=recipients, **more)

    def line(self, server, name, status):
        return server.wait_log(rf"{name}: to=<.*status={status}.*")[0]

    def dead(self):
        return f"[127.0.0.1]:{free_port()}"

    def test_relayhost_that_does_not_exist(self):
        """A typing error in main.cf must not bounce mail: RFC 3463 4.3.5."""
        server = self.barid(relayhost="no-such-host.invalid", **NO_RETRY)
        line = self.line(server, self.send(server), "deferred")
        self.assertIn("dsn=4.3.5", line)
        self.assertIn("no-such-host.invalid", line)
        server.wait_log("warning: relayhost configuration problem")

    def test_transport_host_that_does_not_exist(self):
        server = self.barid(transport_maps="inline:{ sink.example=smtp:no-such-host.invalid }", **NO_RETRY,
                            relayhost=self.sink().relayhost)
        self.assertIn("dsn=5.4.4", self.line(server, self.send(server), "bounced"))

    def test_an_unavailable_server_outweighs_an_unknown_one(self):
        route = f"{self.dead()}, no-such-host.invalid"
        server = self.barid(transport_maps="inline:{ { sink.example=smtp:%s } }" % route, **NO_RETRY)
        self.assertIn("dsn=4.4.4", self.line(server, self.send(server), "deferred"))

    def test_list_of_relays_in_order(self):
        last = self.sink()
        server = self.barid(relayhost=f"{self.dead()}, {self.dead()} {last.relayhost}")
        line = self.line(server, self.send(server), "sent")
        self.assertIn(f"relay=127.0.0.1[127.0.0.1]:{last.port}", line)
        server.expect_log(r"smtp\[\d+\]: connect to 127.0.0.1.*: Connection refused", 2)

    def test_session_limit_is_per_next_hop(self):
        """Two servers that got past EHLO are the limit of each item, not of the list."""
        script = at("rcpt", "450 4.2.0 later")
        busy = [self.sink(script) for _ in range(3)]
        good = self.sink()
        server = self.barid(relayhost=", ".join(s.relayhost for s in busy), smtp_fallback_relay=good.relayhost)
        name = self.send(server)
        self.assertIn(f"]:{good.port}", self.line(server, name, "sent"))
        skipped = server.wait_log(rf"{name}: host 127.0.0.1\[127.0.0.1\] said: 450 4.2.0 later "
                                     r"\(in reply to RCPT TO command\)")
        self.assertEqual(len(skipped), 3)

    def test_fallback_relay_that_does_not_exist(self):
        server = self.barid(relayhost=self.dead(), smtp_fallback_relay="no-such-host.invalid", **NO_RETRY)
        self.assertIn("dsn=4.3.5", self.line(server, self.send(server), "deferred"))
        server.wait_log("warning: smtp_fallback_relay configuration problem")

    def test_refused_greeting(self):
        """5xx greetings are skipped by default; then the last one defers, or bounces where told so."""
        rude, good = self.sink(at("connect", "554 5.7.1 go away")), self.sink()
        server = self.barid(relayhost=f"{rude.relayhost}, {good.relayhost}",
                            transport_maps="inline:{ rude.example=smtp:%s, harsh.example=harsh:%s }"
                            % (rude.relayhost, rude.relayhost),
                            services=None, **NO_RETRY)
        server.stop()
        server.services.append("harsh unix - - n - - smtp -o smtp_skip_5xx_greeting=no")
        server.start()
        name = self.send(server)
        self.assertIn(f"]:{good.port}", self.line(server, name, "sent"))
        server.wait_log(rf"{name}: host .* refused to talk to me: 554 5.7.1 go away")
        self.assertIn("dsn=4.7.1", self.line(server, self.send(server, ["r@rude.example"]), "deferred"))
        self.assertIn("dsn=5.7.1", self.line(server, self.send(server, ["r@harsh.example"]), "bounced"))

    def test_greylisting_on_a_kept_connection_is_not_asked_twice(self):
        def script(stage, argument, session):
            return "450 4.2.0 later" if stage == "rcpt" and argument.startswith("grey") else None

        out = self.sink(script)
        server = self.barid(relayhost=out.relayhost, shard_count=1, smtp_connection_cache_time_limit="10s",
                            **NO_RETRY)
        self.line(server, self.send(server), "sent")
        self.line(server, self.send(server, ["grey@sink.example"]), "deferred")
        commands = [c for s in out.sessions for c in s.commands]
        self.assertEqual(sum("grey@" in c for c in commands), 1, commands)

    def test_what_a_server_does_not_offer(self):
        """8BITMIME is converted, SMTPUTF8 and SIZE decide, DSN parameters go only where they are known."""
        full = self.sink(offers=Sink.OFFERS + ("DSN",))
        bare, small = self.sink(offers=()), self.sink(offers=("SIZE 100",))
        maps = {"full": full, "bare": bare, "small": small}
        server = self.barid(transport_maps="inline:{ %s }" % ", ".join(
            "%s.example=smtp:%s" % (name, sink.relayhost) for name, sink in maps.items())
            + "", **NO_RETRY)
        parameters = " RET=HDRS ENVID=env+2B1 BODY=8BITMIME"
        eight = "Subject: x\r\n\r\ngrüße\r\n".encode()
        with RawClient(server.port) as client:
            for name in ("full", "bare"):
                client.command(f"MAIL FROM:<s@client.example>{parameters}", 250)
                client.command(f"RCPT TO:<r@{name}.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+2B@x.example", 250)
                client.command("DATA", 354)
                client.send(eight + b".\r\n")
                client.expect(250)
            full.wait_messages(1)
            bare.wait_messages(1)
            commands = [c for s in full.sessions for c in s.commands]
            self.assertRegex(commands[1], r"MAIL FROM:<s@client.example> SIZE=\d+ BODY=8BITMIME RET=HDRS ENVID=env\+2B1$")
            self.assertEqual(commands[2], "RCPT TO:<r@full.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+2B@x.example")
            self.assertTrue(full.messages[0].content.endswith(eight[-8:]))
            commands = [c for s in bare.sessions for c in s.commands]
            self.assertEqual(commands[1:3], ["MAIL FROM:<s@client.example>", "RCPT TO:<r@bare.example>"])
            self.assertTrue(bare.messages[0].content.isascii())
            self.assertIn(b"quoted-printable", bare.messages[0].content.lower())
            # SIZE: no other server is asked, and nothing of the message is sent.
            name = client.submit(sender="", recipients=["r@small.example"])
            self.assertRegex(self.line(server, name, "bounced"),
                             r"dsn=5.3.4.*\(message size \d+ exceeds size limit 100 of server 127.0.0.1\[127.0.0.1\]\)")
            client.command("MAIL FROM:<> SMTPUTF8", 250)
            client.command("RCPT TO:<grün@bare.example>", 250)
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            name = queue_id(client.expect(250))
            self.assertRegex(self.line(server, name, "bounced"),
                             r"dsn=5.6.7.*\(SMTPUTF8 is required, but was not offered by host 127.0.0.1\[127.0.0.1\]\)")
        self.assertFalse([c for s in small.sessions for c in s.commands if c.startswith("MAIL")])

    def test_server_with_our_own_name(self):
        """On port 25 only, for behind another port another server answers."""
        try:
            greeter = self.sink(at("helo", "250-mx.barid.example\r\n250 PIPELINING"), host="127.0.0.78", port=25)
        except OSError as error:
            self.skipTest(f"port 25 of 127.0.0.78: {error}")
        other = self.sink(at("helo", "250-mx.barid.example\r\n250 PIPELINING"))
        server = self.barid(transport_maps="inline:{ own.example=smtp:[127.0.0.78], other.example=smtp:%s }"
                            % other.relayhost, **NO_RETRY)
        self.assertRegex(self.line(server, self.send(server, ["r@own.example"], ""), "bounced"),
                         r"dsn=5.4.6.*\(mail for .*127.0.0.78.* loops back to myself\)")
        self.assertEqual(len(greeter.sessions), 1)
        self.line(server, self.send(server, ["r@other.example"]), "sent")

    def test_kinds_of_next_hops(self):
        """Names of /etc/hosts without DNS, IPv6 literals, LMTP over TCP in its three spellings."""
        named = self.sink()
        tcp = self.server(lambda connection, lines: self.lmtp(connection, lines))
        port = tcp.relayhost.rpartition(":")[2]
        maps = {"name": f"smtp:localhost:{named.port}", "bracket": f"smtp:[localhost]:{named.port}",
                "inet": f"lmtp:inet:127.0.0.1:{port}", "host": f"lmtp:localhost:{port}",
                "literal": f"lmtp:[127.0.0.1]:{port}"}
        six = None
        with contextlib.suppress(OSError):
            six = Six()
            self.addCleanup(six.close)
            maps["six"] = f"smtp:[ipv6:::1]:{six.port}"
        server = self.barid(transport_maps="inline:{ %s }" % ", ".join(
            "%s.example=%s" % item for item in maps.items()), inet_protocols="all", **NO_RETRY)
        for name, route in maps.items():
            line = self.line(server, self.send(server, [f"r@{name}.example"]), "sent")
            host = {"six": "::1[::1]", "literal": "127.0.0.1[127.0.0.1]", "inet": "127.0.0.1[127.0.0.1]"}.get(
                name, "localhost[127.0.0.1]")
            self.assertIn(f"relay={host}:{route.rpartition(':')[2]},", line)

    def lmtp(self, connection, lines):
        connection.sendall(b"220 lmtp.example LMTP\r\n")
        body = False
        for line in lines:
            if body:
                body = line != b".\r\n"
                if body:
                    continue
            connection.sendall({b"LHLO": b"250-lmtp.example\r\n250 PIPELINING\r\n", b"DATA": b"354 go\r\n"}.get(
                line[:4], b"250 2.0.0 ok\r\n"))
            body = line == b"DATA\r\n"

    def test_replies_without_end(self):
        """Endless lines, endless lists, lists that contradict themselves, replies a byte at a time."""
        def speaking(stage, words, slowly=False):
            def serve(connection, lines):
                def say(now, text):
                    data = words if now == stage else text
                    pieces = [data[i:i + 1] for i in range(len(data))] if slowly and now == stage else [data]
                    for piece in pieces:
                        connection.sendall(piece)
                say("connect", b"220 x.example ESMTP\r\n")
                body = False
                for line in lines:
                    verb = line[:4].upper()
                    if body:
                        if line == b".\r\n":
                            body = False
                            say("dot", b"250 2.0.0 ok\r\n")
                        continue
                    if verb == b"DATA":
                        body = True
                        say("data", b"354 go\r\n")
                    else:
                        say(verb.decode().lower(), b"250 2.0.0 ok\r\n")
            return self.server(serve)

        endless_line, endless_list = b"2" * 100_000, b"250-more\r\n" * 10_000
        cases = {"a": ("connect", b"220-" + b"x" * 100_000, "deferred"),
                 "b": ("ehlo", endless_list, "deferred"), "c": ("mail", endless_line, "deferred"),
                 "d": ("rcpt", b"250-2.1.5 yes\r\n550 5.1.1 no\r\n", "deferred"),
                 "e": ("mail", b"250-" + b"y" * 1500 + b"\r\n250 2.1.0 ok\r\n", "sent"),
                 "f": ("mail", b"650 what\r\n", "bounced"), "g": ("ehlo", b"099 what\r\n", "sent"),
                 "h": ("mail", b"250-2.1.0 slow\r\n250 2.1.0 but right\r\n", "sent", True),
                 "i": ("dot", b"450 4.2.0 " + b"z" * 1900 + b"\r\n", "deferred")}
        servers = {name: (speaking(*case[:2], *case[3:]), case[2]) for name, case in cases.items()}
        server = self.barid(transport_maps="inline:{ %s }" % ", ".join(
            f"{name}.example=smtp:{peer.relayhost}" for name, (peer, _) in servers.items()),
            relayhost=self.sink().relayhost, **NO_RETRY)
        names = {name: self.send(server, [f"r@{name}.example"]) for name in servers}
        for name, (_, status) in servers.items():
            with self.subTest(case=name):
                line = self.line(server, names[name], status)
                self.assertLess(len(line), 2500)
                if name == "f":
                    self.assertIn("dsn=5.5.0", line)
                    self.assertIn("(Protocol error: host ", line)

    def test_soft_bounce(self):
        """A refusal goes to the next server, and at the last one the mail stays."""
        harsh = [self.sink(at("rcpt", "550 5.1.1 unknown")) for _ in range(2)]
        server = self.barid(relayhost=", ".join(s.relayhost for s in harsh), soft_bounce="yes", **NO_RETRY)
        name = self.send(server)
        line = self.line(server, name, "SOFTBOUNCE")
        self.assertIn(f"]:{harsh[1].port}, ", line)
        self.assertIn("dsn=5.1.1", line)
        server.wait_log(rf"{name}: host .* said: 550 5.1.1 unknown")
        entry = server.wait_queue(lambda q: q and q[0]["queue_name"] == "deferred", "it stays")[0]
        self.assertEqual(entry["queue_id"], name)

    def test_slow_server_that_goes_on_reading(self):
        """smtp_data_xfer_timeout is for each write: 8 MB may take longer than it."""
        taken = []

        def serve(connection, lines):
            connection.sendall(b"220 slow.example\r\n")
            for line in lines:
                if line.startswith(b"EHLO"):
                    connection.sendall(b"250 slow.example\r\n")
                elif line == b"DATA\r\n":
                    connection.sendall(b"354 go\r\n")
                    tail, count = b"", 0
                    while not tail.endswith(b"\r\n.\r\n"):
                        piece = lines.read1(1 << 16)
                        tail, count = (tail + piece)[-5:], count + len(piece)
                        if count // 400_000 != (count - len(piece)) // 400_000:
                            time.sleep(0.15)  # 2.5 MB a second: what this test is about
                    taken.append(count)
                    connection.sendall(b"250 taken\r\n")
                else:
                    connection.sendall(b"250 ok\r\n")

        slow = self.server(serve, receive_buffer=65536)
        server = self.barid(relayhost=slow.relayhost, smtp_data_xfer_timeout="1s", **NO_RETRY)
        content = b"Subject: big\r\n\r\n" + (b"x" * 76 + b"\r\n") * 100_000
        self.line(server, self.send(server, content=content), "sent")
        self.assertGreater(taken[0], 7_800_000)

    def test_bind_address(self):
        """Used where it can be; else a warning and any address, or none at all where enforced."""
        out = self.sink()
        server = self.barid(start=False, relayhost=out.relayhost, smtp_bind_address="127.0.0.77", **NO_RETRY)
        server.services += ["lost unix - - n - - smtp -o smtp_bind_address=192.0.2.77",
                            "bound unix - - n - - smtp -o smtp_bind_address=192.0.2.77"
                            " -o smtp_bind_address_enforce=yes"]
        server.main["transport_maps"] = "inline:{ lost.example=lost, bound.example=bound }"
        server.start()
        self.line(server, self.send(server), "sent")
        self.assertEqual(out.sessions[-1].address[0], "127.0.0.77")
        self.line(server, self.send(server, ["r@lost.example"]), "sent")
        self.assertEqual(out.sessions[-1].address[0], "127.0.0.1")
        server.wait_log("warning: bind 192.0.2.77: Cannot assign requested address")
        line = self.line(server, self.send(server, ["r@bound.example"]), "deferred")
        self.assertIn("dsn=4.4.0, status=deferred (server configuration error)", line)
        self.assertEqual(len(out.messages), 2)

    def test_source_address_of_a_single_interface(self):
        """inet_interfaces names one address of the family: mail goes out from it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            with contextlib.suppress(OSError):
                probe.connect(("203.0.113.1", 9))  # sends nothing; the kernel picks our address
            own = probe.getsockname()[0]
        if own == "0.0.0.0" or own.startswith("127."):
            self.skipTest("this host has loopback addresses only")
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, inet_interfaces=own)
        self.line(server, self.send(server), "sent")
        self.assertEqual(out.sessions[-1].address[0], own)

    def test_relays_of_senders(self):
        """Tables of type texthash, inline and static; transport_maps has the last word."""
        own, general, mapped = self.sink(), self.sink(), self.sink()
        server = self.barid(start=False, relayhost=general.relayhost,
                            sender_dependent_relayhost_maps="texthash:%s/senders" % self.directory,
                            sender_dependent_default_transport_maps="inline:{ { d@own.example = discard:2.0.0 gone } }",
                            transport_maps="texthash:%s/transport" % self.directory)
        (self.directory / "senders").write_text(f"# sender  relay\n@own.example {own.relayhost}\n"
                                                "not@own.example DUNNO\n")
        (self.directory / "transport").write_text(f"map.example :{mapped.relayhost}\n"
                                                  ".map.example smtp:%s\nno.example error:5.7.1 Not Here\n"
                                                  "later.example retry:4.7.1 Not Now\nodd.example nowhere:x\n"
                                                  % mapped.relayhost)
        server.start()
        for sender, recipient, out in (
                ("a@own.example", "r@far.example", own), ("not@own.example", "r@far.example", general),
                ("a@else.example", "r@far.example", general), ("a@own.example", "r@map.example", mapped),
                ("a@own.example", "r@sub.map.example", mapped)):
            line = self.line(server, self.send(server, [recipient], sender), "sent")
            self.assertIn(f"]:{out.port},", line, (sender, recipient))
        self.assertIn("(gone)", self.line(server, self.send(server, sender="d@own.example"), "sent"))
        self.assertRegex(self.line(server, self.send(server, ["r@no.example"], ""), "bounced"),
                         r"relay=none.*dsn=5.7.1.*\(Not Here\)")
        self.assertRegex(self.line(server, self.send(server, ["r@later.example"]), "deferred"),
                         r"relay=none.*dsn=4.7.1.*\(Not Now\)")
        self.assertRegex(self.line(server, self.send(server, ["r@odd.example"]), "deferred"),
                         r"relay=none.*dsn=4.3.0.*\(mail transport unavailable\)")

    def test_everything_by_one_table(self):
        out = self.sink()
        server = self.barid(transport_maps=f"static:{{smtp:{out.relayhost}}}")
        self.assertIn(f"]:{out.port},", self.line(server, self.send(server), "sent"))

    def test_lmtp_over_a_unix_socket(self):
        server = self.barid(start=False, transport_maps="inline:{ "
                            "{ lmtp.example = lmtp:unix:private/Store-LMTP }, "
                            "{ long.example = lmtp:unix:%s } }" % ("x" * 105), **NO_RETRY)
        path = server.queue_directory / "private/Store-LMTP"
        server.start()
        path.parent.mkdir(parents=True, exist_ok=True)
        store = UnixLmtp(path, lambda stage, argument, _:
                         "452 4.2.2 full" if stage == "dot" and argument.startswith("full") else None)
        self.addCleanup(store.listener.close)
        name = self.send(server, ["a@lmtp.example", "full@lmtp.example", "b@lmtp.example"])
        for line in server.wait_log(rf"{name}: to=<[ab]@lmtp.example>.*status=sent.*", 2):
            self.assertIn("relay=mx.barid.example[private/Store-LMTP]", line)
        server.expect_log(rf"/lmtp\[\d+\]: {name}: to=<.*status=sent", 2)
        self.assertIn("dsn=4.2.2", self.line(server, name, "deferred"))
        self.assertIn("dsn=4.3.5", self.line(server, self.send(server, ["r@long.example"]), "deferred"))


if __name__ == "__main__":
    unittest.main()
