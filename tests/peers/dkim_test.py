#!/usr/bin/env python3
"""Goal: receivers accept the signatures of mail that Barid sends, whatever the message; mail whose
key cannot be had waits.
Method: odd messages through the real program into a sink; OpenDKIM, dkimpy, Mail::DKIM and mailauth
verify the bytes that arrived, with the records that `barid dkim` printed.
"""

import base64
import json
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.path.insert(0, str(HERE / "dkim"))
from barid_harness import BARID, PATIENCE, Scenario, find_program, free_port, listening, wait_until  # noqa: E402
from milter import Milter  # noqa: E402

LONG_FOLD = b"Subject: " + b"\r\n\t".join(b"piece %d  of a long subject" % i for i in range(60)) + b"\r\n"
HEADER = b"From: Me <me@signed.example>\r\nTo: you@sink.example\r\nSubject: odd\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
CORPUS = {
    "plain": HEADER + b"\r\nbody\r\n",
    "empty body": HEADER + b"\r\n",
    "no body at all": HEADER,
    "only empty lines": HEADER + b"\r\n\r\n\r\n\r\n",
    "only blanks": HEADER + b"\r\n  \t\r\n \r\n",
    "empty lines at the end": HEADER + b"\r\nbody\r\n\r\n\r\n",
    "blanks everywhere": HEADER + b"\r\n  a  b\t\tc \t\r\n\t\r\n d \r\n",
    "folded": b"From: Me\r\n <me@signed.example>\r\n" + LONG_FOLD + b"To: you@sink.example\r\n\r\nbody\r\n",
    "blank before the colon": b"FROM : me@signed.example\r\nSubject : x\r\nTo:   a@sink.example  \r\n\r\nbody\r\n",
    "odd names": b"FROM: me@signed.example\r\nsUBJECT: x\r\nX-Empty:\r\nTo:   a@sink.example  \r\n\r\nbody\r\n",
    "8-bit": "From: Jörg <me@signed.example>\r\nSubject: Grüße\r\nTo: you@sink.example\r\n\r\nGrüße  Ω\r\n".encode(),
    "repeated fields": HEADER + b"To: second@sink.example\r\nReceived: one\r\nReceived: two\r\n\r\nbody\r\n",
    "without To": b"From: me@signed.example\r\n\r\nbody\r\n",
    "dots": HEADER + b"\r\n.\r\n..\r\n. x\r\n",
    "long line": HEADER + b"\r\n" + b"x y  " * 190 + b"\r\n",
    "mime": HEADER + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--\r\n",
    "10 MB": HEADER + b"\r\n" + b"A line of text with  blanks, and  a tab\tin it. \r\n\r\n" * 190_000,
    "bare CR": HEADER + b"\r\nbefore\rafter\rmore  blanks \r\nend\r\n",
    "blank before a bare CR": HEADER + b"\r\nbefore \rafter\r\nend\r\n",
    "fold first": b"From:\r\n me@signed.example\r\nSubject:\r\n\tx\r\nsUBJECT:y\r\n\r\nbody\r\n",
}
# Of the four signatures of a message two have each form of header and body. Blanks between a name and
# its colon have no place in the protocol that OpenDKIM is asked by, and header form simple counts them;
# of a bare CR its relaxed body form leaves nothing, where RFC 6376 3.4.4 and all others leave it as it is.
OPENDKIM_SEES_HALF = {"blank before the colon", "bare CR", "blank before a bare CR"}

# Name, command, how many of the four signatures it knows: Debian's Mail::DKIM has no Ed25519.
TOOLS = (
    ("mailauth", ("node", HERE / "node/dkim.js"), 4),
    ("dkimpy", ("/usr/bin/python3", HERE / "dkim/dkimpy.py"), 4),
    ("Mail::DKIM", ("perl", HERE / "dkim/mail_dkim.pl"), 3),
)


def run(arguments, seconds=90):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=seconds)
    if done.returncode != 0:
        raise AssertionError(f"{arguments[:3]}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def verdicts(text):
    """{(file name, index): verdict} of the lines `FILE index verdict …`."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"(/.*?) (\d+) (\w+)", line)
        if match:
            found[pathlib.Path(match[1]).name, int(match[2])] = match[3]
    return found


def need_verifiers(test):
    """Skips where what they need is not installed."""
    test.need("node", "nodejs")
    test.need("perl", "perl")
    if not (HERE / "node/node_modules/mailauth").is_dir():
        test.skipTest("npm packages are not installed (tools/install-deps --tests)")
    for command, package in ((("/usr/bin/python3", "-c", "import dkim"), "python3-dkim"),
                             (("perl", "-MMail::DKIM::Verifier", "-e1"), "libmail-dkim-perl")):
        if subprocess.run(command, capture_output=True, timeout=60).returncode != 0:
            test.skipTest(f"{package} is not installed")


class Dkim(Scenario):
    def new_key(self, selector, algorithm, domain="signed.example", directory=None):
        """Makes a key; returns (its path, the record's text)."""
        out = run([BARID, "dkim", "new", "--domain", domain, "--selector", selector, "--algorithm",
                   algorithm, "--directory", directory or self.directory, "--json"])
        key = json.loads(out)
        self.assertEqual(pathlib.Path(key["key"]).stat().st_mode & 0o777, 0o600)
        self.records[key["name"]] = key["value"]
        return key["key"]

    def setUp(self):
        super().setUp()
        self.records = {}

    def signing_table(self, *rules, key="signed.example"):
        path = self.directory / "signing"
        path.write_text(f"{key} " + ", ".join(rules) + "\n")
        return f"texthash:{path}"

    def send_corpus(self, corpus, *rules, **main):
        """Sends every message; returns the files with what arrived."""
        sink = self.sink()
        server = self.barid(relayhost=sink.relayhost, message_size_limit="20000000",
                            dkim_signing_maps=self.signing_table(*rules), **main)
        client = self.client(server)
        for content in corpus.values():
            client.submit(content)
        arrived = sink.wait_messages(len(corpus), seconds=60)
        files = {}
        for name, content in corpus.items():
            mine = [m for m in arrived if m.content.endswith(content)]
            self.assertTrue(mine, name)
            files[name] = self.directory / (name.replace(" ", "_") + ".eml")
            files[name].write_bytes(mine[0].content)
            arrived.remove(mine[0])
        return server, files

    def assert_all_pass(self, tool, found, files, signatures):
        wrong = []
        for name, path in files.items():
            for index in range(signatures):
                verdict = found.get((path.name, index), "nothing")
                if verdict != "pass":
                    wrong.append((name, index, verdict))
        self.assertEqual(wrong, [], f"{tool}: {found}")

    def records_file(self):
        path = self.directory / "records.json"
        path.write_text(json.dumps(self.records))
        return path

    def opendkim(self, files, signatures):
        """Over the protocol that mail servers speak with it: its test mode changes line ends."""
        keys, port = self.directory / "keys", free_port()
        keys.write_text("".join(f"{name} {text}\n" for name, text in self.records.items()))
        conf = self.directory / "opendkim.conf"
        conf.write_text(f"Mode v\nTestPublicKeys {keys}\nAlwaysAddARHeader yes\nMaximumSignaturesToVerify 10\n"
                        f"Socket inet:{port}@127.0.0.1\nBackground no\nSyslog no\n")
        self.spawn([find_program("opendkim"), "-f", "-x", conf], "opendkim")
        wait_until(lambda: listening(port), "OpenDKIM listens")
        for name, path in files.items():
            milter = Milter(port)
            self.addCleanup(milter.close)
            said = "\n".join(milter.added_fields(path.read_bytes()).get("authentication-results", []))
            wanted = signatures - (2 if name in OPENDKIM_SEES_HALF else 0)
            self.assertEqual(len(re.findall(r"dkim=pass", said)), wanted, f"{name}: {said}")

    def test_verifiers_agree(self):
        need_verifiers(self)
        self.need("opendkim", "opendkim")
        rules = []
        for selector, algorithm, forms in (("r1", "rsa2048", "relaxed/relaxed"), ("r2", "rsa2048", "simple/simple"),
                                           ("r3", "rsa4096", "simple/relaxed"), ("e1", "ed25519", "relaxed/simple")):
            rules.append(f"selector={selector} key={self.new_key(selector, algorithm)} canonicalization={forms}")
        _, files = self.send_corpus(CORPUS, *rules)
        records = self.records_file()
        for tool, command, signatures in TOOLS:
            with self.subTest(tool):
                found = verdicts(run([*command, records, *files.values()]))
                self.assert_all_pass(tool, found, files, signatures)
        with self.subTest("OpenDKIM"):
            self.opendkim(files, 4)

    def test_tampering_is_noticed(self):
        """The verifiers above can fail."""
        need_verifiers(self)
        rule = f"selector=r1 key={self.new_key('r1', 'rsa2048')}"
        _, files = self.send_corpus({"plain": CORPUS["plain"]}, rule)
        records = self.records_file()
        message = files["plain"].read_bytes()
        for name, changed in {"body": message.replace(b"\r\nbody", b"\r\nbodx"),
                              "field": message.replace(b"Subject: odd", b"Subject: old"),
                              "added": b"Cc: x@y.example\r\n" + message}.items():
            files[name] = self.directory / f"{name}.eml"
            files[name].write_bytes(changed)
        for tool, command, _ in TOOLS:
            found = verdicts(run([*command, records, *files.values()]))
            self.assertEqual(found.pop(("plain.eml", 0)), "pass", tool)
            self.assertEqual(len(found), 3, found)
            self.assertNotIn("pass", found.values(), f"{tool}: {found}")

    def test_http_notices_and_strangers(self):
        """Mail of the API and our own notices are signed, a stranger's mail in our name is not."""
        rule = f"selector=r1 key={self.new_key('r1', 'rsa2048', 'mx.barid.example')}"
        http = free_port()
        sink = self.sink(script=lambda stage, argument, session:
                         "550 5.1.1 no such user" if stage == "rcpt" and argument == "gone@sink.example" else None)
        server = self.barid(
            relayhost=sink.relayhost, dkim_signing_maps=self.signing_table(rule, key="*"),
            mynetworks="127.0.0.2/32", relay_domains="sink.example", start=False)
        server.services.append(f"127.0.0.1:{http} inet n - n - - httpd")
        server.start()
        wait_until(lambda: self.posts(http), "HTTP")
        stranger = self.client(server)
        stranger.submit(b"From: boss@mx.barid.example\r\nSubject: stranger\r\n\r\nx\r\n")
        own = self.client(server, source="127.0.0.2")
        own.submit(b"From: me@mx.barid.example\r\nSubject: own\r\n\r\nx\r\n")
        own.submit(b"From: me@mx.barid.example\r\nSubject: bounce\r\n\r\nx\r\n", sender="back@sink.example",
                   recipients=["gone@sink.example"])
        by_subject = {}

        def all_there():
            for message in sink.messages:
                subject = re.search(rb"(?im)^subject: (.*?)\r$", message.content).group(1).decode()
                by_subject[subject] = message.content.split(b"\r\n\r\n", 1)[0]
            return len(by_subject) >= 4

        wait_until(all_there, "four messages at the sink")
        signed = {subject: b"DKIM-Signature" in header for subject, header in by_subject.items()}
        self.assertEqual(signed, {"stranger": False, "own": True, "by http": True,
                                  "Undelivered Mail Returned to Sender": True})

    def posts(self, port):
        body = json.dumps({"from": "api@mx.barid.example", "to": "x@sink.example", "subject": "by http",
                           "text": "x"}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/emails", body,
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status == 200
        except OSError:
            return False

    def test_missing_key_defers(self):
        sink = self.sink()
        key = self.directory / "signed.example.late.pem"
        server = self.barid(relayhost=sink.relayhost,
                            dkim_signing_maps=self.signing_table(f"selector=late key={key}"))
        self.assertIn(f"open {key}: No such file or directory", server.output())
        self.client(server).submit(CORPUS["plain"])
        server.wait_log(r"warning: .*DKIM: signed.example: open .*: No such file or directory")
        server.wait_log(r"dsn=4\.7\.5, status=deferred \(cannot make the DKIM signature of signed\.example\)")
        self.assertEqual(sink.messages, [])
        self.new_key("late", "ed25519")
        message = sink.wait_messages(1)[0]
        self.assertIn(b"DKIM-Signature: v=1; a=ed25519-sha256;", message.content)

    def test_missing_key_and_the_mail_goes_as_configured(self):
        """dkim_failure_action = send: without a signature, and the log says so; with its key, signed again."""
        sink = self.sink()
        key = self.directory / "signed.example.late.pem"
        server = self.barid(relayhost=sink.relayhost, dkim_failure_action="send",
                            dkim_signing_maps=self.signing_table(f"selector=late key={key}"))
        client = self.client(server)
        name = client.submit(CORPUS["plain"])
        self.assertNotIn(b"DKIM-Signature", sink.wait_messages(1)[0].content)
        server.wait_log(rf"warning: {name}: DKIM: signed.example: open {key}: No such file or directory")
        self.new_key("late", "rsa2048")
        before = len(sink.messages)

        def signed():
            client.submit(CORPUS["plain"])
            nonlocal before
            before += 1
            return b"DKIM-Signature: v=1; a=rsa-sha256;" in sink.wait_messages(before)[-1].content

        wait_until(signed, "mail is signed once the key is there", every=0.2)

    def test_mail_of_local_programs_is_signed(self):
        """`barid sendmail` of this host: its bytes on the wire verify; as configured they are not signed."""
        need_verifiers(self)
        sink = self.sink()
        rule = f"selector=r1 key={self.new_key('r1', 'rsa2048')}, selector=e1 key={self.new_key('e1', 'ed25519')}"
        server = self.barid(relayhost=sink.relayhost, dkim_signing_maps=self.signing_table(rule))
        text = "From: me@signed.example\nTo: you@sink.example\nSubject: by a program\n\nbody  \n\n.\nmore\n\n\n"

        def send():
            done = subprocess.run([BARID, "sendmail", "-C", server.directory, "-i", "-f", "me@signed.example", "you@sink.example"],
                                  input=text.encode(), capture_output=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)

        send()
        path = self.directory / "local.eml"
        path.write_bytes(sink.wait_messages(1)[0].content)
        for tool, command, _ in TOOLS[:2]:
            found = verdicts(run([*command, self.records_file(), path]))
            self.assert_all_pass(tool, found, {"local": path}, 2)
        server.configure(dkim_signing_sources="mynetworks, authenticated, http, notices")
        server.reload()
        server.wait_log("reload -- configuration")
        send()
        self.assertNotIn(b"DKIM-Signature", sink.wait_messages(2)[1].content)

    def test_bad_configuration_is_named(self):
        key = pathlib.Path(self.new_key("s", "rsa2048"))
        rubbish = self.directory / "rubbish"
        rubbish.write_text("no key\n")
        rubbish.chmod(0o600)
        server = self.barid(start=False)
        for rule, complaint in (
                (f"selector=s key={rubbish}", f"{rubbish}: no private key in PEM form"),
                ("selector=s", "signed.example: a rule has no key="),
                (f"selector=s key={key} x=y", 'signed.example: unknown setting "x"')):
            server.main["dkim_signing_maps"] = self.signing_table(rule)
            status, said = server.refused()
            self.assertEqual(status, 78, said)
            self.assertIn(complaint, said)
            self.assertIn("main.cf, line", said)
        key.chmod(0o644)
        server.main["dkim_signing_maps"] = self.signing_table(f"selector=s key={key}")
        status, said = server.refused()
        self.assertEqual(status, 78, said)
        self.assertIn(f"{key}: mode 0644 lets others at the secret", said)
        # At a reload, what runs stays.
        key.chmod(0o600)
        sink = self.sink()
        server.main["relayhost"] = sink.relayhost
        server.start()
        server.configure(dkim_signing_maps=self.signing_table(f"selector=s key={rubbish}"))
        server.reload()
        server.wait_log(r"reload refused: .*rubbish: no private key in PEM form")


if __name__ == "__main__":
    unittest.main()
