#!/usr/bin/env python3
"""Goal: mail leaves under the TLS that its next hop needs, and never under less.
Method: the real program; sinks with certificates of test authorities, good and bad; for DANE a zone
that this test signs, served by nsd behind unbound."""

import hashlib
import http.server
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, BENCH, RawClient, Scenario, free_port, listening, wait_until  # noqa: E402
from signed_zone import need_name_servers, serve_zones, zone_text  # noqa: E402
from tls_support import Authority, Identity, TlsSink, openssl, start_resolver  # noqa: E402


class Outgoing(Scenario):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory / "ca")

    def tls_sink(self, identity=None, **options):
        sink = TlsSink(identity or self.authority.issue("localhost"), **options)
        self.addCleanup(sink.close)
        return sink

    def sender(self, sink, name="barid", **main):
        settings = {"relayhost": f"[localhost]:{sink.port}", "smtp_tls_loglevel": "1", "shard_count": "1",
                    "smtp_tls_CAfile": self.authority.certificate, "smtp_tls_security_level": "may",
                    "minimal_backoff_time": "1h", "maximal_backoff_time": "1h", **main}
        return self.barid(name, **settings)

    def send(self, server, recipient="rcpt@sink.example"):
        with RawClient(server.port) as client:
            return client.submit(recipients=[recipient])

    def outcome(self, server, name):
        """(status, dsn, reason) of the first attempt."""
        line = server.wait_log(rf"{name}: to=<.*")[0]
        match = re.search(r"dsn=([\d.]+), status=(\S+) \((.*)\)$", line)
        return match.group(2), match.group(1), match.group(3)


class Levels(Outgoing):
    def test_may_takes_what_is_offered(self):
        stranger = Authority(self.directory / "other").issue("localhost")
        sink = self.tls_sink(stranger)
        server = self.sender(sink)
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        self.assertTrue(sink.wait_messages(1)[0].secured)
        server.wait_log(rf"Untrusted TLS connection established to localhost\[127\.0\.0\.1\]:{sink.port}: TLSv1\.3 "
                        r"with cipher \S+ \(256/256 bits\) key-exchange \S+ server-signature ECDSA \(P-256\)")
        plain = self.sink()
        server.configure(relayhost=plain.relayhost)
        server.reload()
        server.wait_log("reload -- configuration")
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")

    def test_encrypt_needs_an_offer(self):
        sink = self.sink()
        server = self.sender(sink, relayhost=sink.relayhost, smtp_tls_security_level="encrypt")
        status, dsn, reason = self.outcome(server, self.send(server))
        self.assertEqual((status, dsn), ("deferred", "4.7.4"))
        self.assertEqual(reason, "TLS is required, but was not offered by host 127.0.0.1[127.0.0.1]")
        self.assertEqual(sink.messages, [])

    def test_encrypt_and_a_refusal(self):
        sink = self.tls_sink(script=lambda stage, *_: "454 4.7.0 not now" if stage == "starttls" else None)
        server = self.sender(sink, smtp_tls_security_level="encrypt")
        self.assertEqual(self.outcome(server, self.send(server)), (
            "deferred", "4.7.4",
            "TLS is required, but host localhost[127.0.0.1] refused to start TLS: 454 4.7.0 not now"))
        server.configure(smtp_tls_security_level="may")
        server.reload()
        server.wait_log("reload -- configuration")
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        self.assertFalse(sink.wait_messages(1)[0].secured)

    def test_certificates_at_every_level(self):
        other = Authority(self.directory / "other", "Other")
        middle = Authority(self.directory / "middle", "Middle", parent=self.authority)
        incomplete = middle.issue("localhost")
        complete = middle.issue("localhost", directory=self.directory / "complete")
        text = incomplete.certificate.read_text()
        incomplete.certificate.write_text(text[:text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n")
        expired = self.authority.issue("localhost", directory=self.directory / "expired", days=("-days", "-1"))
        trusted, verified = "Server certificate not trusted", "Server certificate not verified"
        rows = {
            "good": (self.authority.issue("localhost"), None, None),
            "with its intermediate": (complete, None, None),
            "without it": (incomplete, trusted, trusted),
            "another name": (self.authority.issue("elsewhere.example"), verified, verified),
            "below the name": (self.authority.issue("*.localhost"), verified, None),  # dot-nexthop
            "other authority": (other.issue("localhost"), trusted, trusted),
            "expired": (expired, trusted, trusted),
            "self-signed": (self.self_signed("localhost"), trusted, trusted),
        }
        for name, (identity, verify, secure) in rows.items():
            with self.subTest(name):
                sink = self.tls_sink(identity)
                server = self.sender(sink, name=name.replace(" ", "-"))
                server.main["smtp_tls_fingerprint_digest"] = "sha256"
                server.main["smtp_tls_fingerprint_cert_match"] = identity.fingerprint()
                for level, problem in (("none", None), ("may", None), ("encrypt", None), ("fingerprint", None),
                                       ("verify", verify), ("secure", secure)):
                    server.configure(smtp_tls_security_level=level)
                    count = len(server.log_matches("reload -- configuration"))
                    server.reload()
                    server.wait_log("reload -- configuration", count=count + 1)
                    status, dsn, reason = self.outcome(server, self.send(server))
                    if problem is None:
                        self.assertEqual(status, "sent", (level, reason))
                    else:
                        self.assertEqual((status, dsn, reason), ("deferred", "4.7.5", problem), level)
                self.assertEqual([m.secured for m in sink.messages], [False] + [True] * (len(sink.messages) - 1))
                server.stop()

    def test_authorities_in_a_directory(self):
        sink = self.tls_sink()
        directory = self.directory / "authorities"
        directory.mkdir()
        server = self.sender(sink, smtp_tls_security_level="secure", smtp_tls_CAfile=None, smtp_tls_CApath=directory)
        self.assertIn(f"smtp_tls_CApath: {directory}: no file is named by hash", server.output())
        self.assertEqual(self.outcome(server, self.send(server))[:2], ("deferred", "4.7.5"))
        shutil.copy(self.authority.certificate, directory / "ca.pem")
        subprocess.run(["openssl", "rehash", directory], check=True, capture_output=True)
        server.wait_log("reload -- configuration")  # the directory is watched
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")

    def test_trust_anchors(self):
        other = Authority(self.directory / "other", "Other")
        sink = self.tls_sink(other.issue("localhost"))
        hop, policy = f"[localhost]:{sink.port}", self.directory / "policy"
        policy.write_text(f"{hop} secure\n")
        server = self.sender(sink, smtp_tls_policy_maps=f"texthash:{policy}")
        self.assertEqual(self.outcome(server, self.send(server))[:2], ("deferred", "4.7.5"))
        public = self.directory / "public.pem"
        public.write_bytes(openssl("x509", "-in", other.certificate, "-noout", "-pubkey"))
        for number, line in enumerate((f"{hop} secure tafile={other.certificate}", f"{hop} verify tafile={public}")):
            policy.write_text(line + "\n")
            server.reload()
            server.wait_log("reload -- configuration", count=number + 1)
            self.assertEqual(self.outcome(server, self.send(server))[0], "sent", line)
        # Anchors take the place of the authorities, and are checked when they are read.
        policy.write_text("")
        server.configure(smtp_tls_trust_anchor_file=self.authority.certificate, smtp_tls_security_level="secure",
                         smtp_tls_CAfile=other.certificate)
        server.reload()
        server.wait_log("reload -- configuration", count=3)
        self.assertEqual(self.outcome(server, self.send(server))[:2], ("deferred", "4.7.5"))
        rubbish = self.directory / "rubbish"
        rubbish.write_text("no PEM\n")
        policy.write_text(f"{hop} secure tafile={rubbish}\n")
        server.reload()
        server.wait_log(f"reload refused: .*smtp_tls_policy_maps: texthash:{policy}: .*{rubbish}: holds neither")

    def self_signed(self, name):
        directory = self.directory / "self"
        directory.mkdir(exist_ok=True)
        identity = Identity(directory / "self.key", directory / "self.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", identity.key,
                "-out", identity.certificate, "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        return identity

    def test_fingerprints(self):
        identity = Authority(self.directory / "other").issue("unknown.example")
        sink = self.tls_sink(identity)
        server = self.sender(sink, smtp_tls_security_level="fingerprint",
                             smtp_tls_fingerprint_digest="sha256",
                             smtp_tls_fingerprint_cert_match=identity.fingerprint())
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        server.wait_log("Verified TLS connection established to localhost")
        server.configure(smtp_tls_fingerprint_cert_match=":".join(["00"] * 32))
        server.reload()
        server.wait_log("reload -- configuration")
        self.assertEqual(self.outcome(server, self.send(server))[:2], ("deferred", "4.7.5"))

    def test_each_next_hop_has_its_policy_also_on_a_shared_site(self):
        sink = self.tls_sink(self.authority.issue("elsewhere.example"))
        hop = f"[localhost]:{sink.port}"
        policy, transport = self.directory / "policy", self.directory / "transport"
        # The same server under two names of one address, so connections could be shared.
        transport.write_text(f"free.example smtp:{hop}\nstrict.example smtp:{hop},{hop}\n")
        policy.write_text(f"{hop} encrypt\n")
        server = self.sender(sink, relayhost=None, transport_maps=f"texthash:{transport}",
                             smtp_tls_policy_maps=f"texthash:{policy}")
        self.assertEqual(self.outcome(server, self.send(server, "a@free.example"))[0], "sent")
        policy.write_text(f"{hop} verify\n")
        server.reload()
        server.wait_log("reload -- configuration")
        self.assertEqual(self.outcome(server, self.send(server, "b@free.example"))[:2], ("deferred", "4.7.5"))
        policy.write_text(f"{hop} verify match=elsewhere.example ciphers=high protocols=TLSv1.2\n")
        server.reload()
        server.wait_log("reload -- configuration", count=2)
        self.assertEqual(self.outcome(server, self.send(server, "c@strict.example"))[0], "sent")
        server.wait_log("Verified TLS connection established to .*: TLSv1.2 with cipher")

    def test_a_bad_policy_makes_mail_wait(self):
        sink = self.tls_sink()
        server = self.sender(sink, smtp_tls_policy_maps="static:perhaps")  # a table that cannot be listed
        self.assertEqual(self.outcome(server, self.send(server)),
                         ("deferred", "4.7.5", "client TLS configuration problem"))
        server.wait_log(r'warning: smtp_tls_policy_maps: \[localhost\]:\d+: unknown level "perhaps"')
        self.assertEqual(sink.messages, [])

    def test_bad_policies_are_named_when_they_are_read(self):
        policy = self.directory / "policy"
        policy.write_text("good.example encrypt\nbad.example perhaps\n")
        server = self.barid(start=False, smtp_tls_policy_maps=f"texthash:{policy}")
        complaint = f'smtp_tls_policy_maps: texthash:{policy}: bad.example: unknown level "perhaps"'
        status, said = server.refused()
        self.assertEqual(status, 78, said)
        self.assertIn("main.cf, line", said)
        self.assertIn(complaint, said)
        policy.write_text("good.example encrypt\n")
        server.start()
        policy.write_text("bad.example perhaps\n")
        server.reload()
        server.wait_log("reload refused: .*" + re.escape(complaint))

    def test_tls_before_the_greeting(self):
        sink = self.tls_sink(wrapper=True, offers=("PIPELINING", "SIZE", "CHUNKING"))
        server = self.sender(sink, smtp_tls_wrappermode="yes", smtp_tls_security_level="verify")
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        self.assertTrue(sink.wait_messages(1)[0].secured)

    def test_what_comes_in_clear_behind_the_220_is_ignored(self):
        sink = self.tls_sink(script=lambda stage, *_: "220 go\r\n250-evil\r\n250 AUTH PLAIN" if stage == "starttls" else None)
        server = self.sender(sink, smtp_tls_security_level="encrypt")
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        self.assertTrue(sink.wait_messages(1)[0].secured)

    def test_sessions_are_resumed(self):
        sink = self.tls_sink()
        server = self.sender(sink, smtp_connection_reuse_count_limit="1", smtp_tls_security_level="verify")
        for count in range(1, 4):
            self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
            sink.wait_messages(count)
        wait_until(lambda: [s.connection.session_reused for s in sink.tls_sessions] == [False, True, True],
                   "two sessions resumed")

    def test_a_reload_forgets_sessions(self):
        """A session proves what it proved to whoever trusted its authority."""
        sink = self.tls_sink()
        server = self.sender(sink, smtp_connection_reuse_count_limit="1", smtp_tls_security_level="verify")
        for count in (1, 2):
            self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
            sink.wait_messages(count)
        wait_until(lambda: [s.connection.session_reused for s in sink.tls_sessions] == [False, True], "one is resumed")
        server.configure(smtp_tls_CAfile=Authority(self.directory / "other", "Other").certificate)
        server.reload()
        server.wait_log("reload -- configuration")
        self.assertEqual(self.outcome(server, self.send(server)), ("deferred", "4.7.5", "Server certificate not trusted"))
        wait_until(lambda: [s.connection.session_reused for s in sink.tls_sessions] == [False, True, False], "a new session")

    def test_a_broken_handshake_goes_in_clear_only_after_a_while(self):
        sink = self.tls_sink(broken=True)
        server = self.sender(sink, minimal_backoff_time="2s", maximal_backoff_time="2s", retry_jitter="0")
        name = self.send(server)
        self.assertEqual(self.outcome(server, name),
                         ("deferred", "4.7.5", "Cannot start TLS: handshake failure"))
        self.assertEqual(sink.messages, [])
        server.wait_log(rf"SSL_connect error to localhost\[127\.0\.0\.1\]:{sink.port}: ")
        server.wait_log(rf"{name}: to=<.*status=sent")
        self.assertFalse(sink.messages[0].secured)
        fresh = self.send(server)
        self.assertEqual(self.outcome(server, fresh)[0], "deferred")  # it has not waited yet

    def test_mandatory_tls_never_goes_in_clear(self):
        sink = self.tls_sink(broken=True)
        server = self.sender(sink, minimal_backoff_time="1s", maximal_backoff_time="1s", retry_jitter="0",
                             smtp_tls_security_level="encrypt")
        name = self.send(server)
        server.wait_log(rf"{name}: to=<.*status=deferred \(Cannot start TLS: handshake failure\)", count=3)
        self.assertEqual(sink.messages, [])

    def test_our_own_certificate(self):
        mine = self.authority.issue("mx.barid.example", client=True)
        sink = self.tls_sink(client_ca=self.authority.certificate)
        server = self.sender(sink, smtp_tls_security_level="encrypt", smtp_tls_cert_file=mine.certificate,
                             smtp_tls_key_file=mine.key)
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")

    def test_an_offer_that_is_not_taken_is_noted(self):
        sink = self.tls_sink()
        server = self.sender(sink, smtp_tls_security_level="none", smtp_tls_note_starttls_offer="yes")
        self.assertEqual(self.outcome(server, self.send(server))[0], "sent")
        server.wait_log(r"Host offered STARTTLS: \[localhost\]")
        self.assertFalse(sink.wait_messages(1)[0].secured)

    def test_from_barid_to_barid(self):
        far_sink = self.sink()
        identity = self.authority.issue("localhost")
        far = self.barid("far", relayhost=far_sink.relayhost, smtpd_tls_security_level="encrypt",
                         smtpd_tls_chain_files=identity.chain_file)
        server = self.sender(far, relayhost=f"[localhost]:{far.port}", smtp_tls_security_level="verify")
        for _ in range(5):
            self.send(server)
        far_sink.wait_messages(5)


class Dane(Outgoing):
    """Zones: signed.example with DS, plain.example without."""

    def setUp(self):
        super().setUp()
        need_name_servers(self)
        self.good = self.authority.issue("mx.signed.example")
        self.out = self.tls_sink(self.good)
        self.serve(self.out.port)
        self.server = self.sender(
            self.out, relayhost=None, disable_dns_lookups="no", smtp_tcp_port=self.out.port,
            smtp_tls_security_level="dane", dns_forwarders=f"127.0.0.1@{self.dns_port}",
            dns_trust_anchor_file=self.directory / "anchor", smtp_tls_CAfile=None)

    def zone(self, name, port):
        key = self.good.key_digest()
        der = subprocess.run(["openssl", "x509", "-in", self.authority.certificate, "-outform", "DER"],
                             capture_output=True, check=True).stdout
        authority = hashlib.sha256(der).hexdigest()
        records = {"three": f"3 1 1 {key}", "two": f"2 0 1 {authority}", "wrong": f"3 1 1 {'00' * 32}",
                   "unusable": f"1 1 1 {key}", "none": None, "fail": f"3 1 1 {key}", "bogus": f"3 1 1 {'ab' * 32}"}
        lines = ["liar MX 10 liarmx", "liarmx A 127.0.0.77"]
        for host, record in records.items():
            lines += [f"{host}mx A 127.0.0.1", f"{host} MX 10 {host}mx"]
            if record:
                lines.append(f"_{port}._tcp.{host}mx TLSA {record}")
        lines += ["alias MX 10 aliasmx", "aliasmx CNAME threemx"]  # the records are those of its target
        lines += ["own MX 10 ownmx", "ownmx CNAME nonemx", f"_{port}._tcp.ownmx TLSA 3 1 1 {'00' * 32}"]
        return zone_text(name, *lines)

    def serve(self, port):
        self.dns_port = serve_zones(
            self, {name: self.zone(name, port) for name in ("signed.example", "plain.example")}, signed=("signed.example",),
            spoil={"ab" * 32: "cd" * 32, "127.0.0.77": "127.0.0.1"},
            more='forward-zone:\n name: "_tcp.failmx.signed.example."\n forward-addr: 127.0.0.1@1\n')

    def attempt(self, domain):
        return self.outcome(self.server, self.send(self.server, f"r@{domain}"))

    def test_records_decide(self):
        self.assertEqual(self.attempt("three.signed.example")[0], "sent")
        self.server.wait_log(r"Verified TLS connection established to threemx\.signed\.example\[127\.0\.0\.1\]:\d+ "
                             r"to threemx\.signed\.example: TLSv1\.3")
        self.assertEqual(self.attempt("wrong.signed.example")[:2], ("deferred", "4.7.5"))
        # The names that usage 2 needs are not in this certificate.
        self.assertEqual(self.attempt("two.signed.example")[:2], ("deferred", "4.7.5"))
        # Nothing can be proven, but somebody promised TLS.
        self.assertEqual(self.attempt("unusable.signed.example")[0], "sent")
        self.assertEqual(self.attempt("none.signed.example")[0], "sent")
        status, dsn, reason = self.attempt("fail.signed.example")
        self.assertEqual((status, dsn), ("deferred", "4.7.5"))
        self.assertEqual(reason, "TLSA lookup error for failmx.signed.example")
        # Records and addresses whose signatures are wrong: never less than what was signed.
        self.assertEqual(self.attempt("bogus.signed.example"), ("deferred", "4.7.5", "TLSA lookup error for bogusmx.signed.example"))
        status, dsn, reason = self.attempt("liar.signed.example")
        self.assertEqual((status, dsn), ("deferred", "4.4.3"), reason)
        # Without DNSSEC the records are worth nothing, wrong ones included.
        self.assertEqual(self.attempt("wrong.plain.example")[0], "sent")
        self.assertEqual(len(self.out.wait_messages(4)), 4)

    def test_hosts_that_are_aliases(self):
        self.assertEqual(self.attempt("alias.signed.example")[0], "sent")
        self.server.wait_log(r"Verified TLS connection established to aliasmx\.signed\.example\[127\.0\.0\.1\]:\d+ "
                             r"to threemx\.signed\.example: TLSv1\.3")
        # Where the target has no records, those of the alias count.
        self.assertEqual(self.attempt("own.signed.example")[:2], ("deferred", "4.7.5"))

    def test_what_is_counted_for_reports(self):
        self.server.configure(smtp_tlsrpt_enable="yes", tlsrpt_interval="1000d")
        self.server.reload()
        self.server.wait_log("reload -- configuration")
        for domain in ("three", "wrong", "fail", "none"):
            self.attempt(f"{domain}.signed.example")
        self.server.stop()
        lines = [line.split("\t") for line in (self.server.queue_directory / "tlsrpt").read_text().splitlines()]
        counted, domain, policy = {}, None, None
        for line in lines[1:]:
            if line[0] == "domain":
                domain = line[1].split(".")[0]
            elif line[0] == "policy":
                policy = (line[1], line[2], line[3], line[4], "IN TLSA 3 1 1 " in line[5])
                counted[domain] = [policy]
            else:
                counted[domain].append(line[1])
        self.assertEqual(counted, {
            "three": [("tlsa", "threemx.signed.example", "1", "0", True)],
            "wrong": [("tlsa", "wrongmx.signed.example", "0", "1", True), "certificate-not-trusted"],
            "fail": [("tlsa", "failmx.signed.example", "0", "1", False), "dnssec-invalid"],
            "none": [("no-policy-found", "none.signed.example", "1", "0", False)]})

    def test_an_authority_in_the_zone(self):
        named = self.authority.issue("twomx.signed.example")
        chain = named.certificate.read_bytes() + self.authority.certificate.read_bytes()
        named.certificate.write_bytes(chain)  # RFC 7672 3.1.2: the authority's certificate is sent
        self.out.context.load_cert_chain(named.certificate, named.key)
        self.assertEqual(self.attempt("two.signed.example")[0], "sent")
        self.server.wait_log(r"Verified TLS connection established to twomx\.signed\.example")

    def test_certificates_with_faults(self):
        """With usage 3 the key alone counts; with usage 2 dates and names do, too."""
        for name, days, two in (("threemx.signed.example", ("-days", "-1"), False), ("twomx.signed.example", ("-days", "-1"), False),
                                ("twomx.signed.example", ("-days", "30"), True)):
            certificate = self.directory / "faulty.pem"
            self.authority.sign(self.good.key, name, certificate, [f"subjectAltName=DNS:{name}"], days)
            certificate.write_bytes(certificate.read_bytes() + self.authority.certificate.read_bytes())
            self.out.context.load_cert_chain(certificate, self.good.key)
            self.assertEqual(self.attempt("three.signed.example")[0], "sent", (name, days))
            self.assertEqual(self.attempt("two.signed.example")[0], "sent" if two else "deferred", (name, days))

    def test_dane_only(self):
        self.server.configure(smtp_tls_security_level="dane-only")
        self.server.reload()
        self.server.wait_log("reload -- configuration")
        self.assertEqual(self.attempt("three.signed.example")[0], "sent")
        for domain, reason in (("none.signed.example", "no TLSA records found for nonemx.signed.example"),
                               ("unusable.signed.example", "no usable TLSA records found for unusablemx.signed.example"),
                               ("three.plain.example", "non DNSSEC destination threemx.plain.example")):
            self.assertEqual(self.attempt(domain), ("deferred", "4.7.5", reason))


class BenchSink(Outgoing):
    """`barid-bench sink --tls` is a peer of others' tests: it must do what it says."""

    def test_both_ways(self):
        chain = self.authority.issue("localhost").chain_file
        for how in ("starttls", "implicit"):
            with self.subTest(how):
                port = free_port()
                sink = subprocess.Popen([BENCH, "sink", f"127.0.0.1:{port}", "--tls", how, "--tls-chain", chain, "--json"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                self.addCleanup(sink.stdout.close)
                self.addCleanup(sink.kill)
                wait_until(lambda: listening(port), "the sink listens")
                server = self.barid(how, relayhost=f"[localhost]:{port}", smtp_tls_security_level="secure",
                                    smtp_tls_CAfile=self.authority.certificate, shard_count="1",
                                    smtp_tls_wrappermode="yes" if how == "implicit" else "no")
                name = self.send(server)
                self.assertEqual(self.outcome(server, name)[0], "sent")
                server.stop()
                done = subprocess.run([BENCH, "source", f"127.0.0.1:{port}", "--tls", how, "--messages", "40", "--sessions",
                                       "2", "--messages-per-session", "4", "--size", "1k-100k", "--json"],
                                      capture_output=True, text=True, timeout=60)
                source = json.loads(done.stdout)
                sink.terminate()
                report = json.loads(sink.communicate(timeout=30)[0])
                self.assertEqual((source["accepted"], report["messages"], report["corrupt"], report["lost"]), (40, 41, 0, 0))
                self.assertEqual(report["tls_sessions"], source["tls_sessions"] + 1)
                self.assertEqual(report["tls_resumed"], source["tls_resumed"])
                self.assertGreater(report["tls_resumed"], 0)


class PolicyHost(http.server.BaseHTTPRequestHandler):
    """https://mta-sts.DOMAIN: `server.policies` by domain, a text or a status."""

    def do_GET(self):
        domain = self.headers["Host"].split(":")[0].removeprefix("mta-sts.")
        policy = self.server.policies.get(domain, 404)
        self.server.asked.append(domain)
        if isinstance(policy, int):
            self.send_response(policy)
            if policy == 301:
                self.send_header("Location", f"https://mta-sts.good.example:{self.server.server_port}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = policy.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


class MtaSts(Outgoing):
    """All domains share two mail hosts: mx.good.example with a certificate, mx.bad.example with another's."""

    DOMAINS = ("good", "strict", "free", "other", "testing", "badcert", "redirect", "broken", "short")

    def setUp(self):
        super().setUp()
        self.need("unbound", "unbound")
        self.out = self.tls_sink(self.authority.issue("mx.good.example"), host="127.0.0.11")
        self.bad = self.tls_sink(self.authority.issue("elsewhere.example"), host="127.0.0.12", port=self.out.port)
        self.start_policy_host()
        self.start_dns()
        self.server = self.sender(
            self.out, relayhost=None, disable_dns_lookups="no", smtp_tcp_port=self.out.port, shard_count="1",
            dns_forwarders=f"127.0.0.1@{self.dns_port}", mta_sts_port=self.policy_host.server_port)

    def policy(self, mode="enforce", mx="mx.good.example", max_age=86400):
        return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {max_age}\r\n"

    def start_policy_host(self):
        names = [f"mta-sts.{d}.example" for d in self.DOMAINS if d != "badcert"]
        identity = self.authority.issue("mta-sts.example", names=names)
        self.policy_host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PolicyHost)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.policy_host.socket = context.wrap_socket(self.policy_host.socket, server_side=True)
        self.policy_host.asked = []
        self.policy_host.policies = {
            "good.example": self.policy(), "strict.example": self.policy(mx="mx.bad.example"),
            "other.example": self.policy(), "testing.example": self.policy("testing"),
            "badcert.example": self.policy(), "redirect.example": 301, "broken.example": "no policy at all",
            "short.example": self.policy(max_age=1)}
        threading.Thread(target=self.policy_host.serve_forever, daemon=True).start()
        self.addCleanup(self.policy_host.server_close)
        self.addCleanup(self.policy_host.shutdown)

    def start_dns(self):
        mx = {"good": "good", "strict": "bad", "free": "bad", "other": "bad", "testing": "bad", "badcert": "bad",
              "redirect": "bad", "broken": "bad", "short": "bad"}
        data = ['mx.good.example. A 127.0.0.11', 'mx.bad.example. A 127.0.0.12']
        for domain, host in mx.items():
            data += [f"{domain}.example. MX 10 mx.{host}.example.", f"mta-sts.{domain}.example. A 127.0.0.1"]
            if domain != "free":
                data.append(f'_mta-sts.{domain}.example. TXT "v=STSv1; id=1;"')
        self.dns_port = start_resolver(self, data)

    def attempt(self, domain):
        return self.outcome(self.server, self.send(self.server, f"r@{domain}.example"))

    def test_policies_decide_each_domain_by_itself(self):
        self.assertEqual(self.attempt("good")[0], "sent")
        self.server.wait_log(r"Verified TLS connection established to mx\.good\.example\[127\.0\.0\.11\]:\d+ to mx\.good\.example")
        # One mail host, three promises: none, a certificate, another host.
        names = {d: self.send(self.server, f"r@{d}.example") for d in ("free", "strict", "other")}
        self.assertEqual(self.outcome(self.server, names["free"])[0], "sent")
        self.assertEqual(self.outcome(self.server, names["strict"]),
                         ("deferred", "4.7.5", "Server certificate not verified"))
        self.assertEqual(self.outcome(self.server, names["other"]), (
            "deferred", "4.7.5", "MTA-STS policy of other.example does not name host mx.bad.example"))
        self.assertEqual(self.attempt("testing")[0], "sent")
        self.server.wait_log(r"MTA-STS policy of testing\.example does not name host mx\.bad\.example \(testing\)")
        self.assertEqual(len(self.bad.wait_messages(2)), 2)

    def test_policies_that_cannot_be_had_are_none(self):
        for domain, words in (("badcert", "MTA-STS: badcert.example: SSL"), ("redirect", "the policy host answered 301"),
                              ("broken", "MTA-STS: broken.example: a line without a colon")):
            self.assertEqual(self.attempt(domain)[0], "sent", domain)
            self.server.wait_log(re.escape(words))
        self.assertNotIn("good.example", self.policy_host.asked)  # where the redirection leads

    def test_certificates_with_faults(self):
        """Mode enforce: each fault makes the mail wait; mode testing: it is told of, and delivered."""
        self.policy_host.policies["testing.example"] = self.policy("testing", mx="mx.bad.example")
        other = Authority(self.directory / "stranger", "Stranger")
        middle = Authority(self.directory / "middle", "Middle", parent=self.authority)
        incomplete = middle.issue("mx.bad.example")
        leaf = incomplete.certificate.read_text().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
        incomplete.certificate.write_text(leaf)
        trusted, verified = "Server certificate not trusted", "Server certificate not verified"
        rows = {"expired": (self.authority.issue("mx.bad.example", self.directory / "expired", days=("-days", "-1")), trusted),
                "wrong name": (self.authority.issue("elsewhere.example"), verified),
                "another authority": (other.issue("mx.bad.example"), trusted),
                "missing intermediate": (incomplete, trusted),
                "good": (self.authority.issue("mx.bad.example", self.directory / "good"), None)}
        for count, (fault, (identity, reason)) in enumerate(rows.items(), 1):
            with self.subTest(fault):
                self.bad.context.load_cert_chain(identity.certificate, identity.key)
                self.server.reload()  # what it found out about mail hosts is forgotten
                self.server.wait_log("reload -- configuration", count=count)
                outcome = self.attempt("strict")
                if reason:
                    self.assertEqual(outcome, ("deferred", "4.7.5", reason))
                else:
                    self.assertEqual(outcome[0], "sent", outcome)
                self.assertEqual(self.attempt("testing")[0], "sent")
                self.assertTrue(self.bad.wait_messages(1)[-1].secured, self.server.log()[-3000:])

    def test_a_broken_promise_costs_few_connections(self):
        """Its mail waits without an attempt, that of others does not; a flush tries again."""
        reason = "Server certificate not verified"
        for _ in range(3):
            self.assertEqual(self.attempt("strict"), ("deferred", "4.7.5", reason))
        sessions = len(self.bad.sessions)
        for _ in range(10):
            self.assertEqual(self.attempt("strict"), ("deferred", "4.7.5", f"delivery temporarily suspended: {reason}"))
        self.assertEqual(len(self.bad.sessions), sessions)
        self.assertEqual(self.attempt("free")[0], "sent")
        sessions = len(self.bad.sessions)
        flush = [BARID, "queue", "-c", self.server.directory, "flush", "--all"]
        self.assertEqual(subprocess.run(flush, capture_output=True, timeout=60).returncode, 0)
        wait_until(lambda: len(self.bad.sessions) > sessions, "the flush is tried")
        good = self.authority.issue("mx.bad.example", self.directory / "good")
        self.bad.context.load_cert_chain(good.certificate, good.key)

        def all_there():
            subprocess.run(flush, capture_output=True, timeout=60)
            return len(self.bad.messages) == 14

        wait_until(all_there, "all 13, and that of the other domain", every=0.5)

    def test_a_policy_outlives_its_host_until_it_expires(self):
        self.assertEqual(self.attempt("other")[0], "deferred")
        self.assertEqual(self.attempt("short")[0], "deferred")
        self.server.stop()
        self.policy_host.policies.clear()
        wait_until(lambda: time.time() > (self.server.queue_directory / "mta-sts/short.example").stat().st_mtime + 2.1,
                   "the short policy expires")
        self.server.start()
        self.assertEqual(self.attempt("other")[0], "deferred")  # from the disk
        self.assertEqual(self.attempt("short")[0], "sent")  # and this one is over

    def test_switched_off(self):
        self.server.configure(smtp_mta_sts_enable="no")
        self.server.reload()
        self.server.wait_log("reload -- configuration")
        self.assertEqual(self.attempt("strict")[0], "sent")
        self.assertEqual(self.policy_host.asked, [])


if __name__ == "__main__":
    unittest.main()
