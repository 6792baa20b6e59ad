#!/usr/bin/env python3
"""Goal: deliveries log in where the table says so, with what the server has and the options allow; a
wrong password defers.
Method: Barid relays to Postfix, whose passwords a real Dovecot checks; scripted sinks for the rest.
"""

import base64
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from barid_harness import Scenario, Sink, SinkSession  # noqa: E402
import sasl_in_test  # noqa: E402


class AuthSession(SinkSession):
    """Takes alice's password by PLAIN, refuses mail without."""

    def on_auth(self, argument):
        words = argument.split()
        good = base64.b64encode(b"\0alice\0pencil").decode()
        if words == ["PLAIN", good]:
            self.sink.logins.append("alice")
            self.answer("auth", argument, "235 2.7.0 welcome")
        else:
            self.answer("auth", argument, "535 5.7.8 wrong")


class AuthSink(Sink):
    OFFERS = (*Sink.OFFERS, "AUTH PLAIN X-OTHER")

    def __init__(self):
        self.logins = []
        super().__init__(offers=self.OFFERS)

    def accept(self):
        try:
            while True:
                connection, address = self.listener.accept()
                session = AuthSession(self, connection, address)
                self.sessions.append(session)
                session.start()
        except OSError:
            pass


class SaslOut(Scenario):
    def sender(self, sink, value, **main):
        table = self.directory / "passwords"
        table.write_text(f"{sink.relayhost} {value}\n")
        return self.barid(**{**dict(relayhost=sink.relayhost, smtp_sasl_auth_enable="yes",
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

    def test_wrong_password_defers(self):
        sink = self.auth_sink()
        server = self.sender(sink, "alice:crayon", minimal_backoff_time="1h", maximal_backoff_time="1h")
        self.client(server).submit()
        server.wait_log(r"dsn=4\.7\.8, status=deferred \(SASL authentication failed; server \S+ said: 535 5\.7\.8 wrong")
        self.assertEqual(sink.messages, [])
        self.assertNotIn("crayon", server.log())

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


if __name__ == "__main__":
    unittest.main()
