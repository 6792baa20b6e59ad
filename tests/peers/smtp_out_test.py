#!/usr/bin/env python3
"""Goal: real servers take what Barid sends, and every answer of theirs leads to the right state.
Method: npm's smtp-server, Postfix and OpenSMTPD as next hop; a scripted sink for the answers.
"""

import base64
import contextlib
import email
import email.policy
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import (DROP, ROOT, RawClient, Scenario, Sink, free_port, listening,  # noqa: E402
                           stop_process, wait_until)

NODE_DIRECTORY = pathlib.Path(__file__).resolve().parent / "node"
BODY = b"Subject: x\r\n\r\n.dot\r\n..\r\n" + "grüße".encode() + b"\r\n"


def text_of(message):
    """What follows the header, to which the peers add fields of their own."""
    return getattr(message, "content", message).split(b"\r\n\r\n", 1)[1]


def report(message):
    """(human text, fields for the message, fields of each recipient, returned part) of a notice."""
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report", parsed.get_content_type()
    text, status, returned = parsed.iter_parts()
    blocks = status.get_payload()
    return text.get_content(), blocks[0], blocks[1:], returned


class Peers(Scenario):
    def test_npm_smtp_server(self):
        node = self.need("node", "nodejs")
        if not (NODE_DIRECTORY / "node_modules/smtp-server").is_dir():
            self.skipTest("smtp-server is not installed (tools/install-deps --tests)")
        peer = subprocess.Popen([node, NODE_DIRECTORY / "receive.js"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(stop_process, peer)
        port = json.loads(peer.stdout.readline())["port"]
        server = self.barid(relayhost=f"[127.0.0.1]:{port}")
        with RawClient(server.port) as client:
            ids = [client.submit(BODY, recipients=[f"r{n}@sink.example"], parameters=" BODY=8BITMIME")
                   for n in range(10)]
            failing = client.submit(BODY, recipients=["bad@sink.example", "good@sink.example"])
        got = [json.loads(peer.stdout.readline()) for _ in range(12)]  # ten, one half, a notice
        server.wait_queue()
        contents = [base64.b64decode(m["content"]) for m in got]
        self.assertEqual(sum(c.endswith(BODY) for c in contents), 11)
        self.assertEqual(sorted(m["to"][0] for m in got),
                         sorted([f"r{n}@sink.example" for n in range(10)]
                                + ["good@sink.example", "sender@client.example"]))
        for name in ids:
            server.expect_log(rf"{name}: to=<.*status=sent")
        server.expect_log(rf"{failing}: to=<bad@.*status=bounced")

    def test_postfix(self):
        postfix = self.need("postfix", "postfix")
        if os.geteuid() != 0:
            self.skipTest("Postfix starts only as root")
        self.directory.chmod(0o755)
        home = self.directory / "postfix"
        for name in ("conf", "queue", "data"):
            (home / name).mkdir(parents=True)
        for path in (home, home / "conf", home / "queue"):
            path.chmod(0o755)
        subprocess.run(["chown", "postfix", str(home / "data")], check=True)
        port, out = free_port(), self.sink()
        (home / "conf/main.cf").write_text(
            "compatibility_level = 3.6\n"
            f"queue_directory = {home}/queue\ndata_directory = {home}/data\n"
            f"maillog_file = {home}/maillog\nmaillog_file_prefixes = {home}\n"
            "myhostname = postfix.example\nmydestination =\nlocal_recipient_maps =\nalias_maps =\n"
            "alias_database =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
            f"relayhost = {out.relayhost}\nsmtp_dns_support_level = disabled\nsmtp_host_lookup = native\n"
            "smtpd_peername_lookup = no\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
            "smtpd_recipient_restrictions = check_recipient_access inline:{refused@sink.example=REJECT}\n")
        services = [f"127.0.0.1:{port} inet n - n - - smtpd"]
        services += [f"{n} unix {p} - n {w} {m} {c}" for n, p, w, m, c in (
            ("cleanup", "n", "-", "0", "cleanup"), ("qmgr", "n", "300", "1", "qmgr"),
            ("rewrite", "-", "-", "-", "trivial-rewrite"), ("bounce", "-", "-", "0", "bounce"),
            ("defer", "-", "-", "0", "bounce"), ("trace", "-", "-", "0", "bounce"), ("flush", "n", "1000?", "0", "flush"),
            ("proxymap", "-", "-", "-", "proxymap"), ("smtp", "-", "-", "-", "smtp"),
            ("relay", "-", "-", "-", "smtp"), ("error", "-", "-", "-", "error"), ("retry", "-", "-", "-", "error"),
            ("anvil", "-", "-", "1", "anvil"), ("scache", "-", "-", "1", "scache"))]
        services.append("postlog unix-dgram n - n - 1 postlogd")
        (home / "conf/master.cf").write_text("\n".join(services) + "\n")
        started = subprocess.run([postfix, "-c", home / "conf", "start"], capture_output=True, text=True,
                                 timeout=30)
        self.addCleanup(subprocess.run, [postfix, "-c", str(home / "conf"), "stop"], capture_output=True)
        self.assertEqual(started.returncode, 0, started.stderr)
        wait_until(lambda: listening(port), "Postfix listens")
        server = self.barid(relayhost=f"[127.0.0.1]:{port}")
        with RawClient(server.port) as client:
            for number in range(10):
                client.submit(BODY, recipients=[f"r{number}@sink.example"], parameters=" BODY=8BITMIME")
            client.submit(BODY, recipients=["refused@sink.example", "last@sink.example"])
        server.wait_queue()
        out.wait_messages(12)
        self.assertEqual(sum(text_of(m) == text_of(BODY) for m in out.messages), 11)
        notice = next(m for m in out.messages if m.sender == "")
        self.assertEqual(report(notice)[2][0]["Action"], "failed")
        self.assertIn("postfix.example", out.messages[0].content.decode())

    def test_opensmtpd(self):
        program = ROOT / "build/peers/opensmtpd/usr/sbin/smtpd"
        if not program.exists():
            self.skipTest("OpenSMTPD is not unpacked (tools/install-deps --tests)")
        if os.geteuid() != 0:
            self.skipTest("OpenSMTPD starts only as root")
        with socket.socket(socket.AF_UNIX) as other:
            if other.connect_ex("/var/run/smtpd.sock") == 0:
                self.skipTest("another OpenSMTPD runs, and the path of its socket is built in")
        out, port = self.sink(), free_port()
        conf = self.directory / "smtpd.conf"
        conf.write_text(f"listen on 127.0.0.1 port {port} hostname opensmtpd.example\n"
                        f'action "out" relay host "smtp://127.0.0.1:{out.port}"\n'
                        'match from any for any action "out"\n')
        conf.chmod(0o600)
        peer = self.spawn([program, "-d", "-f", conf], "smtpd")
        self.addCleanup(lambda: os.path.exists("/var/run/smtpd.sock") and os.unlink("/var/run/smtpd.sock"))
        self.addCleanup(stop_process, peer)
        wait_until(lambda: peer.poll() is not None or listening(port), "OpenSMTPD listens")
        if peer.poll() is not None:
            self.skipTest("OpenSMTPD does not start here: " + (self.directory / "smtpd.out").read_text()[-200:])
        server = self.barid(relayhost=f"[127.0.0.1]:{port}")
        # The path of its spool is built in, too: mail of an earlier run may still be there.
        sender = f"{self.directory.name.lower()}@client.example"
        with RawClient(server.port) as client:
            ids = [client.submit(BODY, sender=sender, recipients=[f"r{n}@sink.example", f"s{n}@sink.example"],
                                 parameters=" BODY=8BITMIME") for n in range(5)]
        server.wait_queue()
        for name in ids:
            server.expect_log(rf"{name}: to=<.*status=sent", 2)
        copies = wait_until(lambda: (c := [(r, m) for m in out.messages if m.sender == sender for r in m.recipients])
                            and len(c) >= 10 and c, "OpenSMTPD passes all on")
        self.assertEqual(sorted(r for r, _ in copies), sorted(f"{c}{n}@sink.example" for c in "rs" for n in range(5)),
                         f"{server.output()}\n{(self.directory / 'smtpd.out').read_text()}")
        self.assertTrue(all(text_of(m) == text_of(BODY) for _, m in copies))


class Answers(Scenario):
    def test_request_deadline(self):
        """A reply that trickles in does not buy time for itself."""
        def trickle(stage, argument, session):
            if stage != "mail":
                return None
            session.connection.sendall(b"250-2.1.0 ")
            with contextlib.suppress(OSError):
                while True:
                    session.connection.sendall(b"x")
                    time.sleep(0.05)
            return DROP

        server = self.barid(relayhost=self.sink(trickle, offers=("PIPELINING",)).relayhost, smtp_mail_timeout="1s",
                            smtp_per_request_deadline="yes", minimal_backoff_time="1h")
        with RawClient(server.port) as client:
            client.submit(BODY)
        server.wait_log(r"status=deferred \(conversation with 127\.0\.0\.1.* timed out while sending MAIL FROM\)")

    def test_mixed_recipients(self):
        def script(stage, argument, session):
            if stage == "rcpt" and argument.startswith(("450", "451", "550", "553")):
                return f"{argument[:3]} {argument[0]}.1.1 so it is"

        out = self.sink(script)
        server = self.barid(relayhost=out.relayhost, minimal_backoff_time="1h", maximal_backoff_time="1h")
        recipients = ["ok1@sink.example", "450@sink.example", "550@sink.example", "ok2@sink.example",
                      "553@sink.example", "451@sink.example"]
        with RawClient(server.port) as client:
            name = client.submit(BODY, recipients=recipients, parameters=" RET=HDRS ENVID=env+2B1")
        out.wait_messages(2)
        entries = server.wait_queue(lambda q: [len(e["recipients"]) for e in q] == [2], "two recipients left")
        self.assertEqual(entries[0]["queue_id"], name)
        self.assertEqual(sorted(r["address"] for r in entries[0]["recipients"]),
                         ["450@sink.example", "451@sink.example"])
        for recipient in entries[0]["recipients"]:
            self.assertIn("so it is", recipient["delay_reason"])
        mail = next(m for m in out.messages if m.sender)
        notice = next(m for m in out.messages if not m.sender)
        self.assertEqual(sorted(mail.recipients), ["ok1@sink.example", "ok2@sink.example"])
        self.assertEqual(notice.recipients, ["sender@client.example"])
        text, fields, blocks, returned = report(notice)
        self.assertEqual(sorted(b["Final-Recipient"].split(";")[1].strip() for b in blocks),
                         ["550@sink.example", "553@sink.example"])
        for block in blocks:
            self.assertEqual((block["Action"], block["Status"]), ("failed", "5.1.1"))
            self.assertIn("so it is", block["Diagnostic-Code"])
            self.assertIn("127.0.0.1", block["Remote-MTA"])
        self.assertIn("mx.barid.example", fields["Reporting-MTA"])
        self.assertIn("550@sink.example", text)
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        for status, count in (("sent", 3), ("deferred", 2), ("bounced", 2)):
            server.expect_log(f"status={status}", count)

    def test_every_stage(self):
        """4xx, 5xx and a lost connection at each stage: the state that follows."""
        cases = [(stage, answer) for stage in ("mail", "rcpt", "data", "dot")
                 for answer in ("451 4.3.0 x", "550 5.3.0 x", DROP)]
        cases += [("connect", "421 4.3.2 x"), ("connect", DROP), ("helo", "451 4.3.0 x"), ("helo", DROP),
                  ("dot", "421 4.3.2 x")]
        servers = []
        for number, (stage, answer) in enumerate(cases):
            def script(at, argument, session, stage=stage, answer=answer):
                bounce = session.sender == "" or (at == "mail" and "<>" in argument)
                return answer if at == stage and not bounce else None

            chunking = number % 2 and stage != "data"  # BDAT as well as DATA
            offers = Sink.OFFERS if chunking else ("PIPELINING", "8BITMIME")
            servers.append((stage, answer, self.sink(script, offers=offers)))
        # One Barid: a transport entry for each sink.
        maps = ", ".join("{ s%d.example = smtp:%s }" % (n, s.relayhost) for n, (_, _, s) in enumerate(servers))
        server = self.barid(transport_maps="inline:{ %s }" % maps, minimal_backoff_time="1h",
                            maximal_backoff_time="1h", relayhost=self.sink().relayhost)
        with RawClient(server.port) as client:
            ids = [client.submit(BODY, recipients=[f"r@s{n}.example"]) for n in range(len(servers))]
        temporary = {i for i, (stage, answer, _) in zip(ids, servers)
                     if answer is DROP or answer.startswith("4")}
        server.wait_queue(lambda q: {e["queue_id"] for e in q} == temporary
                          and all(e["queue_name"] == "deferred" for e in q), "exactly the temporary ones stay")
        for name, (stage, answer, _) in zip(ids, servers):
            with self.subTest(stage=stage, answer=str(answer)):
                want = "deferred" if name in temporary else "bounced"
                server.expect_log(rf"{name}: to=<.*status={want}")


if __name__ == "__main__":
    unittest.main()
