#!/usr/bin/env python3
"""Goal: barid doctor and barid dkim check find what is wrong, and nothing where nothing is.
Method: zones served by unbound on loopback, one domain as it should be and some that are not.
"""

import http.server
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, Scenario, find_program, free_port, wait_until  # noqa: E402
from tls_support import Authority  # noqa: E402

UNBOUND = """
server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  access-control: 127.0.0.0/8 allow
  local-zone: "example." static
  local-zone: "9.in-addr.arpa." static
{data}
remote-control:
  control-enable: no
"""


class Doctor(Scenario):
    def serve(self, *records):
        port = free_port()
        data = "".join(f"  local-data: '{record}'\n" for record in records)
        conf = self.directory / "unbound.conf"
        conf.write_text(UNBOUND.format(port=port, directory=self.directory, data=data))
        process = self.spawn([find_program("unbound"), "-d", "-c", conf], "unbound")
        query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\4good\7example\0\0\x0f\0\1"

        def answers():
            self.assertIsNone(process.poll(), (self.directory / "unbound.out").read_text())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.2)
                try:
                    probe.sendto(query, ("127.0.0.1", port))
                    return len(probe.recv(512)) > 0
                except OSError:
                    return False

        wait_until(answers, "unbound answers")
        return port

    def barid_command(self, *arguments):
        done = subprocess.run([BARID, *(str(a) for a in arguments)], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def new_key(self, domain, selector):
        code, out, said = self.barid_command("dkim", "new", "--domain", domain, "--selector", selector,
                                             "--directory", self.directory, "--json")
        self.assertEqual(code, 0, said)
        return json.loads(out)

    def configure(self, dns_port, *lines, **main):
        (self.directory / "table").write_text("".join(line + "\n" for line in lines))
        settings = {"myhostname": "mx.good.example", "queue_directory": self.directory / "queue",
                    "dns_forwarders": f"127.0.0.1@{dns_port}",
                    "dkim_signing_maps": f"texthash:{self.directory}/table",
                    "mta_sts_CAfile": self.authority.certificate, "mta_sts_port": self.policy_host.server_port, **main}
        (self.directory / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))

    def examine(self, *arguments):
        code, out, said = self.barid_command("doctor", "--json", "-c", self.directory, *arguments)
        findings = {}
        for line in out.splitlines():
            finding = json.loads(line)
            self.assertEqual(set(finding), {"check", "subject", "status", "text", "advice"})
            findings.setdefault((finding["check"], finding["subject"]), finding)
        return code, findings, said

    def txt(self, name, *strings):
        return f"{name}. TXT " + " ".join(f'"{s}"' for s in strings)

    def zone(self, good, other):
        value = good["value"]
        return self.serve(
            "mx.good.example. A 9.9.9.10", "10.9.9.9.in-addr.arpa. PTR mx.good.example.",
            "11.9.9.9.in-addr.arpa. PTR other.example.",
            "good.example. MX 10 mx.good.example.", self.txt("good.example", "v=spf1 mx -all"),
            self.txt(good["name"], value[:200], value[200:]),
            self.txt("_dmarc.good.example", "v=DMARC1; p=reject"), self.txt("_mta-sts.good.example", "v=STSv1; id=1"),
            "mta-sts.good.example. A 127.0.0.1",
            self.txt("bad.example", "v=spf1 ip4:9.9.9.200 -all"),
            self.txt(other["name"], "v=DKIM1; k=rsa; p=" + "AAAA" * 20),
            self.txt("_dmarc.bad.example", "v=DMARC1; p=nothing"))

    def setUp(self):
        super().setUp()
        self.good, self.bad = self.new_key("good.example", "s1"), self.new_key("bad.example", "s1")
        self.port = self.zone(self.good, self.bad)
        self.serve_policy()
        self.configure(self.port, self.good["table"], self.bad["table"])

    def serve_policy(self):
        """https://mta-sts.good.example, whose policy is self.policy."""
        scenario = self
        self.policy = "version: STSv1\nmode: enforce\nmx: *.good.example\nmax_age: 86400\n"

        class Host(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = scenario.policy.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused):
                pass

        self.authority = Authority(self.directory / "ca")
        identity = self.authority.issue("mta-sts.good.example")
        self.policy_host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.policy_host.socket = context.wrap_socket(self.policy_host.socket, server_side=True)
        threading.Thread(target=self.policy_host.serve_forever, daemon=True).start()
        self.addCleanup(self.policy_host.server_close)
        self.addCleanup(self.policy_host.shutdown)

    def test_policies_are_fetched(self):
        for text, status, word in (
                (self.policy, "ok", "enforced"), (self.policy.replace("enforce", "testing"), "warning", "not enforced"),
                (self.policy.replace("*.good", "mx.other"), "failed", "does not name the mail host mx.good.example"),
                ("nonsense", "failed", "a line without a colon")):
            self.policy = text
            self.configure(self.port, self.good["table"])
            _, findings, said = self.examine("--address", "9.9.9.10", "--probe", f"127.0.0.1:{free_port()}")
            finding = findings["mta-sts-policy", "good.example"]
            self.assertEqual(finding["status"], status, (finding, said))
            self.assertIn(word, finding["text"])
        self.configure(self.port, self.good["table"], mta_sts_CAfile="")
        _, findings, _ = self.examine("--address", "9.9.9.10", "--probe", f"127.0.0.1:{free_port()}")
        self.assertIn("SSL", findings["mta-sts-policy", "good.example"]["text"])

    def test_all_is_well(self):
        sink = self.sink()
        self.configure(self.port, self.good["table"])
        code, findings, said = self.examine("--address", "9.9.9.10", "--probe", f"127.0.0.1:{sink.port}")
        failed = {key: finding for key, finding in findings.items() if finding["status"] == "failed"}
        self.assertEqual((code, failed), (0, {}), said)
        for check, subject in (("helo", "mx.good.example"), ("ptr", "9.9.9.10"), ("spf", "good.example"),
                               ("dkim", "s1._domainkey.good.example"), ("dmarc", "good.example"),
                               ("mx", "good.example"), ("mta-sts", "good.example"),
                               ("mta-sts-policy", "good.example"), ("port", "127.0.0.1")):
            self.assertEqual(findings[check, subject]["status"], "ok", findings[check, subject])
        for check in ("limits", "io_uring", "disk", "space", "clock", "certificate"):
            self.assertTrue(any(key[0] == check for key in findings), check)

    def test_what_is_wrong_is_named(self):
        code, findings, _ = self.examine("--address", "9.9.9.11", "--domain", "absent.example",
                                         "--probe", f"127.0.0.1:{free_port()}")
        self.assertEqual(code, 69)
        for check, subject, word in (
                ("ptr", "9.9.9.11", "other.example"), ("spf", "bad.example", "fail for 9.9.9.11"),
                ("dkim", "s1._domainkey.bad.example", "another key"), ("dmarc", "bad.example", "p=nothing"),
                ("spf", "absent.example", "none"), ("dmarc", "absent.example", "no DMARC record"),
                ("port", "127.0.0.1", "Connection refused")):
            finding = findings[check, subject]
            self.assertEqual(finding["status"], "failed", finding)
            self.assertIn(word, finding["text"])
            self.assertTrue(finding["advice"], finding)
        self.assertEqual(findings["dkim", "absent.example"]["status"], "warning")

    def test_where_dns_does_not_answer_nothing_is_to_be_published(self):
        self.configure(free_port(), self.good["table"])  # nobody listens there
        code, findings, said = self.examine("--address", "9.9.9.10", "--probe", f"127.0.0.1:{free_port()}")
        self.assertEqual(code, 69, said)
        for check, subject in (("helo", "mx.good.example"), ("ptr", "9.9.9.10"), ("spf", "good.example"),
                               ("dkim", "s1._domainkey.good.example"), ("dmarc", "good.example"), ("mx", "good.example")):
            finding = findings[check, subject]
            self.assertEqual(finding["status"], "failed", finding)
            self.assertIn("DNS does not tell", finding["text"])
            self.assertIn("why DNS does not answer", finding["advice"])
        code, out, said = self.barid_command("dkim", "-c", self.directory, "check")
        self.assertEqual((code, said), (75, ""))
        self.assertRegex(out, r"\Aunknown  s1\._domainkey\.good\.example: DNS does not tell: \w+\n\Z")

    def test_what_is_wrong_with_the_machine(self):
        old = self.authority.issue("old.example", days=("-days", "-1")).certificate
        soon = self.authority.issue("soon.example", days=("-days", "5")).certificate
        fresh = self.authority.issue("fresh.example").certificate
        empty, gone = self.directory / "empty.pem", self.directory / "gone.pem"
        empty.write_text("no PEM\n")
        chain = {"smtpd_tls_cert_file": fresh}
        rows = (
            (chain, "certificate", fresh, "ok", "ends in ", ""),
            ({"smtpd_tls_cert_file": old}, "certificate", old, "failed", "has expired", "renew"),
            ({"smtpd_tls_cert_file": soon}, "certificate", soon, "warning", "ends in ", "renew"),
            ({"smtpd_tls_chain_files": empty}, "certificate", empty, "failed", "holds no certificate", "PEM file"),
            ({"smtpd_tls_eccert_file": gone}, "certificate", gone, "failed", "No such file", "PEM file"),
            ({}, "certificate", "", "warning", "no certificate", "smtpd_tls_chain_files"),
            ({"queue_directory": "/proc/none"}, "disk", "/proc", "failed", "a synced write fails", "writable"),
            ({"queue_minfree": "900000000000000000"}, "space", None, "failed", "are free", "refused below"),
            ({"io_backend": "epoll"}, "io_uring", "", "warning", "", "io"),
            ({"myhostname": "nowhere.example"}, "helo", "nowhere.example", "failed", "no address", "myhostname"),
            ({"myhostname": "short"}, "helo", "short", "failed", "no fully qualified", "myhostname"))
        for main, check, subject, status, word, advice in rows:
            with self.subTest(check=check, subject=subject):
                self.configure(self.port, self.good["table"], **main)
                _, findings, said = self.examine("--address", "9.9.9.10", "--probe", "127.0.0.1:1")
                found = [f for (c, s), f in findings.items() if c == check and subject in (None, s) or (c, s) == (check, str(subject))]
                self.assertEqual(len(found), 1, (findings, said))
                self.assertEqual(found[0]["status"], status, found)
                self.assertIn(word, found[0]["text"])
                self.assertIn(advice, found[0]["advice"])
        self.configure(self.port, self.good["table"], **chain)
        done = subprocess.run(["prlimit", "--nofile=1024:1024", BARID, "doctor", "-c", self.directory, "--address", "9.9.9.10"],
                              capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, r"(?m)^warning +limits +descriptors: a process may have 1024 open descriptors\n"
                                      r" +each session is one: raise the limit to 65536")
        # Of the machine's own clock only this much is known here: what is not well comes with what to do.
        clock = re.search(r"(?m)^(ok|warning) +clock +.*\n( {20,}run chrony)?", done.stdout)
        self.assertEqual(clock[1] == "warning", bool(clock[2]), done.stdout)
        # The certificate of a single service counts, too.
        (self.directory / "master.cf").write_text(f"smtp inet n - n - - smtpd -o smtpd_tls_cert_file={old}\n")
        _, findings, _ = self.examine("--address", "9.9.9.10")
        self.assertEqual(findings["certificate", str(old)]["status"], "failed")
        (self.directory / "master.cf").unlink()

    def test_signatures_must_be_aligned(self):
        """The From domain is what counts, whatever d= a rule has."""
        path = self.good["table"].split("key=")[1].split()[0]
        rule = f"good.example selector=s1 key={path} domain=bad.example"
        self.configure(self.port, rule)
        _, findings, _ = self.examine("--address", "9.9.9.10", "--probe", "127.0.0.1:1")
        finding = findings["dmarc", "good.example"]
        self.assertEqual(finding["status"], "failed", finding)
        self.assertIn("no signature is aligned: d=bad.example", finding["text"])
        self.assertIn("leave domain= out", finding["advice"])
        self.assertEqual(findings["dkim", "s1._domainkey.bad.example"]["status"], "failed")
        self.assertEqual(findings["spf", "good.example"]["status"], "ok")

    def test_text_and_usage(self):
        code, out, _ = self.barid_command("doctor", "-c", self.directory, "--address", "9.9.9.10")
        self.assertEqual(code, 69)
        self.assertRegex(out, r"(?m)^ok +ptr +9\.9\.9\.10: PTR, HELO and address agree")
        self.assertRegex(out, r"(?m)^failed +dkim +s1\._domainkey\.bad\.example: the record is of another key")
        self.assertEqual(self.barid_command("doctor", "--help")[0], 0)
        self.assertEqual(self.barid_command("doctor", "--address", "nowhere")[0], 64)
        (self.directory / "main.cf").write_text("shard_count = many\n")
        self.assertEqual(self.barid_command("doctor", "-c", self.directory)[0], 78)

    def test_dkim_check(self):
        code, out, _ = self.barid_command("dkim", "check", "-c", self.directory, "--json")
        verdicts = {json.loads(line)["domain"]: json.loads(line)["status"] for line in out.splitlines()}
        self.assertEqual((code, verdicts), (65, {"good.example": "ok", "bad.example": "bad"}))
        code, out, _ = self.barid_command("dkim", "check", "-c", self.directory, "--domain", "good.example")
        self.assertEqual(code, 0, out)
        code, out, _ = self.barid_command("dkim", "show", "-c", self.directory, "--json", "--domain", "good.example")
        self.assertEqual(json.loads(out)["value"], self.good["value"])
        # Never over an existing key.
        code, _, said = self.barid_command("dkim", "new", "--domain", "good.example", "--selector", "s1",
                                           "--directory", self.directory)
        self.assertEqual(code, 73)
        self.assertIn("File exists", said)


if __name__ == "__main__":
    unittest.main()
