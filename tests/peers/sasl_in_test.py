#!/usr/bin/env python3
"""Goal: who has the right password may submit, by every mechanism, and nobody else; logins are
logged without their secrets.
Method: the real program with its own users and API keys, and with a real Dovecot behind it; GNU SASL's
gsasl, swaks and Python's smtplib as clients.
"""

import base64
import os
import pathlib
import pwd
import re
import smtplib
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, RawClient, Scenario, find_program, free_port, wait_until  # noqa: E402
from tls_support import Authority  # noqa: E402


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def plain(user, password, acts_as=""):
    return b64(f"{acts_as}\0{user}\0{password}")


class Sasl(Scenario):
    def new_secret(self, *arguments):
        done = subprocess.run([BARID, "key", "new", *arguments], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        secret, line = done.stdout.splitlines()
        self.assertNotIn(secret, line)
        return secret, line

    def table(self, name, *lines):
        path = self.directory / name
        path.write_text("".join(line + "\n" for line in lines))
        return f"texthash:{path}"

    def server(self, **main):
        """A server whose clients must log in; the user alice, the API key of acme."""
        self.password, line = self.new_secret("--smtp", "alice")
        self.key, key_line = self.new_secret("--tenant", "acme", "--from", "acme.example")
        self.sink_of = self.sink()
        settings = dict(
            relayhost=self.sink_of.relayhost, mynetworks="127.9.9.9/32",
            smtpd_sasl_auth_enable="yes", smtpd_sasl_type="passwd",
            smtpd_sasl_passwd_maps=self.table("users", line),
            http_api_key_maps=self.table("keys", key_line))
        return self.barid(**{**settings, **main})

    def test_mechanisms_of_other_programs(self):
        server = self.server()
        client = self.client(server)
        self.assertIn("AUTH SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER", client.ehlo.split("\n"))
        self.assertEqual(client.command("MAIL FROM:<a@own.example>")[0], 250)
        code, text = client.command("RCPT TO:<x@sink.example>")
        self.assertEqual(code, 454)
        for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
            with self.subTest(mechanism):
                self.assertEqual(self.gsasl(server, mechanism, self.password), 0)
                self.assertNotEqual(self.gsasl(server, mechanism, "wrong"), 0)
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{server.port}", "--from", "a@own.example", "--to", "x@sink.example",
             "--auth", "PLAIN", "--auth-user", "alice", "--auth-password", self.password],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout)
        server.wait_log(r"client=\S+\[127\.0\.0\.1\], sasl_method=PLAIN, sasl_username=alice")
        message = self.sink_of.wait_messages(1)[0]
        self.assertIn(b"with ESMTPA id", message.content)
        self.assertNotIn(b"alice", message.content)
        server.wait_log(r"warning: \S+\[127\.0\.0\.1\]: SASL PLAIN authentication failed: .*, sasl_username=alice")
        self.assertNotIn(self.password, server.log())

    def gsasl(self, server, mechanism, password, *options):
        """GNU SASL's own client; its exit status."""
        return subprocess.run(
            ["gsasl", "--client", "--smtp", "--connect", f"localhost:{server.port}", *(options or ["--no-starttls"]),
             "--mechanism", mechanism, "--authentication-id", "alice", "--password", password, "--quiet",
             *(["--authorization-id", ""] if mechanism == "PLAIN" else [])],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode

    def test_scram_is_bound_to_the_tls_connection(self):
        authority = Authority(self.directory / "ca")
        identity = authority.issue("localhost")
        options = ["--starttls", "--x509-ca-file", str(authority.certificate)]
        server = self.server(smtpd_tls_security_level="may", smtpd_tls_cert_file=identity.certificate,
                             smtpd_tls_key_file=identity.key)
        self.assertNotIn("PLUS", self.client(server).ehlo)
        self.assertEqual(self.gsasl(server, "SCRAM-SHA-256-PLUS", self.password, *options), 0)
        self.assertNotEqual(self.gsasl(server, "SCRAM-SHA-256-PLUS", "wrong", *options), 0)
        self.assertNotEqual(self.gsasl(server, "SCRAM-SHA-256-PLUS", self.password, *options, "--no-cb"), 0)
        # Without an exporter there is nothing to bind to.
        server.configure(smtpd_tls_protocols="TLSv1.2")
        self.assertEqual(self.gsasl(server, "SCRAM-SHA-256", self.password, *options, "--no-cb"), 0)

    def test_api_key_submits_for_its_tenant(self):
        server = self.server(smtpd_sasl_authenticated_header="yes")
        client = self.client(server)
        client.command(f"AUTH PLAIN {plain('apikey', self.key)}", 235)
        client.submit(b"From: a@acme.example\r\nSubject: own\r\n\r\nx\r\n", sender="a@acme.example")
        self.assertIn(b"(Authenticated sender: apikey)", self.sink_of.wait_messages(1)[0].content)
        client.envelope(sender="a@acme.example")
        client.command("DATA", 354)
        client.send(b"From: boss@other.example\r\n\r\nx\r\n.\r\n")
        self.assertEqual(client.reply()[0], 550)
        bearer = b64(f"n,,\x01auth=Bearer {self.key}\x01\x01")
        client = self.client(server)
        client.command(f"AUTH OAUTHBEARER {bearer}", 235)
        client = self.client(server)
        wrong = b64("n,,\x01auth=Bearer no_such_key\x01\x01")
        self.assertEqual(client.command(f"AUTH OAUTHBEARER {wrong}"), (334, b64('{"status":"invalid_token"}')))
        client.command("AQ==", 535)
        self.assertNotIn(self.key, server.log())

    def test_replies(self):
        server = self.server(smtpd_client_auth_rate_limit="5")
        client = self.client(server)
        for line, reply in (
                ("AUTH", "501 5.5.4 Syntax: AUTH mechanism"),
                ("AUTH NTLM", "535 5.7.8 Error: authentication failed: Invalid authentication mechanism"),
                ("AUTH PLAIN !", "535 5.7.8 Error: authentication failed: Invalid base64 data in response"),
                (f"AUTH PLAIN {plain('alice', 'x')}",
                 "535 5.7.8 Error: authentication failed: user or password is not right"),
                (f"AUTH PLAIN {plain('nobody', 'x')}",
                 "535 5.7.8 Error: authentication failed: user or password is not right")):
            code, text = client.command(line)
            self.assertEqual(f"{code} {text}", reply, line)
        self.assertEqual(client.command("AUTH PLAIN")[0], 334)
        self.assertEqual(client.command("*"), (501, "5.7.0 Authentication aborted"))
        code, text = client.command(f"AUTH PLAIN {plain('alice', self.password)}")
        self.assertEqual(code, 450, text)
        self.assertIn("too many AUTH commands", text)
        server.wait_log(r"warning: AUTH command rate limit exceeded: 6 from")

    def test_wrong_passwords_at_rate(self):
        """Many clients guess at once: each gets its answer, and who knows the password still gets in."""
        server = self.server()
        answers, stop = [], threading.Event()

        def guess():
            while not stop.is_set():
                with RawClient(server.port) as client:
                    for _ in range(5):
                        answers.append(client.command(f"AUTH PLAIN {plain('alice', 'guess')}")[0])

        guessers = [threading.Thread(target=guess) for _ in range(12)]
        for one in guessers:
            one.start()
        try:
            for _ in range(10):
                with RawClient(server.port) as client:
                    client.command(f"AUTH PLAIN {plain('alice', self.password)}", 235)
            wait_until(lambda: len(answers) >= 300, "300 guesses are answered")
        finally:
            stop.set()
            for one in guessers:
                one.join()
        self.assertEqual(set(answers), {535})

    def test_a_guess_costs_time_and_an_address_has_few(self):
        server = self.server(smtpd_error_sleep_time="1s", smtpd_client_auth_rate_limit="3")
        right = f"AUTH PLAIN {plain('alice', self.password)}"
        client = self.client(server)
        for user in ("alice", "nobody"):  # who exists is not told by the time either
            started = time.monotonic()
            client.command(f"AUTH PLAIN {plain(user, 'guess')}", 535)
            self.assertGreaterEqual(time.monotonic() - started, 1.0)
        client.command(right, 235)
        # The limit is the address's, not the connection's, and nobody else's.
        self.assertEqual(self.client(server).command(right)[0], 450)
        self.client(server, source="127.0.0.2").command(right, 235)
        server.wait_log(r"warning: AUTH command rate limit exceeded: 4 from \S+\[127\.0\.0\.1\]")

    def test_senders_belong_to_their_logins(self):
        server = self.server(smtpd_sender_login_maps=self.table("owners", "a@own.example alice", "b@own.example bob"),
                             smtpd_sender_restrictions="reject_sender_login_mismatch")
        client = self.client(server)
        client.command(f"AUTH PLAIN {plain('alice', self.password)}", 235)
        client.submit(sender="a@own.example")
        client.command("MAIL FROM:<b@own.example>", 250)
        self.assertEqual(client.command("RCPT TO:<x@sink.example>"),
                         (553, "5.7.1 <b@own.example>: Sender address rejected: not owned by user alice"))
        server.wait_log(r"reject: RCPT from .* sasl_username=<alice>")

    def test_each_rule_about_senders_and_logins(self):
        """Whoever owns no sender, is not logged in, or sends as nobody's address: a row a case, a rule a column."""
        right, other = self.new_secret("--smtp", "alice"), self.new_secret("--smtp", "bob")
        server = self.server(
            smtpd_sasl_passwd_maps=self.table("both", right[1], other[1]), mynetworks="127.0.0.0/8",
            smtpd_sender_login_maps=self.table("owners", "a@own.example alice, carol", "@all.example bob"))
        owned = "5.7.1 <{}>: Sender address rejected: not owned by user {}"
        absent = "5.7.1 <{}>: Sender address rejected: not logged in"
        rules = ("reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
                 "reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch")
        rows = (  # login, sender, the answer of each rule (none: accepted)
            ("alice", "a@own.example", (None, None, None, None)),
            ("alice", "A@Own.Example", (None, None, None, None)),
            ("bob", "any@all.example", (None, None, None, None)),
            ("bob", "a@own.example", (owned, owned, None, owned)),
            ("alice", "nobody@free.example", (owned, owned, None, None)),
            ("alice", "", (None, None, None, None)),
            (None, "a@own.example", (absent, None, absent, absent)),
            (None, "nobody@free.example", (None, None, None, None)),
            (None, "", (None, None, None, None)))
        passwords = {"alice": right[0], "bob": other[0]}
        for count, rule in enumerate(rules, 1):
            server.configure(smtpd_sender_restrictions=rule)
            server.reload()
            server.wait_log("reload -- configuration", count=count)
            for login, sender, answers in rows:
                with self.subTest(rule=rule, login=login, sender=sender):
                    client = self.client(server)
                    if login:
                        client.command(f"AUTH PLAIN {plain(login, passwords[login])}", 235)
                    client.command(f"MAIL FROM:<{sender}>", 250)
                    code, text = client.command("RCPT TO:<x@sink.example>")
                    wanted = answers[count - 1]
                    if wanted is None:
                        self.assertEqual(code, 250, text)
                    else:
                        self.assertEqual((code, text), (553, wanted.format(sender, login)))

    def test_secrets_stay_secret(self):
        """Neither log, configuration listing, metrics, nor /proc/PID/cmdline has a password that went in or out."""
        relay = self.sink()
        table = self.directory / "passwords"
        table.write_text(f"{relay.relayhost} carol:outgoing-secret\n")
        port = free_port()
        server = self.server(smtpd_tls_loglevel="4", smtp_tls_loglevel="4",
                             smtp_sasl_auth_enable="yes", smtp_sasl_password_maps=f"texthash:{table}")
        server.services.append(f"127.0.0.1:{port} inet n - n - - httpd")
        server.stop()
        server.start()
        secrets = [self.password, self.key, "outgoing-secret", "guessed-secret"]
        client = self.client(server)
        client.command(f"AUTH PLAIN {plain('alice', 'guessed-secret')}", 535)
        client.command(f"AUTH LOGIN {b64('alice')}", 334)
        client.command(b64("guessed-secret"), 535)
        client.command(f"AUTH PLAIN {plain('alice', self.password)}", 235)
        client.submit(sender="a@own.example")
        client = self.client(server)
        client.command(f"AUTH PLAIN {plain('apikey', self.key)}", 235)
        # Sent where a command belongs; what begins with no letter would end the session.
        client.command(f"X{self.password}")
        client.command("QUIT", 221)
        self.sink_of.wait_messages(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            metrics = answer.read().decode()
        listing = subprocess.run([BARID, "config", "-c", server.directory], capture_output=True, text=True, timeout=30)
        self.assertIn("smtp_sasl_password_maps", listing.stdout)
        limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        command = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_text()
        log = server.log()
        self.assertIn("SASL LOGIN authentication failed", log)
        for name, text in (("log", log), ("metrics", metrics), ("listing", listing.stdout), ("command", command)):
            for secret in secrets:
                for form in (secret, b64(secret), plain("alice", secret), plain("apikey", secret)):
                    self.assertNotIn(form, text, name)

    def test_passwords_in_the_configuration_itself_are_not_shown(self):
        server = self.barid(start=False, smtp_sasl_auth_enable="yes", smtp_sasl_password_maps="static:carol:outgoing-secret",
                            lmtp_sasl_password_maps="inline:{ { a = carol:outgoing-secret } }", services=[
                                "special unix - - n - - smtp -o smtp_sasl_password_maps=static:carol:outgoing-secret"])
        server.configure()
        for options in ((), ("-n",), ("-x",), ("-M",), ("-Mf",), ("-P",), ("-F",), ("-n", "--json"), ("check",),
                        ("smtp_sasl_password_maps",), ("-x", "proxy_read_maps")):
            done = subprocess.run([BARID, "config", "-c", server.directory, *options], capture_output=True, text=True, timeout=30)
            self.assertNotIn("outgoing-secret", done.stdout + done.stderr, options)
            if options != ("check",):
                self.assertIn("(hidden)", done.stdout, options)

    def test_what_is_not_offered(self):
        server = self.server(smtpd_tls_auth_only="yes")
        client = self.client(server)
        self.assertNotIn("AUTH", client.ehlo)
        self.assertEqual(client.command(f"AUTH PLAIN {plain('alice', self.password)}")[0], 504)
        server.configure(smtpd_tls_auth_only="no", smtpd_sasl_exceptions_networks="127.0.0.0/8")
        server.reload()
        wait_until(lambda: self.client(server).command("AUTH PLAIN")[0] == 503, "the exception")
        server.configure(smtpd_sasl_exceptions_networks=None, smtpd_sasl_security_options="noplaintext")
        server.reload()
        wait_until(lambda: "AUTH SCRAM-SHA-256" in self.client(server).ehlo.split("\n"), "noplaintext")

    def test_bad_configuration_is_named(self):
        server = self.barid(start=False, smtpd_sasl_auth_enable="yes")
        for settings, complaint in (
                ({"smtpd_sasl_type": "cyrus"}, 'smtpd_sasl_type: "cyrus" is not served'),
                ({"smtpd_sasl_type": "passwd", "smtpd_sasl_passwd_maps": self.table("bad", "user secret")},
                 "user: neither a SCRAM-SHA-256 nor a crypt(3) hash"),
                ({"smtpd_sasl_type": "passwd", "smtpd_sasl_passwd_maps": None,
                  "smtpd_sasl_security_options": "nonsense"}, 'unknown option "nonsense"'),
                ({"smtpd_sasl_type": "dovecot", "smtpd_sasl_security_options": None,
                  "smtpd_sasl_path": "inet:x:y"}, 'smtpd_sasl_path: "inet:x:y" is neither')):
            server.main.update(settings)
            status, said = server.refused()
            self.assertEqual(status, 78, said)
            self.assertIn(complaint, said)
            self.assertNotIn("secret", said.replace("SCRAM", ""))


class Dovecot(Scenario):
    """Dovecot -F with one user, below the test's directory."""

    def dovecot(self, protocols="", more="ssl = no", login_user=None):
        base = self.directory / "dovecot"
        base.mkdir()
        os.chmod(self.directory, 0o755)
        user = pwd.getpwuid(os.getuid()).pw_name
        (base / "users").write_text("alice:{PLAIN}pencil::::::\n")
        self.socket = base / "auth-client"
        (base / "dovecot.conf").write_text(f"""
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = {protocols}
{more}
default_internal_user = {user}
default_internal_group = {user}
default_login_user = {login_user or user}
auth_mechanisms = plain login scram-sha-256 cram-md5
passdb {{
  driver = passwd-file
  args = scheme=plain {base}/users
}}
userdb {{
  driver = static
  args = uid=1000 gid=1000 home={base}
}}
service auth {{
  chroot =
  unix_listener {self.socket} {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
  # Its penalty makes right passwords wait for up to 15 s after wrong ones, and a login may take 10.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
""")
        self.process = self.spawn([find_program("dovecot"), "-F", "-c", base / "dovecot.conf"], "dovecot")
        wait_until(self.socket.exists, f"Dovecot's socket {base}: "
                   f"{(self.directory / 'dovecot.out').read_text()}")

    def test_dovecot_checks_passwords(self):
        self.dovecot()
        sink = self.sink()
        server = self.barid(relayhost=sink.relayhost, mynetworks="127.9.9.9/32", smtpd_sasl_auth_enable="yes",
                            smtpd_sasl_type="dovecot", smtpd_sasl_path=str(self.socket))
        offered = next(line for line in self.client(server).ehlo.split("\n") if line.startswith("AUTH"))
        self.assertEqual(set(offered.split()[1:]), {"PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"})
        for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"):
            with self.subTest(mechanism):
                self.assertEqual(Sasl.gsasl(self, server, mechanism, "pencil"), 0)
                self.assertNotEqual(Sasl.gsasl(self, server, mechanism, "wrong"), 0)
        client = self.client(server)
        client.command(f"AUTH PLAIN {plain('alice', 'pencil')}", 235)
        client.submit(sender="a@own.example")
        sink.wait_messages(1)
        server.wait_log(r"sasl_method=PLAIN, sasl_username=alice")
        with smtplib.SMTP("127.0.0.1", server.port, timeout=20) as python:
            python.login("alice", "pencil")
        # It goes away: a temporary failure, not a wrong password.
        self.process.terminate()
        self.process.wait(15)
        client = self.client(server)
        code, text = client.command(f"AUTH PLAIN {plain('alice', 'pencil')}")
        self.assertEqual(code, 454, text)
        self.assertNotIn(plain("alice", "pencil"), server.log())


if __name__ == "__main__":
    unittest.main()
