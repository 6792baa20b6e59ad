#!/usr/bin/env python3
"""Goal: what is wrong in main.cf or master.cf is said before anything is served, with file, line,
parameter and what would be right; `barid config check` says the same; a reload with it is refused.
Method: the real program, rows of settings and what it must say; files behind parameters that change.
"""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, RawClient, Scenario, free_port, wait_until  # noqa: E402

# Setting, and what is said of it behind "main.cf, line N: ". These stop a start.
REFUSED = [
    ("mynetworks = 127.0.0.999", 'mynetworks: bad address pattern: "127.0.0.999"; need one such as 192.0.2.1'),
    ("mynetworks = 10.0.0.0/40", 'mynetworks: bad net/mask pattern: "10.0.0.0/40"'),
    ("smtpd_authorized_xclient_hosts = 1.2.3", "smtpd_authorized_xclient_hosts: bad address pattern"),
    ("default_transport = smt", 'default_transport: there is no transport "smt" (did you mean smtp?); master.cf '
                                 "and defaults have smtp, relay, lmtp, local, virtual, error, retry, discard"),
    ("relay_transport = nosuch:[x]", 'relay_transport: there is no transport "nosuch"; master.cf'),
    ("best_mx_transport = nosuch", 'best_mx_transport: there is no transport "nosuch"'),
    ("myhostname =", "bad parameter value: myhostname = ; need a host name such as mx.example.org"),
    ("myhostname = a b", "bad parameter value: myhostname = a b; need a host name"),
    ("mydomain = a..b", "bad parameter value: mydomain = a..b; need a host name"),
    ("smtp_helo_name = -x.example", "bad parameter value: smtp_helo_name = -x.example"),
    ("myorigin =", "bad string length 0 < 1: myorigin = ; it must not be empty"),
    ("message_size_limit = 10M", "bad numerical configuration: message_size_limit = 10M; need a whole number"),
    ("message_size_limit = -1", "invalid message_size_limit parameter value -1 < 0"),
    ("smtpd_timeout = 5x", "parameter smtpd_timeout: bad time value or unit: 5x; need a number and s, m, h, d or w, "
                           "such as 5s"),
    ("smtpd_helo_required = maybe", "bad boolean configuration: smtpd_helo_required = maybe; need yes or no"),
    ("inet_protocols = ipv5", 'invalid inet_protocols parameter value "ipv5": need any of all, ipv4, ipv6'),
    ("inet_protocols =", 'invalid inet_protocols parameter value "": need any of all, ipv4, ipv6'),
    ("inet_interfaces = 1.2.3", 'inet_interfaces: "1.2.3" is neither all, loopback-only, an address nor the name'),
    ("log_format = xml", 'invalid log_format parameter value "xml": need one of json, text'),
    ("relayhost = [unclosed", 'relayhost: destination "[unclosed": "]" is missing'),
    ("relayhost = [192.0.2.1]:99999", "the port is neither 1..65535 nor a mail service name"),
    ("smtpd_relay_restrictions = permit", "specify at least one working instance of: reject_unauth_destination"),
    ("smtp_discard_ehlo_keywords = foo", 'smtp_discard_ehlo_keywords: unknown keyword "foo"'),
    ("smtpd_discard_ehlo_keywords = foo", 'smtpd_discard_ehlo_keywords: unknown keyword at "foo"'),
    ("smtpd_recipient_restrictions = permit_mynetwork, reject",
     'smtpd_recipient_restrictions: unknown smtpd restriction: "permit_mynetwork" (did you mean permit_mynetworks?)'),
    ("dns_forwarders = 1.2.3", 'invalid dns_forwarders parameter value "1.2.3": need address@port'),
    ("dns_trust_anchor_file = /nonexistent", "dns_trust_anchor_file: open /nonexistent: No such file"),
    ("default_destination_concurrency_positive_feedback = foo",
     'default_destination_concurrency_positive_feedback: "foo" is none of x, x/y'),
    ("smtp_destination_concurrency_limit = x", "bad numerical configuration: smtp_destination_concurrency_limit = x"),
    ("reject_code = 700", "invalid reject_code parameter value 700 > 599"),
    ("my destination = x", 'missing \'=\' after attribute name: "my destination = x"'),
    ("retry_schedule = 1m soon", "parameter retry_schedule: bad time value or unit: soon"),
    ("fbl_address = nobody", 'fbl_address: "nobody" is no address: need one such as bounces@example.org'),
    ("return_path_addresses = a@b.example, @b.example", 'return_path_addresses: "@b.example" is no address'),
    ("default_verp_delimiters = +", 'default_verp_delimiters: "+": need two characters, such as +='),
    ("smtp_tls_security_level = maybe", 'smtp_tls_security_level: "maybe" is none of none, may, encrypt'),
]

# These are warned about: lookups fail temporarily, or nobody knows the name.
WARNED = [
    ("transport_maps = nosuch:/x", "transport_maps: nosuch:/x is unavailable. unsupported dictionary type: nosuch "
                                   "(there are aliases, btree, cdb,"),
    ("transport_maps = texthash:/nonexistent", "transport_maps: texthash:/nonexistent is unavailable. open "
                                               "/nonexistent: No such file"),
    ("transport_maps = inline:{{a.example=smt:}}", "transport_maps: inline:{{a.example=smt:}}: a.example: there is "
                                                    'no transport "smt" (did you mean smtp?)'),
    ("sender_dependent_relayhost_maps = inline:{{a@b.example=[x}}", 'a@b.example: destination "[x": "]" is missing'),
    ("relay_domains = /nonexistent", "relay_domains: open /nonexistent: No such file"),
    ("mydestination = nosuch:/x", "mydestination: nosuch:/x is unavailable"),
    ("alias_maps = nosuch:/x", "alias_maps: nosuch:/x is unavailable"),
    ("mynetworks = 127.0.0.1/8", "mynetworks: non-null host address bits in"),
    ("smtpd_recipient_restrictions = reject_unknown_sender_domain, reject",
     "smtpd_recipient_restrictions: this version does not serve the restriction reject_unknown_sender_domain; it "
     "answers 451 4.3.5 when reached"),
    ("smtpd_recipient_restrictions = check_client_access nosuch:/x, reject",
     "smtpd_recipient_restrictions: nosuch:/x is unavailable"),
    ("mynetwork = 127.0.0.0/8", "unused parameter: mynetwork=127.0.0.0/8 (did you mean mynetworks?)"),
    ("smtp_reply_filter = pcre:/nonexistent", "smtp_reply_filter: pcre:/nonexistent is unavailable"),
]

MASTER_REFUSED = [
    ("127.0.0.1:0 inet n - n - - smtpd", 'bad value: "127.0.0.1:0"'),
    ("nosuch.invalid:2525 inet n - n - - smtpd", '"nosuch.invalid" is not an IP address'),
    ("smtp inet n -", "master.cf, line 1"),
    ("smtp innet n - n - - smtpd", "innet"),
    ("127.0.0.1:2525 inet n - n - x smtpd", "master.cf, line 1"),
    ("127.0.0.1:2525 inet n - n - - smtpd\n -o smtpd_timeout=5x", "smtpd_timeout: bad time value or unit: 5x"),
]


class BadConfiguration(Scenario):
    def check(self, server):
        return subprocess.run([BARID, "config", "check", "-c", str(server.directory)], capture_output=True, text=True,
                              timeout=PATIENCE)

    def with_line(self, line, number=7):
        """A server with `line` as line `number` of main.cf, not started."""
        name = line.split("=")[0].strip()
        server = self.barid(f"b{len(list(self.directory.iterdir()))}", start=False)
        server.configure(**({name: None} if name in server.main else {}))
        path = server.directory / "main.cf"
        lines = path.read_text().splitlines()
        lines.insert(number - 1, line)
        path.write_text("\n".join(lines) + "\n")
        return server

    def test_main_cf_is_refused(self):
        for line, says in REFUSED:
            with self.subTest(line):
                server = self.with_line(line)
                done = self.check(server)
                self.assertEqual(done.returncode, 78, done.stderr)
                said = done.stdout + done.stderr
                self.assertIn(f"{server.directory}/main.cf, line 7: ", said)
                self.assertIn(says, said)
                self.assertEqual(said.count("line 7: "), 1, said)

    def test_a_start_says_the_same(self):
        for line, says in REFUSED[:6]:
            with self.subTest(line):
                server = self.with_line(line)
                done = subprocess.run([BARID, "serve", "-c", str(server.directory)], capture_output=True, text=True,
                                      timeout=PATIENCE)
                self.assertEqual(done.returncode, 78, done.stderr)
                self.assertIn(f"fatal: {server.directory}/main.cf, line 7: ", done.stderr)
                self.assertIn(says, done.stderr)
                self.assertFalse(server.queue_directory.exists())

    def test_main_cf_is_warned_about(self):
        for line, says in WARNED:
            with self.subTest(line):
                server = self.with_line(line)
                done = self.check(server)
                self.assertEqual(done.returncode, 0, done.stderr)
                said = done.stdout + done.stderr
                self.assertIn(f"warning: {server.directory}/main.cf, line 7: ", said)
                self.assertIn(says, said)
                self.assertEqual(said.count("line 7: "), 1, said)

    def test_a_key_instead_of_its_digest(self):
        server = self.barid(start=False, http_api_key_maps="inline:{{my-secret=tenant=a scopes=send}}",
                            services=[f"127.0.0.1:{free_port()} inet n - n - - httpd"])
        server.configure()
        done = self.check(server)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("entry 1: what it is looked up by is no SHA-256 of a key in lower-case hexadecimal", done.stderr)

    def test_master_cf_is_refused(self):
        for lines, says in MASTER_REFUSED:
            with self.subTest(lines):
                server = self.barid(f"m{len(list(self.directory.iterdir()))}", start=False, services=[lines])
                server.configure()
                done = self.check(server)
                self.assertEqual(done.returncode, 78, done.stderr)
                said = done.stdout + done.stderr
                self.assertIn(f"{server.directory}/master.cf, line 1: ", said)
                self.assertIn(says, said)

    def test_the_environment_is_named(self):
        server = self.barid(start=False)
        server.configure()
        done = subprocess.run(["env", "BARID_SMTPD_TIMEOUT=5x", BARID, "config", "check", "-c", str(server.directory)],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 78)
        self.assertIn("environment variable BARID_SMTPD_TIMEOUT: parameter smtpd_timeout: bad time value",
                      done.stdout + done.stderr)

    def test_a_reload_with_it_is_refused(self):
        server = self.barid()
        server.configure(default_transport="smt")
        server.reload()
        server.wait_log(r"error: reload refused: \S+/main\.cf, line \d+: default_transport: there is no transport")
        with RawClient(server.port) as client:
            client.command("NOOP", 250)

    def test_a_port_in_use_is_said_once(self):
        first = self.barid()
        second = self.barid("second", start=False, services=first.services)
        status, said = second.refused()
        self.assertEqual(status, 69)
        self.assertEqual(len(re.findall(rf"fatal: {re.escape(str(second.directory))}/master\.cf, line 1: "
                                        rf"127\.0\.0\.1:{first.port}/inet: cannot listen on", said)), 1, said)

    def test_no_files_are_as_good_as_any(self):
        empty = self.directory / "empty"
        empty.mkdir()
        for directory in (empty, self.directory / "none"):
            done = subprocess.run([BARID, "config", "check", "-c", str(directory)], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        (empty / "master.cf").write_text("smtp inet n - n - - smtpd\n*:2525 inet n - n - - smtpd\n")
        for line in ("inet_interfaces = all", "inet_protocols = ipv4", "inet_interfaces = localhost"):
            (empty / "main.cf").write_text(line + "\n")
            done = subprocess.run([BARID, "config", "check", "-c", str(empty)], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)

    def test_interfaces_by_name_and_address(self):
        port = free_port()
        server = self.barid(start=False, services=[f"{port} inet n - n - - smtpd"],
                            inet_interfaces="127.0.0.2, localhost")
        server.port = port
        server.start()
        for host in ("127.0.0.1", "127.0.0.2"):
            RawClient(port, host=host).close()
        with self.assertRaises(OSError):
            RawClient(port, host="127.0.0.3")


class FilesThatChange(Scenario):
    def test_a_table_is_read_again(self):
        rules = self.directory / "rules"
        rules.write_text("rcpt@sink.example OK\n")
        server = self.barid(smtpd_recipient_restrictions=f"check_recipient_access texthash:{rules}, permit")

        def refused():
            with RawClient(server.port) as client:
                client.command("MAIL FROM:<a@b.example>", 250)
                return client.command("RCPT TO:<rcpt@sink.example>")[0] == 554

        self.assertFalse(refused())
        # As a mounted Secret changes: a new file takes the old one's place.
        (self.directory / "new").write_text("rcpt@sink.example REJECT\n")
        (self.directory / "new").rename(rules)
        wait_until(refused, "the new rules", every=0.1)

    def test_a_secret_behind_a_link_is_read_again(self):
        secrets = self.directory / "secrets"
        for name, domains in (("one", "a.example"), ("two", "b.example")):
            (secrets / name).mkdir(parents=True)
            (secrets / name / "domains").write_text(domains + "\n")
        (secrets / "..data").symlink_to("one")
        server = self.barid(mynetworks="192.0.2.1", relay_domains=f"{secrets}/..data/domains")

        def taken(domain):
            with RawClient(server.port) as client:
                client.command("MAIL FROM:<a@b.example>", 250)
                return client.command(f"RCPT TO:<x@{domain}>")[0] == 250

        self.assertTrue(taken("a.example"))
        self.assertFalse(taken("b.example"))
        (secrets / "next").symlink_to("two")
        (secrets / "next").rename(secrets / "..data")
        wait_until(lambda: taken("b.example"), "the new secret", every=0.1)
        self.assertFalse(taken("a.example"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
