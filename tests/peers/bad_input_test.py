#!/usr/bin/env python3
"""Goal: malformed certificates, keys, tables and policies are named with place and reason when the
server starts and when it reloads; what runs stays, and no secret is in a complaint.
Method: one table of faults. A server with TLS, logins, signing and policies is told each of them by a
reload, and must go on as before; another one must refuse to start.
"""

import base64
import json
import pathlib
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, Scenario, free_port, wait_until  # noqa: E402
from tls_in_test import TlsClient  # noqa: E402
from tls_support import Authority, openssl  # noqa: E402

SECRET = "hunter2"  # in every bad entry, and in no complaint
NO_PEM = "this is no PEM\n"


class BadInput(Scenario):
    def file(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def new_secret(self, *arguments):
        done = subprocess.run([BARID, "key", "new", *arguments], capture_output=True, text=True, timeout=20, check=True)
        return done.stdout.splitlines()

    def dkim_key(self, selector):
        done = subprocess.run([BARID, "dkim", "new", "--domain", "signed.example", "--selector", selector, "--algorithm",
                               "ed25519", "--directory", self.directory, "--json"], capture_output=True, text=True,
                              timeout=20, check=True)
        return json.loads(done.stdout)["key"]

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory / "ca")
        self.identity = self.authority.issue("mx.barid.example")
        self.other = self.authority.issue("other.example", kind="rsa")
        self.context = ssl.create_default_context(cafile=self.authority.certificate)
        self.password, user = self.new_secret("--smtp", "alice")
        _, key = self.new_secret("--tenant", "acme")
        self.key = self.dkim_key("s")
        self.out = self.sink()
        self.good = {
            "relayhost": self.out.relayhost, "mynetworks": "127.9.9.9/32",
            "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": self.identity.certificate,
            "smtpd_tls_key_file": self.identity.key, "smtpd_tls_ask_ccert": "yes",
            "smtpd_tls_CAfile": self.authority.certificate, "smtp_tls_CAfile": self.authority.certificate,
            "tls_server_sni_maps": f"texthash:{self.file('sni', f'other.example {self.other.chain_file}')}",
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "passwd",
            "smtpd_sasl_passwd_maps": f"texthash:{self.file('users', user)}",
            "http_api_key_maps": f"texthash:{self.file('keys', key)}",
            "http_access_key_maps": f"texthash:{self.file('access', f'someid secret={SECRET * 3} tenant=x')}",
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"texthash:{self.file('passwords', 'relay.example carol:' + SECRET)}",
            "smtp_tls_policy_maps": f"texthash:{self.file('policy', 'strict.example secure')}",
            "dkim_signing_maps": f"texthash:{self.file('signing', f'signed.example selector=s key={self.key}')}",
            "dkim_signing_sources": "authenticated"}

    def pem(self, name, text, mode=0o600):
        """A file and a complaint about it: its path."""
        return str(self.file(name, text, mode))

    def certificates_and_keys(self):
        locked = openssl("pkey", "-in", self.identity.key, "-aes128", "-passout", f"pass:{SECRET}").decode()
        weak = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768", "-outform", "PEM").decode()
        ec = self.identity.key.read_text()
        no_pem, truncated = self.pem("no.pem", NO_PEM), self.pem("half.pem", self.identity.certificate.read_text()[:300])
        gone = str(self.directory / "gone.pem")
        loose = self.pem("loose.key", ec, 0o644)
        writable = self.pem("writable.key", ec, 0o620)
        locked_file, weak_file = self.pem("locked.key", locked), self.pem("weak.key", weak)
        loose_dkim = self.pem("loose-dkim.key", pathlib.Path(self.key).read_text(), 0o640)
        sni = lambda file: f"texthash:{self.file('sni-' + pathlib.Path(file).name, f'other.example {file}')}"  # noqa: E731
        rule = lambda file: f"inline:{{ {{ signed.example = selector=s key={file} }} }}"  # noqa: E731
        yield from ((parameter, no_pem, f"{parameter}: {no_pem}: ") for parameter in (
            "smtpd_tls_cert_file", "smtpd_tls_key_file", "smtpd_tls_CAfile", "smtp_tls_CAfile", "mta_sts_CAfile",
            "smtp_tls_trust_anchor_file", "smtpd_tls_chain_files", "smtp_tls_chain_files"))
        yield from ((parameter, gone, gone) for parameter in (
            "smtpd_tls_cert_file", "smtpd_tls_key_file", "smtp_tls_CAfile", "smtp_tls_trust_anchor_file",
            "smtpd_tls_CApath", "dns_trust_anchor_file"))
        yield from ((parameter, gone, f"{parameter}: {gone}: No such file or directory") for parameter in (
            "smtpd_tls_CAfile", "smtp_tls_CAfile", "mta_sts_CAfile"))
        yield "tls_server_sni_maps", f"texthash:{gone}", f"tls_server_sni_maps: texthash:{gone} is unavailable. open {gone}"
        yield "smtpd_tls_cert_file", truncated, f"smtpd_tls_cert_file: {truncated}: "
        yield "smtpd_tls_key_file", str(self.other.key), "the private key does not belong to the certificate"
        yield "smtpd_tls_key_file", loose, f"smtpd_tls_key_file: open {loose}: everybody may read or write it: chmod 600"
        yield "smtpd_tls_key_file", writable, f"smtpd_tls_key_file: open {writable}: its group may write it: chmod 600"
        yield "smtpd_tls_key_file", locked_file, f"smtpd_tls_key_file: {locked_file}: "
        yield "tls_server_sni_maps", sni(no_pem), f"tls_server_sni_maps: texthash:{self.directory}/sni-no.pem: other.example: {no_pem}: "
        yield "tls_server_sni_maps", sni(loose), f"other.example: open {loose}: everybody may read or write it: chmod 600"
        yield "tls_server_sni_maps", sni(gone), f"other.example: open {gone}: No such file or directory"
        for parameter in ("dkim_signing_maps", "arc_signing_maps"):
            yield parameter, rule(no_pem), f"{parameter}: {no_pem}: no private key in PEM form"
            yield parameter, rule(loose_dkim), f"{parameter}: {loose_dkim}: mode 0640 lets others at the secret: chmod 0600 it"
            yield parameter, rule(locked_file), f"{parameter}: {locked_file}: the key has a pass phrase"
            yield parameter, rule(weak_file), f"{parameter}: {weak_file}: an RSA key of 768 bits, at least 1024 are needed"
            yield parameter, rule(self.identity.key), f"{parameter}: {self.identity.key}: neither an RSA nor an Ed25519 key"

    def tables(self):
        def table(name, text, mode=0o600):
            return f"texthash:{self.file(name, text, mode)}"

        def entry(parameter, key, value, complaint):
            self.tables_count = getattr(self, "tables_count", 0) + 1
            name = f"table-{self.tables_count}"
            return parameter, table(name, f"{key} {value}\n"), f"{parameter}: texthash:{self.directory}/{name}: {key}: {complaint}"

        yield entry("smtpd_sasl_passwd_maps", "bob", SECRET, "neither a SCRAM-SHA-256 nor a crypt(3) hash")
        yield entry("smtpd_sasl_passwd_maps", "bob", f"SCRAM-SHA-256$x:{SECRET}", "neither a SCRAM-SHA-256 nor")
        yield entry("smtpd_sasl_passwd_maps", "bob", f"$6${SECRET} tenant", "neither a SCRAM-SHA-256 nor")
        yield entry("smtp_sasl_password_maps", "relay.example", f":{SECRET}", "not user:password")
        yield "smtp_sasl_password_maps", f"inline:{{ relay.example=:{SECRET} }}", "inline:(hidden): relay.example: not user:password"
        yield entry("http_access_key_maps", "someid", f"tenant=x secret={SECRET * 3} color=blue", "not secret=SECRET tenant=NAME")
        # Of keys the table has hashes, which name nobody: the entry's number does.
        yield ("http_api_key_maps", table("bad-keys", f"{'ab' * 32} tenant=x scopes={SECRET}\n"),
               f"http_api_key_maps: texthash:{self.directory}/bad-keys: entry 1: not tenant=NAME scopes=")
        for parameter in ("smtpd_sasl_passwd_maps", "smtp_sasl_password_maps", "http_api_key_maps", "http_access_key_maps"):
            open_file = self.good[parameter].removeprefix("texthash:")
            loose = self.file(f"open-{parameter}", pathlib.Path(open_file).read_text(), 0o622)
            yield parameter, f"texthash:{loose}", f"{parameter}: {loose}: everybody may write to it"
        for parameter in ("dkim_signing_maps", "arc_signing_maps"):
            for value, complaint in (
                    (f"selector=s key={self.key} x=y", 'unknown setting "x"'), ("selector=s", "a rule has no key="),
                    (f"key={self.key}", "a rule has no selector="), (f"selector=s key={self.key},", "a rule has no selector="),
                    (f"selector=s key={self.key} canonicalization=strict", '"strict" is not simple or relaxed'),
                    ("selector=s key=relative.pem", "\"relative.pem\": the key's path is not absolute"),
                    (f"selector=s key={self.key} lifetime=soon", '"soon" is no time'),
                    (f"selector=s key={self.key} domain=-x", '"-x" is not a domain'),
                    (f"selector=s key={self.key} identity=@elsewhere.example", 'identity "@elsewhere.example" is not below')):
                yield entry(parameter, "signed.example", value, complaint)
        for value, complaint in (
                ("perhaps", 'unknown level "perhaps"'), ("secure match", '"match" is no attribute=value'),
                ("encrypt match=x", 'attribute "match" has no meaning at level encrypt'), ("secure x=y", 'unknown attribute "x"'),
                ("encrypt protocols=SSLv9", 'unknown protocol "SSLv9"'), ("encrypt ciphers=best", 'unknown cipher grade "best"'),
                ("fingerprint", "level fingerprint needs match="), (f"verify tafile={self.directory}/gone.pem", f"open {self.directory}/gone.pem: ")):
            yield entry("smtp_tls_policy_maps", "strict.example", value, complaint)

    def parameters(self):
        for parameter, value, complaint in (
                ("smtpd_tls_security_level", "much", '"much" is none of none, may, encrypt'),
                ("smtp_tls_security_level", "much", '"much" is none of none, may, encrypt, dane, dane-only'),
                ("smtpd_tls_protocols", "SSLv9", 'unknown protocol "SSLv9"'),
                ("smtp_tls_mandatory_protocols", "SSLv9", 'unknown protocol "SSLv9"'),
                ("smtpd_tls_ciphers", "best", '"best" is none of high, medium'),
                ("smtpd_tls_fingerprint_digest", "md17", 'unknown digest "md17"'),
                ("smtp_tls_fingerprint_digest", "md17", 'unknown digest "md17"'),
                ("smtpd_sasl_type", "cyrus", '"cyrus" is not served'), ("smtpd_sasl_security_options", "nice", 'unknown option "nice"'),
                ("smtp_sasl_security_options", "nice", 'unknown option "nice"'),
                ("smtpd_upstream_proxy_protocol", "socks", '"socks"'), ("dkim_canonicalization", "strict", '"strict" is not simple or relaxed'),
                ("dkim_oversign_headers", "From, b:d", '"b:d" is no name of a header field'), ("dkim_failure_action", "hope", ""),
                ("dkim_signing_sources", "friends", ""),
                ("smtp_tls_dane_insecure_mx_policy", "never", '"never" is none of may, encrypt, dane')):
            # What the schema knows is complained about in its words.
            yield parameter, value, f"{parameter}: {complaint}" if complaint else f'{parameter} parameter value "{value}": need '

    def rows(self):
        yield from self.certificates_and_keys()
        yield from self.tables()
        yield from self.parameters()

    @staticmethod
    def serve_http(server):
        """What only its services read is read too."""
        server.services.append(f"127.0.0.1:{free_port()} inet n - n - - httpd")

    def still_works(self, server):
        """TLS with the certificate, the login, the signature: as before."""
        count = len(self.out.messages)
        with TlsClient(server.port) as client:
            client.starttls(self.context)
            client.command("AUTH PLAIN " + base64.b64encode(f"\0alice\0{self.password}".encode()).decode(), 235)
            client.submit(b"From: a@signed.example\r\nSubject: x\r\n\r\nx\r\n")
        self.assertIn(b"\r\nDKIM-Signature: ", b"\r\n" + self.out.wait_messages(count + 1)[-1].content)

    def test_at_reload(self):
        server = self.barid(start=False, **self.good)
        self.serve_http(server)
        server.start()
        self.still_works(server)
        for parameter, value, complaint in self.rows():
            with self.subTest(parameter=parameter, complaint=complaint):
                logged = len(server.log_bytes())
                server.configure(**{parameter: value})
                server.reload()

                def said():
                    return [one for one in server.log_bytes()[logged:].decode().splitlines() if complaint in one]

                self.assertRegex(wait_until(said, f"complaint {complaint!r}")[0], r"reload refused: \S+/main\.cf, line \d+: ")
                text = server.log_bytes()[logged:].decode()
                self.assertNotIn(SECRET, text)
                self.still_works(server)
                server.main.pop(parameter)
                server.configure(**{k: v for k, v in self.good.items() if k == parameter})
        self.assertNotIn("reload -- configuration", server.log())
        self.assertNotIn(SECRET, server.output())

    def test_at_start(self):
        server = self.barid(start=False)
        self.serve_http(server)
        for parameter, value, complaint in self.rows():
            with self.subTest(parameter=parameter, complaint=complaint):
                server.main.update(self.good)
                server.main[parameter] = value
                status, said = server.refused()
                server.main.pop(parameter)
                self.assertEqual(status, 78, said)
                self.assertIn(complaint, said)
                line = next(one for one in said.splitlines() if complaint in one)
                self.assertRegex(line, r"\S+/main\.cf, line \d+: ")
                self.assertNotIn(SECRET, said)


if __name__ == "__main__":
    unittest.main()
