#!/usr/bin/env python3
"""Goal: each fault that a certificate can have makes the difference at each level of
smtp_tls_security_level that it should, and no other; the log says what the certificate was worth.
Method: one table, faults by levels. The real program; a mail host with each fault, in a zone that is
signed here; one next hop for each field of the table, with its level from smtp_tls_policy_maps.
"""

import hashlib
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import free_port  # noqa: E402
from signed_zone import need_name_servers, serve_zones, zone_text  # noqa: E402
from tls_support import Authority, Identity, openssl  # noqa: E402
from tls_out_test import Outgoing  # noqa: E402

CLEAR = "in clear"
NOT_TRUSTED, NOT_VERIFIED = "Server certificate not trusted", "Server certificate not verified"
NO_RECORDS = "no TLSA records found for {host}"
LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure")
# The field of each level is the word that the log has for a session that delivered, else why the mail
# waits. dane3, dane2: with TLSA records of the server's key, of the authority; dane, dane-only: without.
COLUMNS = ("none", "may", "encrypt", "dane", "dane-only", "dane3", "dane-only3", "dane2", "dane-only2", "fingerprint",
           "verify", "secure")
TABLE = {
    "good": (CLEAR, "Trusted", "Trusted", "Trusted", NO_RECORDS, "Verified", "Verified", "Verified", "Verified", "Verified",
             "Verified", "Verified"),
    "chained": (CLEAR, "Trusted", "Trusted", "Trusted", NO_RECORDS, "Verified", "Verified", "Verified", "Verified", "Verified",
                "Verified", "Verified"),
    "missing": (CLEAR, "Untrusted", "Untrusted", "Untrusted", NO_RECORDS, "Verified", "Verified", NOT_TRUSTED, NOT_TRUSTED,
                "Verified", NOT_TRUSTED, NOT_TRUSTED),
    "wrongname": (CLEAR, "Trusted", "Trusted", "Trusted", NO_RECORDS, "Verified", "Verified", NOT_TRUSTED, NOT_TRUSTED,
                  "Verified", NOT_VERIFIED, NOT_VERIFIED),
    "expired": (CLEAR, "Untrusted", "Untrusted", "Untrusted", NO_RECORDS, "Verified", "Verified", NOT_TRUSTED, NOT_TRUSTED,
                "Verified", NOT_TRUSTED, NOT_TRUSTED),
    "selfsigned": (CLEAR, "Untrusted", "Untrusted", "Untrusted", NO_RECORDS, "Verified", "Verified", NOT_TRUSTED, NOT_TRUSTED,
                   "Verified", NOT_TRUSTED, NOT_TRUSTED),
    "stranger": (CLEAR, "Untrusted", "Untrusted", "Untrusted", NO_RECORDS, "Verified", "Verified", NOT_TRUSTED, NOT_TRUSTED,
                 "Verified", NOT_TRUSTED, NOT_TRUSTED),
}


def column_level(column):
    return column.rstrip("23")


class Faults(Outgoing):
    def identity(self, fault):
        """What the mail host of this fault shows; its chain ends with the authority, as usage 2 wants it."""
        names = [f"{fault}{usage}mx.signed.example" for usage in ("", "3", "2")] + [f"secure.{fault}.signed.example"]
        directory, root = self.directory / fault, self.authority
        tail = root.certificate.read_bytes()
        if fault == "selfsigned":
            directory.mkdir()
            identity = Identity(directory / "self.key", directory / "self.pem")
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    identity.key, "-out", identity.certificate, "-days", "30", "-subj", "/CN=self",
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
            return identity
        if fault == "stranger":
            return Authority(directory / "ca", "Stranger").issue("mx", directory, names=names)
        if fault in ("chained", "missing"):
            middle = Authority(directory / "ca", "Middle", parent=root)
            identity = middle.issue("mx", directory, names=names)
            if fault == "missing":
                end = b"-----END CERTIFICATE-----\n"
                leaf = identity.certificate.read_bytes().split(end)[0] + end
                identity.certificate.write_bytes(leaf)
        elif fault == "expired":
            identity = root.issue("mx", directory, names=names, days=("-days", "-1"))
        else:
            identity = root.issue("mx", directory, names=["elsewhere.example"] if fault == "wrongname" else names)
        identity.certificate.write_bytes(identity.certificate.read_bytes() + tail)
        return identity

    def setUp(self):
        super().setUp()
        need_name_servers(self)
        self.port = free_port()
        der = openssl("x509", "-in", self.authority.certificate, "-outform", "DER")
        root = f"2 0 1 {hashlib.sha256(der).hexdigest()}"
        self.hosts, records, policies = {}, [], []
        for number, fault in enumerate(TABLE):
            identity = self.identity(fault)
            self.hosts[fault] = self.tls_sink(identity, host=f"127.0.0.{30 + number}", port=self.port)
            for usage, record in (("", None), ("3", f"3 1 1 {identity.key_digest()}"), ("2", root)):
                records.append(f"{fault}{usage}mx A 127.0.0.{30 + number}")
                if record:
                    records.append(f"_{self.port}._tcp.{fault}{usage}mx TLSA {record}")
            for column in COLUMNS:
                level = column_level(column)
                records.append(f"{column}.{fault} MX 10 {fault}{column[len(level):]}mx")
                match = f" match={identity.fingerprint()}" if level == "fingerprint" else ""
                policies.append(f"{column}.{fault}.signed.example {level}{match}")
        dns_port = serve_zones(self, {"signed.example": zone_text("signed.example", *records)}, signed=("signed.example",))
        table = self.directory / "policies"
        table.write_text("\n".join(policies) + "\n")
        self.server = self.sender(
            self.hosts["good"], relayhost=None, disable_dns_lookups="no", smtp_tcp_port=self.port,
            dns_forwarders=f"127.0.0.1@{dns_port}", dns_trust_anchor_file=self.directory / "anchor",
            smtp_mta_sts_enable="no", smtp_tls_policy_maps=f"texthash:{table}", smtp_tls_fingerprint_digest="sha256")

    def attempt(self, column, fault):
        """The word of the session that delivered, or why the mail waits."""
        before = len(self.hosts[fault].messages)
        logged = len(self.server.log_bytes())
        status, dsn, reason = self.outcome(self.server, self.send(self.server, f"r@{column}.{fault}.signed.example"))
        if status == "deferred":
            self.assertEqual((dsn, len(self.hosts[fault].messages)), ("4.7.5", before))
            return reason
        self.assertEqual(status, "sent", reason)
        if not self.hosts[fault].wait_messages(before + 1)[-1].secured:
            return CLEAR
        words = [line for line in self.server.log_bytes()[logged:].decode().splitlines() if "TLS connection established" in line]
        return words[-1].split(": ", 1)[1].split(" ")[0]

    def test_each_fault_at_each_level(self):
        self.assertEqual({column_level(column) for column in COLUMNS}, set(LEVELS))
        for fault, row in TABLE.items():
            for column, wanted in zip(COLUMNS, row, strict=True):
                with self.subTest(fault=fault, level=column):
                    self.assertEqual(self.attempt(column, fault), wanted.format(host=f"{fault}mx.signed.example"))


if __name__ == "__main__":
    unittest.main()
