#!/usr/bin/env python3
"""Goal: deliveries log in where the table says so, with what the server has and the options allow; a
wrong password defers.
Method: Barid relays to Postfix, whose passwords a real Dovecot checks; scripted sinks for the rest.
"""

import base64
import contextlib
import pathlib
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from barid_harness import Scenario, Sink, SinkSession, free_port, listening, wait_until  # noqa: E402
from postfix_peer import Postfix  # noqa: E402
from tls_support import Authority, TlsSink, TlsSinkSession  # noqa: E402
import sasl_in_test  # noqa: E402


class AuthSession(SinkSession):
    """Takes passwords by PLAIN."""

    def on_auth(self, argument):
        words = argument.split()
        for user, password in (("alice", "pencil"), ("bob", "brush")):
            if words == ["PLAIN", base64.b64encode(f"\0{user}\0{password}".encode()).decode()]:
                self.sink.logins.append(user)
                self.logged_in = [*getattr(self, "logged_in", ()), user]
                self.answer("auth", argument, "235 2.7.0 welcome")
                return
        self.answer("auth", argument, "535 5.7.8 wrong")


class TlsAuthSession(TlsSinkSession, AuthSession):
    pass


class AuthSink(Sink):
    OFFERS = (*Sink.OFFERS, "AUTH PLAIN X-OTHER")

    def __init__(self, mechanisms="PLAIN X-OTHER", session_class=AuthSession):
        self.logins, self.session_class = [], session_class
        super().__init__(offers=(*Sink.OFFERS, "AUTH " + mechanisms))

    def accept(self):
        try:
            while True:
                connection, address = self.listener.accept()
                session = self.session_class(self, connection, address)
                self.sessions.append(session)
                session.start()
        except OSError:
            pass


class GsaslSession(SinkSession):
    """Its passwords are checked by GNU SASL's own server, which asks for 50,000 iterations."""

    def on_auth(self, argument):
        mechanism, _, initial = argument.partition(" ")
        with subprocess.Popen(["gsasl", "--server", "--mechanism", mechanism, "--password", "pencil", "--iteration-count",
                               "50000", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            try:
                for _ in range(2):  # what it calls itself, and what it would say first
                    server.stdout.readline()
                response = initial.encode()
                for _ in range(2):
                    server.stdin.write(response + b"\n")
                    server.stdin.flush()
                    challenge = server.stdout.readline().strip()
                    if not challenge:
                        break
                    self.connection.sendall(b"334 " + challenge + b"\r\n")
                    response = self.input.readline().strip()
                good = base64.b64decode(challenge).startswith(b"v=")  # it shows that only to who knows the password
            finally:
                server.kill()
        if good:
            self.sink.logins.append(mechanism)
        self.answer("auth", argument, "235 2.7.0 welcome" if good else "535 5.7.8 wrong")


class Between:
    """Sits between a client and a server with TLS towards both, and may take words out of what the server offers."""

    def __init__(self, identity, port, take=None):
        self.port, self.take, self.logins = port, take, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        self.outward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.outward.check_hostname, self.outward.verify_mode = False, ssl.CERT_NONE
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.hop = f"[localhost]:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.port), 30) as server:
            ends = [client.makefile("rwb", buffering=0), server.makefile("rwb", buffering=0)]
            while True:
                self.pass_reply(ends[1], ends[0])
                line = ends[0].readline()
                if not line:
                    return
                if line.startswith(b"AUTH "):
                    self.logins.append(line.split()[1].decode())
                ends[1].write(line)
                if line.strip() == b"STARTTLS":
                    self.pass_reply(ends[1], ends[0])
                    client = self.context.wrap_socket(client, server_side=True)
                    server = self.outward.wrap_socket(server)
                    ends = [client.makefile("rwb", buffering=0), server.makefile("rwb", buffering=0)]
                    ends[1].write(ends[0].readline())

    def pass_reply(self, server, client):
        while True:
            line = server.readline()
            if not line:
                raise ConnectionError
            client.write(line.replace(self.take, b"") if self.take else line)
            if line[3:4] != b"-":
                return


def thread_ticks(pid, name):
    """Processor time of a process's threads of that name, in ticks."""
    ticks = 0
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        head, _, rest = stat.read_text().rpartition(")")
        if head.partition("(")[2] == name:
            ticks += sum(map(int, rest.split()[11:13]))
    return ticks


class SaslOut(Scenario):
    def sender(self, sink, value, start=True, **main):
        table = self.directory / "passwords"
        table.write_text(f"{sink.relayhost} {value}\n")
        return self.barid(start=start, **{**dict(relayhost=sink.relayhost, smtp_sasl_auth_enable="yes",
                                    smtp_sasl_password_maps=f"texthash:{table}",
                                    smtp_sasl_security_options="noanonymous"), **main})

    def auth_sink(self):
        sink = AuthSink()
        self.addCleanup(sink.close)
        return sink

    def test_plain(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:pencil")
        self.client(server).submit()
        sink.wait_messages(1)
        self.assertEqual(sink.logins, ["alice"])
        self.assertNotIn("pencil", server.log())

    def test_gnu_sasl_is_the_server(self):
        """SCRAM against another implementation; its iterations cost the offload pool, not the shard."""
        self.need("gsasl", "gsasl")
        sink = AuthSink("SCRAM-SHA-256 PLAIN", GsaslSession)
        self.addCleanup(sink.close)
        server = self.sender(sink, "alice:pencil", shard_count="1", smtp_connection_reuse_count_limit="1",
                             minimal_backoff_time="1h", maximal_backoff_time="1h")
        before = {name: thread_ticks(server.process.pid, name) for name in ("shard-0", "offload")}
        for count in range(1, 11):
            self.client(server).submit()
            sink.wait_messages(count)
        self.assertEqual(sink.logins, ["SCRAM-SHA-256"] * 10)
        spent = {name: thread_ticks(server.process.pid, name) - ticks for name, ticks in before.items()}
        self.assertGreater(spent["offload"], spent["shard-0"], spent)
        (self.directory / "passwords").write_text(f"{sink.relayhost} alice:crayon\n")
        server.reload()
        server.wait_log("reload -- configuration")
        name = self.client(server).submit()
        server.wait_log(rf"{name}: to=.*status=deferred \(SASL authentication failed")
        self.assertEqual(len(sink.messages), 10)

    def test_who_sits_between_gets_no_login(self):
        """TLS that proves nothing, and a man in the middle: SCRAM-SHA-256-PLUS finds him out."""
        authority = Authority(self.directory / "ca")
        identity, sink = authority.issue("localhost"), self.sink()
        secret, line = sasl_in_test.Sasl.new_secret(self, "--smtp", "alice")
        users = self.directory / "users"
        users.write_text(line + "\n")
        relay = self.barid("relay", relayhost=sink.relayhost, mynetworks="127.9.9.9/32", smtpd_sasl_auth_enable="yes",
                           smtpd_sasl_type="passwd", smtpd_sasl_passwd_maps=f"texthash:{users}",
                           smtpd_tls_security_level="may", smtpd_tls_cert_file=identity.certificate,
                           smtpd_tls_key_file=identity.key, smtpd_tls_auth_only="yes")
        quiet, loud = Between(identity, relay.port), Between(identity, relay.port, take=b"SCRAM-SHA-256-PLUS ")
        self.addCleanup(quiet.close)
        self.addCleanup(loud.close)
        direct = f"[localhost]:{relay.port}"
        table = self.directory / "passwords"
        table.write_text("".join(f"{hop} alice:{secret}\n" for hop in (direct, quiet.hop, loud.hop)))
        server = self.barid("sender", relayhost=direct, smtp_sasl_auth_enable="yes", smtp_tls_security_level="encrypt",
                            smtp_sasl_password_maps=f"texthash:{table}", smtp_sasl_security_options="noplaintext",
                            minimal_backoff_time="1h", maximal_backoff_time="1h")
        self.client(server).submit()
        sink.wait_messages(1)
        relay.wait_log("sasl_method=SCRAM-SHA-256-PLUS, sasl_username=alice")
        rows = ((quiet, None, "status=deferred \\(SASL authentication failed; server \\S+ said: 535"),
                # He takes -PLUS out of the offer: who minds that says so.
                (loud, "scram-sha-256-plus", "status=deferred \\(SASL authentication failed; .*: no mechanism available"))
        for count, (between, mechanisms, end) in enumerate(rows, 1):
            server.configure(relayhost=between.hop, smtp_sasl_mechanism_filter=mechanisms)
            server.reload()
            server.wait_log("reload -- configuration", count=count)
            name = self.client(server).submit()
            server.wait_log(rf"{name}: to=<.*{end}")
        self.assertEqual((quiet.logins, loud.logins), (["SCRAM-SHA-256-PLUS"], []))
        self.assertEqual(len(sink.messages), 1)

    def test_wrong_password_defers(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:crayon", minimal_backoff_time="1h", maximal_backoff_time="1h")
        self.client(server).submit()
        server.wait_log(r"dsn=4\.7\.8, status=deferred \(SASL authentication failed; server \S+ said: 535 5\.7\.8 wrong")
        self.assertEqual(sink.messages, [])
        self.assertNotIn("crayon", server.log())

    def test_wrong_password_returns_the_mail_if_so_configured(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:crayon", smtp_sasl_auth_soft_bounce="no", notify_classes="")
        self.client(server).submit()
        server.wait_log(r"dsn=5\.7\.8, status=bounced \(SASL authentication failed; server \S+ said: 535 5\.7\.8 wrong")

    def test_each_sender_has_a_login(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:pencil", smtp_sender_dependent_authentication="yes", shard_count="1")
        (self.directory / "passwords").write_text(
            f"{sink.relayhost} alice:pencil\nb@own.example bob:brush\n@wrong.example bob:comb\n")
        server.reload()
        server.wait_log("reload -- configuration")
        client = self.client(server)
        names = {s: client.submit(sender=s) for s in ("a@own.example", "b@own.example", "a@own.example",
                                                      "c@wrong.example", "")}
        sink.wait_messages(4)
        server.wait_log(rf"{names['c@wrong.example']}: to=.* status=deferred \(SASL authentication failed")
        by_login = {}
        for message in sink.messages:
            self.assertEqual(len(message.session.logged_in), 1)
            by_login.setdefault(message.session.logged_in[0], set()).add(message.sender)
        self.assertEqual(by_login, {"alice": {"a@own.example", ""}, "bob": {"b@own.example"}})

    def test_options_are_those_of_the_connection(self):
        authority = Authority(self.directory / "ca")
        sink = TlsSink(authority.issue("localhost"), offers=(*Sink.OFFERS, "STARTTLS", "AUTH PLAIN"),
                       session_class=TlsAuthSession)
        sink.logins = []
        self.addCleanup(sink.close)
        hop = f"[localhost]:{sink.port}"
        table = self.directory / "passwords"
        table.write_text(f"{hop} alice:pencil\n")
        server = self.barid(relayhost=hop, smtp_sasl_auth_enable="yes", smtp_sasl_password_maps=f"texthash:{table}",
                            smtp_sasl_security_options="noplaintext", smtp_tls_CAfile=authority.certificate,
                            smtp_tls_security_level="encrypt", minimal_backoff_time="1h", maximal_backoff_time="1h")
        rows = (("encrypt", {}, False), ("encrypt", {"smtp_sasl_tls_security_options": "noanonymous"}, True),
                ("encrypt", {"smtp_sasl_tls_security_options": "noplaintext",
                             "smtp_sasl_tls_verified_security_options": "noanonymous"}, False),
                ("secure", {}, True))
        for count, (level, options, sent) in enumerate(rows, 1):
            server.configure(smtp_tls_security_level=level, **options)
            server.reload()
            server.wait_log("reload -- configuration", count=count)
            name = self.client(server).submit()
            line = server.wait_log(rf"{name}: to=<.*")[0]
            self.assertEqual("status=sent" in line, sent, (level, options, line))
        self.assertEqual(sink.logins, ["alice"] * 2)
        self.assertTrue(all(message.secured for message in sink.messages))

    def test_loose_tables(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:pencil", start=False)
        table = self.directory / "passwords"
        table.chmod(0o666)
        status, said = server.refused()
        self.assertEqual(status, 78)
        self.assertIn(f"smtp_sasl_password_maps: {table}: everybody may write to it", said)
        table.chmod(0o644)
        server.start()
        output = (server.directory / "output").read_text()
        self.assertEqual(output.count(f"smtp_sasl_password_maps: {table}: everybody may read it"), 1, output)
        server.stop()
        table.chmod(0o600)
        (server.directory / "output").write_text("")
        server.start()
        self.assertNotIn("everybody", (server.directory / "output").read_text())

    def test_options_forbid_plaintext(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:pencil", smtp_sasl_security_options="noplaintext, noanonymous",
                             minimal_backoff_time="1h", maximal_backoff_time="1h")
        self.client(server).submit()
        server.wait_log(r"status=deferred \(SASL authentication failed; cannot authenticate to server \S+: "
                        r"no mechanism available\)")
        self.assertEqual(sink.logins, [])

    def test_servers_without_auth_and_without_password(self):
        plain, secret = self.sink(), self.auth_sink()
        server = self.sender(plain, "alice:pencil")
        self.client(server).submit()
        plain.wait_messages(1)
        server.stop()
        server.configure(relayhost=secret.relayhost, smtp_sasl_password_maps="inline:{other=a:b}")
        server.start()
        self.client(server).submit()
        secret.wait_messages(1)
        self.assertEqual(secret.logins, [])

    def test_bad_configuration_is_named(self):
        server = self.barid(start=False, smtp_sasl_auth_enable="yes")
        status, said = server.refused()
        self.assertEqual(status, 78)
        self.assertIn("smtp_sasl_auth_enable = yes needs smtp_sasl_password_maps", said)


class BehindDovecot(sasl_in_test.Dovecot):
    """The relay is a Barid whose passwords Dovecot checks: SCRAM against another implementation."""

    def test_dovecot_checks_passwords(self):
        self.dovecot()
        sink = self.sink()
        relay = self.barid("relay", relayhost=sink.relayhost, mynetworks="127.9.9.9/32",
                           smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot",
                           smtpd_sasl_path=str(self.socket))
        hop = f"[127.0.0.1]:{relay.port}"
        table = self.directory / "passwords"
        table.write_text(f"{hop} alice:pencil\n")
        server = self.barid("sender", relayhost=hop, smtp_sasl_auth_enable="yes",
                            smtp_sasl_password_maps=f"texthash:{table}")
        for mechanism in ("scram-sha-256", "cram-md5", "plain", "login"):
            with self.subTest(mechanism):
                server.stop()
                server.configure(smtp_sasl_mechanism_filter=mechanism, smtp_sasl_security_options="noanonymous")
                server.start()
                self.client(server).submit()
                relay.wait_log(rf"sasl_method={mechanism.upper()}, sasl_username=alice")
        sink.wait_messages(4)

    def test_postfix_is_the_relay_and_the_client(self):
        """Both ways: STARTTLS with a certificate that is checked, and a login that Dovecot checks."""
        self.need("postfix", "postfix")
        self.dovecot()
        authority = Authority(self.directory / "ca")
        identity = authority.issue("localhost")
        sink = self.sink()
        relay = Postfix(self.directory / "postfix", relayhost=sink.relayhost, mynetworks="127.9.9.9/32",
                        smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path=self.socket,
                        smtpd_tls_security_level="encrypt", smtpd_tls_auth_only="yes", smtpd_tls_loglevel="1",
                        smtpd_tls_cert_file=identity.certificate, smtpd_tls_key_file=identity.key)
        self.addCleanup(relay.stop)
        relay.start()
        hop = f"[localhost]:{relay.port}"
        table = self.directory / "passwords"
        table.write_text(f"{hop} alice:pencil\n")
        server = self.barid("sender", relayhost=hop, smtp_sasl_auth_enable="yes", smtp_tls_security_level="secure",
                            smtp_tls_CAfile=authority.certificate, smtp_tls_loglevel="1",
                            smtp_sasl_password_maps=f"texthash:{table}", smtp_sasl_security_options="noanonymous")
        name = self.client(server).submit()
        self.assertIn("status=sent", server.wait_log(rf"{name}: to=<.*")[0], relay.log())
        server.wait_log("Verified TLS connection established to localhost")
        sink.wait_messages(1)
        self.assertRegex(relay.log(), r"sasl_method=SCRAM-SHA-256, sasl_username=alice")

    def test_postfix_is_the_client(self):
        self.need("postfix", "postfix")
        authority = Authority(self.directory / "ca")
        identity = authority.issue("localhost")
        sink = self.sink()
        secret, line = sasl_in_test.Sasl.new_secret(self, "--smtp", "alice")
        users = self.directory / "users"
        users.write_text(line + "\n")
        self.directory.chmod(0o755)
        server = self.barid("receiver", relayhost=sink.relayhost, mynetworks="127.9.9.9/32",
                            smtpd_sasl_auth_enable="yes", smtpd_sasl_type="passwd",
                            smtpd_sasl_passwd_maps=f"texthash:{users}", smtpd_tls_security_level="encrypt",
                            smtpd_tls_loglevel="1", smtpd_tls_cert_file=identity.certificate,
                            smtpd_tls_key_file=identity.key)
        hop = f"[localhost]:{server.port}"
        table = self.directory / "theirs"
        table.write_text(f"{hop} alice:{secret}\n")
        client = Postfix(self.directory / "postfix", relayhost=hop, smtp_sasl_auth_enable="yes",
                         smtp_sasl_password_maps=f"texthash:{table}", smtp_sasl_security_options="noanonymous",
                         smtp_tls_security_level="secure", smtp_tls_CAfile=authority.certificate,
                         smtp_tls_loglevel="1")
        self.addCleanup(client.stop)
        client.start()
        with smtplib.SMTP("127.0.0.1", client.port, timeout=30) as python:
            python.sendmail("a@own.example", ["x@sink.example"], b"Subject: x\r\n\r\nx\r\n")
        wait_until(lambda: "status=" in client.log(), "Postfix tries")
        self.assertIn("status=sent", client.log())
        sink.wait_messages(1)
        self.assertIn("Verified TLS connection established to localhost", client.log())
        server.wait_log(r"sasl_username=alice")
        self.assertNotIn(secret, server.log())

    def test_dovecot_submission_is_the_relay(self):
        authority = Authority(self.directory / "ca")
        identity = authority.issue("localhost")
        sink, port = self.sink(), free_port()
        home = self.directory / "mail"
        home.mkdir(mode=0o777)
        home.chmod(0o777)
        self.dovecot(protocols="submission", login_user="dovenull", more=f"""
ssl = required
ssl_cert = <{identity.certificate}
ssl_key = <{identity.key}
mail_location = maildir:{home}
submission_relay_host = 127.0.0.1
submission_relay_port = {sink.port}
service submission-login {{
  chroot =
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
}}
""")
        wait_until(lambda: listening(port), "Dovecot's submission listens")
        hop = f"[localhost]:{port}"
        table = self.directory / "passwords"
        table.write_text(f"{hop} alice:pencil\n")
        server = self.barid("sender", relayhost=hop, smtp_sasl_auth_enable="yes", smtp_tls_security_level="secure",
                            smtp_tls_CAfile=authority.certificate, smtp_tls_loglevel="1",
                            smtp_sasl_password_maps=f"texthash:{table}", smtp_sasl_security_options="noanonymous")
        name = self.client(server).submit(sender="a@own.example")
        self.assertIn("status=sent", server.wait_log(rf"{name}: to=<.*")[0],
                      (self.directory / "dovecot" / "log").read_text())
        server.wait_log("Verified TLS connection established to localhost")
        self.assertEqual(sink.wait_messages(1)[0].sender, "a@own.example")


if __name__ == "__main__":
    unittest.main()
