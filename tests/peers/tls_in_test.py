#!/usr/bin/env python3
"""Goal: TLS towards clients works with the clients of others and is refused where it must be.
Method: the real program; Python's ssl, openssl s_client, swaks and sslscan as clients."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BENCH, PATIENCE, RawClient, Scenario, free_port, listening, wait_until  # noqa: E402
from tls_support import Authority  # noqa: E402

ESTABLISHED = r"TLS connection established from localhost\[127\.0\.0\.1\] to mx\.barid\.example: (TLSv1\.\d) with cipher (\S+)"


class TlsClient(RawClient):
    """A RawClient that can start TLS."""

    def wrap(self, context, name="mx.barid.example", session=None):
        self.input.close()
        self.connection = context.wrap_socket(self.connection, server_hostname=name, session=session)
        self.input = self.connection.makefile("rb")
        return self

    def starttls(self, context, **options):
        self.command("STARTTLS", 220)
        self.wrap(context, **options)
        self.ehlo = self.command("EHLO client.example", 250)[1]
        return self


class TlsIn(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory / "ca")
        self.identity = self.authority.issue("mx.barid.example")
        self.context = ssl.create_default_context(cafile=self.authority.certificate)

    def server(self, **main):
        settings = {"smtpd_tls_security_level": "may", "smtpd_tls_loglevel": "1",
                    "smtpd_tls_cert_file": self.identity.certificate,
                    "smtpd_tls_key_file": self.identity.key, **main}
        return self.barid(**settings)

    def tls_client(self, server, **options):
        client = TlsClient(server.port, **options)
        self.addCleanup(client.close)
        return client

    def test_starttls_carries_mail(self):
        sink = self.sink()
        server = self.server(relayhost=sink.relayhost, smtpd_tls_received_header="yes")
        client = self.tls_client(server)
        self.assertIn("STARTTLS", client.ehlo.split("\n"))
        client.starttls(self.context)
        self.assertNotIn("STARTTLS", client.ehlo.split("\n"))
        self.assertIn("PIPELINING", client.ehlo.split("\n"))
        body = b"Subject: secret\r\n\r\n" + b"line\r\n" * 50_000
        client.submit(body)
        self.assertEqual(client.command("STARTTLS")[0], 554)
        client.command("QUIT", 221)
        message = sink.wait_messages(1)[0]
        self.assertEqual(message.body, body)
        header = message.content.split(b"\r\nSubject:")[0].decode()
        self.assertRegex(header, r"\(using TLSv1\.3 with cipher TLS_\S+ \(256/256 bits\)\r\n"
                                 r"\t key-exchange \S+.* server-signature ECDSA \(P-256\) server-digest SHA256\)\r\n"
                                 r"\t\(No client certificate requested\)\r\n\tby mx\.barid\.example \(\S+\) with ESMTPS id")
        server.wait_log("Anonymous " + ESTABLISHED)
        server.wait_log(r"disconnect from localhost\[127\.0\.0\.1\] ehlo=2 starttls=1/2 mail=1")

    def test_what_came_in_clear_is_thrown_away(self):
        server = self.server()
        client = self.tls_client(server)
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<victim@client.example>\r\n")
        client.expect(220)
        client.wrap(self.context)
        # Nothing answers the injected commands, and EHLO is wanted again.
        self.assertEqual(client.command("RCPT TO:<a@b.example>"), (503, "5.5.1 Error: need MAIL command"))

    def test_mandatory_tls(self):
        server = self.server(smtpd_tls_security_level="encrypt")
        client = self.tls_client(server)
        self.assertEqual(client.command("MAIL FROM:<a@b.example>"),
                         (530, "5.7.0 Must issue a STARTTLS command first"))
        client.starttls(self.context)
        client.submit()

    def test_tls_before_the_banner(self):
        port = free_port()
        server = self.server(smtpd_tls_security_level="none")
        server.stop()
        server.services.append(f"127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes")
        server.start()
        plain = self.client(server)
        self.assertNotIn("STARTTLS", plain.ehlo)
        client = TlsClient(port, greet=False)
        self.addCleanup(client.close)
        client.wrap(self.context)
        client.expect(220)
        self.assertNotIn("STARTTLS", client.command("EHLO c.example", 250)[1])
        client.submit()
        clear = RawClient(port, greet=False)
        self.addCleanup(clear.close)
        clear.send(b"EHLO client.example\r\n")
        with self.assertRaises((AssertionError, OSError, ValueError)):  # an alert, a reset, or nothing
            clear.expect(220)
        server.wait_log(r"SSL_accept error from localhost\[127\.0\.0\.1\]")

    def test_sessions_are_resumed_on_every_shard(self):
        server = self.server(shard_count="4")
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # Python shows the session at once
        session, resumed = None, 0
        for _ in range(12):
            client = self.tls_client(server)
            client.starttls(context, session=session)
            resumed += client.connection.session_reused
            session = client.connection.session
            client.command("QUIT", 221)
        self.assertEqual(resumed, 11)

    def test_sessions_end_with_the_authorities_that_judged_them(self):
        """What a client proved under one smtpd_tls_CAfile says nothing under another."""
        mine = self.authority.issue("client.example", client=True)
        server = self.server(smtpd_tls_ask_ccert="yes", smtpd_tls_CAfile=self.authority.certificate)
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(mine.certificate, mine.key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # Python shows the session at once

        def resumes(session):
            client = self.tls_client(server).starttls(context, session=session)
            reused, self.session = client.connection.session_reused, client.connection.session
            client.command("QUIT", 221)
            return reused

        self.assertFalse(resumes(None))
        verified = self.session
        self.assertTrue(resumes(verified))
        server.wait_log("Verified TLS connection established from localhost", count=2)
        self.assertEqual(server.log_matches("Untrusted TLS connection"), [])
        other = Authority(self.directory / "other-ca", "Other")
        server.configure(smtpd_tls_CAfile=other.certificate)
        server.reload()
        server.wait_log("reload -- configuration")
        wait_until(lambda: not resumes(verified), "the session of the old authorities is refused")
        server.wait_log("Untrusted TLS connection established from localhost")

    def test_the_load_generator(self):
        server = self.server(relayhost=self.sink().relayhost, shard_count="1", smtpd_client_connection_count_limit="0")
        for options, resumed in ((["--tls-fresh"], 0), ([], None)):
            done = subprocess.run(
                [BENCH, "source", f"127.0.0.1:{server.port}", "--tls", "starttls", "--messages", "60", "--sessions", "3",
                 "--messages-per-session", "5", "--recipient", "r@sink.example", "--json", *options],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual(report["accepted"], 60)
            self.assertGreaterEqual(report["tls_sessions"], 12)
            if resumed is None:
                self.assertGreater(report["tls_resumed"], 0)
            else:
                self.assertEqual(report["tls_resumed"], resumed)

    def test_swaks(self):
        swaks = self.need("swaks", "swaks")
        sink = self.sink()
        server = self.server(relayhost=sink.relayhost)
        done = subprocess.run([swaks, "--server", f"127.0.0.1:{server.port}", "--tls", "--tls-verify",
                               "--tls-ca-path", str(self.authority.certificate), "--from", "a@client.example",
                               "--to", "b@sink.example"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        sink.wait_messages(1)

    def test_rsa_and_ecdsa_together(self):
        rsa = self.authority.issue("mx.barid.example", kind="rsa")
        server = self.server(smtpd_tls_cert_file=rsa.certificate, smtpd_tls_key_file=rsa.key,
                             smtpd_tls_eccert_file=self.identity.certificate,
                             smtpd_tls_eckey_file=self.identity.key)
        for ciphers, expected in (("ECDHE-RSA-AES128-GCM-SHA256", rsa),
                                  ("ECDHE-ECDSA-AES128-GCM-SHA256", self.identity)):
            context = ssl.create_default_context(cafile=self.authority.certificate)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            client = self.tls_client(server).starttls(context)
            shown = ssl.DER_cert_to_PEM_cert(client.connection.getpeercert(binary_form=True))
            self.assertIn(shown.strip(), expected.certificate.read_text())

    def test_server_names(self):
        other = self.authority.issue("other.example")
        table = self.directory / "sni"
        table.write_text(f"other.example {other.chain_file}\n.sub.example {other.chain_file}\n")
        server = self.server(tls_server_sni_maps=f"texthash:{table}",
                             smtpd_tls_cert_file=None, smtpd_tls_key_file=None,
                             smtpd_tls_chain_files=self.identity.chain_file)
        context = ssl.create_default_context(cafile=self.authority.certificate)
        self.tls_client(server).starttls(context, name="mx.barid.example")
        self.tls_client(server).starttls(context, name="other.example")
        context.check_hostname = False
        client = self.tls_client(server).starttls(context, name="a.sub.example")
        self.assertEqual(client.connection.getpeercert()["subject"], ((("commonName", "other.example"),),))

    def test_client_certificates(self):
        mine = self.authority.issue("client.example", client=True)
        stranger = Authority(self.directory / "other-ca", "Other").issue("stranger.example", client=True)
        prints = self.directory / "clients"
        prints.write_text(f"{stranger.fingerprint()} stranger\n")
        server = self.server(
            smtpd_tls_ask_ccert="yes", smtpd_tls_CAfile=self.authority.certificate, mynetworks="192.0.2.0/24",
            smtpd_tls_fingerprint_digest="sha256", relay_clientcerts=f"texthash:{prints}", smtpd_tls_received_header="yes",
            smtpd_relay_restrictions="permit_tls_clientcerts, reject_unauth_destination")

        def relay_code(identity):
            context = ssl.create_default_context(cafile=self.authority.certificate)
            if identity:
                context.load_cert_chain(identity.certificate, identity.key)
            client = self.tls_client(server).starttls(context)
            client.command("MAIL FROM:<a@client.example>", 250)
            return client.command("RCPT TO:<b@far.example>")[0]

        self.assertEqual(relay_code(None), 554)
        self.assertEqual(relay_code(mine), 554)  # trusted, but not on the list
        self.assertEqual(relay_code(stranger), 250)  # not trusted, but known by its fingerprint
        server.wait_log("Verified TLS connection established from localhost")
        server.wait_log("Untrusted TLS connection established from localhost")
        server.wait_log(f"subject_CN=stranger.example, issuer_CN=Other, fingerprint={stranger.fingerprint()}")
        server.configure(smtpd_relay_restrictions="permit_tls_all_clientcerts, reject_unauth_destination")
        server.reload()
        server.wait_log("reload -- configuration")
        wait_until(lambda: relay_code(mine) == 250, "the reloaded restrictions")
        self.assertEqual(relay_code(stranger), 554)

    def test_a_required_certificate(self):
        mine = self.authority.issue("client.example", client=True)
        server = self.server(smtpd_tls_security_level="encrypt", smtpd_tls_req_ccert="yes",
                             smtpd_tls_CAfile=self.authority.certificate)
        client = self.tls_client(server)
        client.command("STARTTLS", 220)
        client.wrap(self.context)
        with self.assertRaises((AssertionError, OSError)):
            client.command("EHLO c.example", 250)
        server.wait_log("NOQUEUE: abort: TLS from localhost.*No client certificate presented")
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(mine.certificate, mine.key)
        self.tls_client(server).starttls(context).submit()

    def test_plain_sessions_can_be_refused(self):
        server = self.server(smtpd_client_restrictions="reject_plaintext_session")
        client = self.tls_client(server)
        client.command("MAIL FROM:<a@client.example>", 250)
        self.assertEqual(client.command("RCPT TO:<b@far.example>")[0], 450)
        client.command("RSET", 250)
        client.starttls(self.context).submit()

    def test_bad_files_are_named_at_start(self):
        loose = self.authority.issue("loose.example")
        os.chmod(loose.key, 0o644)
        missing = self.directory / "nowhere.key"
        other = self.authority.issue("other.example")
        for key, words in ((loose.key, "everybody may read or write it"),
                           (missing, "No such file or directory"),
                           (other.key, "the private key does not belong to the certificate"),
                           (self.identity.certificate, "everybody may read or write it")):
            with self.subTest(key=key):
                server = self.barid(f"bad-{words[:4]}-{key.name}", start=False, smtpd_tls_security_level="may",
                                    smtpd_tls_cert_file=self.identity.certificate, smtpd_tls_key_file=key)
                status, said = server.refused()
                self.assertEqual(status, 78)
                self.assertIn(words, said)
                self.assertRegex(said, r"main\.cf, line \d+: smtpd_tls_(key|cert)_file: ")
                self.assertIn(str(key if "belong" not in words else self.identity.certificate), said)

    def test_mandatory_tls_without_a_certificate_does_not_start(self):
        status, said = self.barid(start=False, smtpd_tls_security_level="encrypt").refused()
        self.assertEqual(status, 78)
        self.assertIn("TLS needs a certificate", said)

    def test_optional_tls_without_a_certificate_is_not_offered(self):
        server = self.barid(smtpd_tls_security_level="may")
        self.assertNotIn("STARTTLS", self.client(server).ehlo)
        self.assertIn("TLS needs a certificate", server.output())

    def test_a_renewed_certificate_is_used_and_sessions_stay(self):
        certificate, key = self.directory / "cert.pem", self.directory / "key.pem"

        def install(identity):
            shutil.copy(identity.key, key)
            shutil.copy(identity.certificate, certificate)
            os.chmod(key, 0o600)

        def serial():
            client = self.tls_client(server).starttls(self.context)
            shown = client.connection.getpeercert()["serialNumber"]
            client.command("QUIT", 221)
            return shown

        install(self.identity)
        server = self.server(smtpd_tls_cert_file=certificate, smtpd_tls_key_file=key)
        old = self.tls_client(server).starttls(self.context)
        before = serial()
        install(self.authority.issue("mx.barid.example"))
        wait_until(lambda: serial() != before, "the new certificate", every=0.1)  # nobody was told
        old.submit()
        after = serial()
        key.write_text("this is no key\n")
        server.wait_log("reload refused: .*smtpd_tls_key_file: " + re.escape(str(key)))
        self.assertEqual(serial(), after)
        old.submit()

    def test_handshakes_have_a_deadline_and_a_bound(self):
        server = self.server(smtpd_starttls_timeout="1s", smtpd_tls_handshake_limit="2", shard_count="1")
        slow = [self.tls_client(server) for _ in range(2)]
        for client in slow:
            client.command("STARTTLS", 220)
        late = self.tls_client(server)
        self.assertEqual(late.command("STARTTLS"), (454, "4.7.0 TLS not available due to local problem"))
        server.wait_log(r"SSL_accept error from localhost\[127\.0\.0\.1\]: timeout", count=2)
        late.starttls(self.context).submit()

    def test_new_session_rate(self):
        server = self.server(smtpd_client_new_tls_session_rate_limit="2", smtpd_client_event_limit_exceptions="192.0.2.1")
        for _ in range(2):
            self.tls_client(server).starttls(self.context)
        self.assertEqual(self.tls_client(server).command("STARTTLS"),
                         (454, "4.7.0 Error: too many new TLS sessions from 127.0.0.1"))

    def test_old_versions_are_refused(self):
        server = self.server()
        for option, accepted in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            done = subprocess.run(
                ["openssl", "s_client", "-starttls", "smtp", option, "-cipher", "DEFAULT@SECLEVEL=0", "-connect",
                 f"127.0.0.1:{server.port}"], input=b"QUIT\r\n", capture_output=True, timeout=PATIENCE)
            self.assertEqual(b"Cipher is (NONE)" not in done.stdout, accepted, (option, done.stdout, done.stderr))

    def test_sslscan_finds_nothing_bad(self):
        sslscan = self.need("sslscan", "sslscan")
        server = self.server()
        done = subprocess.run([sslscan, "--starttls-smtp", "--no-colour", f"127.0.0.1:{server.port}"],
                              capture_output=True, text=True, timeout=60)
        text = done.stdout
        for line in ("SSLv2     disabled", "SSLv3     disabled", "TLSv1.0   disabled", "TLSv1.1   disabled",
                     "TLSv1.2   enabled", "TLSv1.3   enabled", "Session renegotiation not supported"):
            self.assertIn(line, text)
        self.assertNotRegex(text, r"(?i)RC4|DES-CBC|NULL|EXP-|ADH|AECDH|(?<!not )vulnerable to heartbleed")

    def test_testssl_finds_no_weakness(self):
        testssl = self.need("testssl", "testssl.sh")
        server = self.server()
        report = self.directory / "testssl.json"
        done = subprocess.run([testssl, "--quiet", "--warnings", "batch", "--starttls", "smtp", "--protocols", "--std",
                               "--vulnerable", "--sneaky", "--jsonfile", report, f"127.0.0.1:{server.port}"],
                              capture_output=True, text=True, timeout=250)
        findings = json.loads(report.read_text())
        self.assertIn("LUCKY13", {one["id"] for one in findings}, done.stdout)
        bad = [one for one in findings if one["severity"] not in ("OK", "INFO", "DEBUG")]
        # It cannot ask the Internet, and the names of this test's certificate are nobody's.
        self.assertEqual([one for one in bad if one["id"] not in ("scanTime", "engine_problem")], [])

    def test_https(self):
        port = free_port()
        server = self.server()
        server.stop()
        server.services.append(f"127.0.0.1:{port} inet n - n - - httpd -o smtpd_tls_wrappermode=yes")
        server.start()
        wait_until(lambda: listening(port), "HTTPS listens")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw, \
                self.context.wrap_socket(raw, server_hostname="mx.barid.example") as connection:
            for _ in range(2):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: mx.barid.example\r\n\r\n")
                answer = b""
                while not answer.endswith(b"shards turn\n"):
                    answer += connection.recv(1000)
                self.assertRegex(answer, rb"\AHTTP/1\.1 200 ")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
            raw.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertNotIn(b"HTTP/1.1", raw.recv(1000))


class BehindProxy(Scenario):
    """smtpd_upstream_proxy_protocol: the header names the client."""

    V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19"

    def test_both_versions(self):
        server = self.barid(smtpd_upstream_proxy_protocol="haproxy")
        for header, address in ((b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 25\r\n", "192.0.2.1"), (self.V2, "192.0.2.7"),
                                (b"PROXY TCP6 2001:db8::1 ::1 1 25\r\n", "2001:db8::1"),
                                (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
            with self.subTest(address):
                client = RawClient(server.port, greet=False)
                self.addCleanup(client.close)
                client.send(header)
                client.expect(220)
                client.command("EHLO client.example", 250)
                client.command("MAIL FROM:<a@client.example>", 250)
                # Only the balancer is in mynetworks.
                expected = 250 if address == "127.0.0.1" else 454
                self.assertEqual(client.command("RCPT TO:<b@far.example>")[0], expected)
                server.wait_log(rf"connect from \S+\[{re.escape(address)}\]")

    def test_no_header_no_service(self):
        server = self.barid(smtpd_upstream_proxy_protocol="haproxy", smtpd_upstream_proxy_timeout="1s")
        client = RawClient(server.port, greet=False)
        self.addCleanup(client.close)
        client.send(b"EHLO client.example\r\n")
        with contextlib.suppress(ConnectionError):
            self.assertEqual(client.reply(), (0, ""))
        silent = RawClient(server.port, greet=False)
        self.addCleanup(silent.close)
        self.assertEqual(silent.reply(), (0, ""))
        server.wait_log(r"warning: no valid PROXY header from 127\.0\.0\.1", count=2)

    def test_http(self):
        """The header names an HTTP client, too: who comes from elsewhere needs a key."""
        port = free_port()
        server = self.barid(start=False)
        server.services.append(f"127.0.0.1:{port} inet n - n - - httpd -o smtpd_upstream_proxy_protocol=haproxy"
                               " -o smtpd_upstream_proxy_timeout=1s")
        server.start()
        wait_until(lambda: listening(port), "HTTP is served")

        def answer(data):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(data)
                got = b""
                with contextlib.suppress(ConnectionError):
                    while piece := connection.recv(4096):
                        got += piece
                return got

        alive = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        post = (b"POST /emails HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                b"Connection: close\r\n\r\n{}")
        for header in (b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 80\r\n", self.V2):
            self.assertRegex(answer(header + alive), rb"\AHTTP/1\.1 200 ")
            self.assertRegex(answer(header + post), rb"(?s)\AHTTP/1\.1 401 .*missing_api_key")
        for bad in (alive, b"PROXY TCP4 192.0.2.1\r\n" + alive, b""):
            self.assertEqual(answer(bad), b"")

    def test_clients_are_counted_by_their_own_address(self):
        server = self.barid(smtpd_upstream_proxy_protocol="haproxy", smtpd_client_connection_count_limit="1",
                            smtpd_client_event_limit_exceptions="")
        codes = []
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            client = RawClient(server.port, greet=False)
            self.addCleanup(client.close)
            client.send(f"PROXY TCP4 {address} 127.0.0.1 1 25\r\n".encode())
            codes.append(client.reply()[0])
        self.assertEqual(codes, [220, 220, 421])


if __name__ == "__main__":
    unittest.main()
