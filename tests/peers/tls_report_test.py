#!/usr/bin/env python3
"""Goal: domains that ask for reports on TLS get true ones, by mail and by HTTPS, restarts included.
Method: the real program with a reporting period of seconds; unbound with the records, sinks as mail
hosts, an HTTPS host of a test authority; Python's email, gzip and json take the reports apart."""

import email
import email.policy
import gzip
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import RawClient, Scenario, free_port, wait_until  # noqa: E402
from tls_support import Authority, TlsSink, start_resolver  # noqa: E402


class ReportHost(http.server.BaseHTTPRequestHandler):
    """Takes reports, after `server.refusals` answers 503."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 201
        if self.server.refusals > 0:
            self.server.refusals -= 1
            status = 503
        else:
            self.server.reports.append((self.path, self.headers["Content-Type"], body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *unused):
        pass


class Reports(Scenario):
    """good.example has a certificate, bad.example another's; plain.example has no TLS; the reports of all
    go to mail.example and to the HTTPS host."""

    def setUp(self):
        super().setUp()
        self.need("unbound", "unbound")
        self.authority = Authority(self.directory / "ca")
        port = free_port()
        self.good = self.tls_sink(self.authority.issue("mx.good.example"), host="127.0.0.11", port=port)
        self.bad = self.tls_sink(self.authority.issue("elsewhere.example"), host="127.0.0.12", port=port)
        self.plain = self.sink(host="127.0.0.13", port=port)
        self.mailbox = self.tls_sink(self.authority.issue("wrong.example"), host="127.0.0.14", port=port,
                                     broken=True)
        self.start_hosts()
        self.dns_port = start_resolver(self, [
            *(f"mx.{d}.example. A 127.0.0.{n}" for d, n in (("good", 11), ("bad", 12), ("plain", 13), ("mail", 14))),
            *(f"{d}.example. MX 10 mx.{d}.example." for d in ("good", "bad", "plain", "mail")),
            "silent.example. MX 10 mx.good.example.", "reports.example. A 127.0.0.1",
            *(f"mta-sts.{d}.example. A 127.0.0.1" for d in ("good", "bad", "plain", "nocert")),
            *(f'_mta-sts.{d}.example. TXT "v=STSv1; id=1;"' for d in ("good", "bad")),
            '_smtp._tls.good.example. TXT "v=TLSRPTv1; rua=mailto:tls@mail.example"',
            f'_smtp._tls.bad.example. TXT "v=TLSRPTv1; rua=https://reports.example:{self.host.server_port}/bad"',
            f'_smtp._tls.plain.example. TXT "v=TLSRPTv1; rua=mailto:p@mail.example,'
            f'https://reports.example:{self.host.server_port}/plain"'])
        self.server = self.barid(
            relayhost=None, disable_dns_lookups="no", smtp_tcp_port=port, shard_count="2",
            dns_forwarders=f"127.0.0.1@{self.dns_port}", mta_sts_port=self.host.server_port,
            smtp_tls_CAfile=self.authority.certificate, smtp_tls_security_level="may", smtp_tlsrpt_enable="yes",
            tlsrpt_interval="1000d", tlsrpt_send_delay="0", tlsrpt_CAfile=self.authority.certificate,
            webhook_private_networks="127.0.0.0/8", tlsrpt_sender="tlsrpt@sender.example",
            tlsrpt_organization_name="Sender", tlsrpt_contact_info="postmaster@sender.example",
            minimal_backoff_time="1h", maximal_backoff_time="1h", myhostname="mx.sender.example")

    def tls_sink(self, identity, **options):
        sink = TlsSink(identity, **options)
        self.addCleanup(sink.close)
        return sink

    def start_hosts(self):
        class Host(ReportHost):
            def do_GET(self):
                domain = self.headers["Host"].split(":")[0].removeprefix("mta-sts.")
                body = (f"version: STSv1\r\nmode: enforce\r\nmx: mx.{domain}\r\nmax_age: 86400\r\n").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        names = ["reports.example", *(f"mta-sts.{d}.example" for d in ("good", "bad", "plain"))]
        identity = self.authority.issue("reports.example", names=names)
        self.host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.host.socket = context.wrap_socket(self.host.socket, server_side=True)
        self.host.reports, self.host.refusals = [], 0
        threading.Thread(target=self.host.serve_forever, daemon=True).start()
        self.addCleanup(self.host.server_close)
        self.addCleanup(self.host.shutdown)

    def send(self, domain):
        with RawClient(self.server.port) as client:
            name = client.submit(recipients=[f"r@{domain}.example"])
        line = self.server.wait_log(rf"{name}: to=<.*")[0]
        return re.search(r"status=(\S+)", line).group(1)

    def end_period(self):
        """From now on the period that was counted is one that is over."""
        self.server.stop()
        path = self.server.queue_directory / "tlsrpt"
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        for line in lines:
            if line[0] == "domain":
                end = int(time.time()) * 1_000_000
                line[2:4] = str(end - 86_400_000_000), str(end)
        path.write_text("".join("\t".join(line) + "\n" for line in lines))
        self.server.start()

    def policy_of(self, report):
        self.assertEqual(len(report["policies"]), 1, report)
        policy = report["policies"][0]
        return policy["policy"], policy["summary"], policy.get("failure-details", [])

    def test_reports_tell_what_happened(self):
        self.assertEqual([self.send("good"), self.send("bad"), self.send("plain"), self.send("silent")],
                         ["sent", "deferred", "sent", "sent"])
        self.end_period()
        wait_until(lambda: len(self.host.reports) == 2, "the HTTPS host has its reports")
        reports = {}
        for path, kind, body in self.host.reports:
            self.assertEqual(kind, "application/tlsrpt+gzip")
            reports[path] = json.loads(gzip.decompress(body))
        policy, summary, details = self.policy_of(reports["/bad"])
        self.assertEqual(policy, {"policy-type": "sts", "policy-domain": "bad.example", "mx-host": ["mx.bad.example"],
                                  "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.bad.example",
                                                    "max_age: 86400"]})
        self.assertEqual(summary, {"total-successful-session-count": 0, "total-failure-session-count": 1})
        self.assertEqual((details[0]["result-type"], details[0]["receiving-mx-hostname"], details[0]["receiving-ip"],
                          details[0]["failed-session-count"]),
                         ("certificate-host-mismatch", "mx.bad.example", "127.0.0.12", 1))
        self.assertTrue(details[0]["sending-mta-ip"].startswith("127."))
        policy, summary, details = self.policy_of(reports["/plain"])
        self.assertEqual(policy, {"policy-type": "no-policy-found", "policy-domain": "plain.example"})
        self.assertEqual([one["result-type"] for one in details], ["starttls-not-supported"])
        self.check_mail()
        # Nobody asked for one about silent.example, and a report is not counted for the next.
        self.assertEqual(self.server.log_matches("TLS-RPT: .*silent"), [])
        self.server.stop()
        self.assertEqual((self.server.queue_directory / "tlsrpt").read_text(), "barid tlsrpt 1\n")

    def check_mail(self):
        """The mail host's TLS is broken: the reports come in clear, at once."""
        mails = {m.recipients[0]: m for m in self.mailbox.wait_messages(2)}
        self.assertEqual(sorted(mails), ["p@mail.example", "tls@mail.example"])
        one = mails["tls@mail.example"]
        self.assertEqual((one.sender, one.secured), ("", False))
        message = email.message_from_bytes(one.content, policy=email.policy.default)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "tlsrpt")
        self.assertEqual(message["TLS-Report-Domain"], "good.example")
        self.assertEqual(message["TLS-Report-Submitter"], "mx.sender.example")
        self.assertEqual(message["From"].addresses[0].addr_spec, "tlsrpt@sender.example")
        self.assertIn("Report Domain: good.example", message["Subject"])
        text, packed = message.iter_parts()
        self.assertEqual((text.get_content_type(), packed.get_content_type()),
                         ("text/plain", "application/tlsrpt+gzip"))
        self.assertTrue(packed.get_filename().startswith("mx.sender.example!good.example!"))
        report = json.loads(gzip.decompress(packed.get_content()))
        self.assertEqual((report["organization-name"], report["contact-info"]),
                         ("Sender", "postmaster@sender.example"))
        policy, summary, details = self.policy_of(report)
        self.assertEqual((policy["policy-type"], policy["policy-domain"]), ("sts", "good.example"))
        self.assertEqual(summary, {"total-successful-session-count": 1, "total-failure-session-count": 0})
        self.assertEqual(details, [])

    def test_a_host_that_refuses_is_asked_again_later(self):
        self.host.refusals = 1
        self.assertEqual(self.send("bad"), "deferred")
        self.end_period()
        self.server.wait_log("TLS-RPT: report for bad.example: https://reports.example:.*: answered 503")
        self.server.stop()
        path = self.server.queue_directory / "tlsrpt"
        text = path.read_text()
        self.assertIn("https://reports.example", text)
        path.write_text(re.sub(r"(domain\tbad\.example\t\d+\t\d+\t)\d+", r"\g<1>1", text))
        self.server.start()
        wait_until(lambda: len(self.host.reports) == 1, "the report comes")

    def test_off_by_default(self):
        self.server.configure(smtp_tlsrpt_enable=None)
        self.server.reload()
        self.server.wait_log("reload -- configuration")
        self.assertEqual(self.send("good"), "sent")
        self.server.stop()
        self.assertFalse((self.server.queue_directory / "tlsrpt").exists())

    def test_private_hosts_are_not_called(self):
        self.server.configure(webhook_private_networks=None)
        self.assertEqual(self.send("bad"), "deferred")
        self.end_period()
        self.server.wait_log("TLS-RPT: report for bad.example: https://reports.example:.*: private address")
        self.assertEqual(self.host.reports, [])


if __name__ == "__main__":
    unittest.main()
