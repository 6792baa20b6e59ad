#!/usr/bin/env python3
"""Goal: receivers believe the chains that Barid adds to, whoever began them; broken chains are called broken;
only mail of others is sealed.
Method: odd messages of a stranger through one or two real servers into a sink, with an unbound that serves the
records of `barid dkim`; dkimpy, Mail::DKIM, mailauth and Barid itself judge the bytes that arrived.
"""

import json
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.path.insert(0, str(HERE))
from barid_harness import BARID, Scenario  # noqa: E402
from dkim_test import CORPUS, need_verifiers, run, verdicts  # noqa: E402
from tls_support import start_resolver  # noqa: E402

ARC_CHECK = os.environ.get("TEST_ARC_CHECK")
JUDGES = (
    ("dkimpy", ("/usr/bin/python3", HERE / "dkim/dkimpy_arc.py")),
    ("Mail::DKIM", ("perl", HERE / "dkim/mail_dkim_arc.pl")),
    ("mailauth", ("node", HERE / "node/arc.js")),
)
# What the judges' own readers of files refuse or change before they verify.
UNREADABLE = {
    "dkimpy": {"blank before the colon"},
    "Mail::DKIM": {"bare CR"},
    "mailauth": {"no body at all"},
}
PLAIN = CORPUS["plain"]


class Arc(Scenario):
    def setUp(self):
        super().setUp()
        need_verifiers(self)
        self.need("unbound", "unbound")
        self.records = {}
        self.sink_host = self.sink()

    def new_key(self, selector, algorithm="rsa2048", domain="forward.example"):
        """Makes a key; returns the rule that uses it."""
        out = run([BARID, "dkim", "new", "--domain", domain, "--selector", selector, "--algorithm", algorithm,
                   "--directory", self.directory, "--json"])
        key = json.loads(out)
        self.records[key["name"]] = key["value"]
        return f"selector={selector} key={key['key']} domain={domain}"

    def start_dns(self):
        self.dns = start_resolver(self, [
            f'{name}. TXT ' + " ".join(f'"{text[at:at + 250]}"' for at in range(0, len(text), 250))
            for name, text in self.records.items()])

    def forwarder(self, name, rule, to=None, **main):
        """A server that passes mail of strangers on and seals it."""
        return self.barid(name, relayhost=to or self.sink_host.relayhost, mynetworks="127.0.0.2/32",
                          relay_domains="sink.example", dns_forwarders=f"127.0.0.1@{self.dns}",
                          message_size_limit="20000000", arc_signing_maps=f"inline:{{ {{ * = {rule} }} }}", **main)

    def send(self, server, messages):
        """Sends them; the files with what arrived, by name."""
        before = len(self.sink_host.messages)
        client = self.client(server)
        for content in messages.values():
            client.submit(content)
        arrived = self.sink_host.wait_messages(before + len(messages), seconds=60)[before:]
        files = {}
        for name, content in messages.items():
            mine = [m for m in arrived if m.content.endswith(content)]
            self.assertTrue(mine, name)
            files[name] = self.directory / (name.replace(" ", "_") + ".eml")
            files[name].write_bytes(mine[0].content)
            arrived.remove(mine[0])
        return files

    def judge(self, files):
        """{judge: {name: verdict}} of all that can read the file."""
        path = self.directory / "records.json"
        path.write_text(json.dumps(self.records))
        answers = {}
        for judge, command in JUDGES:
            mine = {name: file for name, file in files.items() if name not in UNREADABLE[judge]}
            found = verdicts(run([*command, path, *mine.values()]))
            answers[judge] = {name: found.get((file.name, 0)) for name, file in mine.items()}
        zone = self.directory / "records.dns"
        zone.write_text("".join(f'{name} TXT "{text}"\n' for name, text in self.records.items()))
        lines = run([ARC_CHECK, zone, *files.values()]).splitlines()
        answers["Barid"] = {name: line.split(" ")[1] for name, line in zip(files, lines)}
        return answers

    def assert_all_say(self, word, files):
        wrong = {judge: {name: verdict for name, verdict in mine.items() if verdict != word}
                 for judge, mine in self.judge(files).items()}
        self.assertEqual({judge: mine for judge, mine in wrong.items() if mine}, {})

    def test_odd_messages_over_two_servers(self):
        first, second = self.new_key("a"), self.new_key("b")
        self.start_dns()
        last = self.forwarder("last", second)
        server = self.forwarder("first", first, to=f"[127.0.0.1]:{last.port}")
        files = self.send(server, CORPUS)
        self.assert_all_say("pass", files)
        header = files["plain"].read_bytes().split(b"\r\n\r\n", 1)[0]
        self.assertIn(b"ARC-Authentication-Results: i=1; mx.barid.example;\r\n\tdkim=none;\r\n\tarc=none smtp.remote-ip=",
                      header)
        self.assertIn(b"\r\n\tarc=pass smtp.remote-ip=127.0.0.1\r\n", header)
        self.assertEqual(header.count(b"ARC-Seal: "), 2)

    def test_chains_that_others_began(self):
        """mailauth seals, Barid goes on; then somebody changed the message."""
        theirs, ours = self.new_key("their", domain="list.example"), self.new_key("our")
        self.start_dns()
        records, start = self.directory / "records.json", self.directory / "start.eml"
        records.write_text(json.dumps(self.records))
        start.write_bytes(PLAIN)
        begun = run(["node", HERE / "node/arc.js", "--seal", theirs.split("key=")[1].split(" ")[0], "their",
                     "list.example", records, start]).encode()
        begun = begun.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self.assertIn(b"ARC-Seal: i=1;", begun)
        server = self.forwarder("ours", ours)
        good = self.send(server, {"begun": begun})
        self.assertIn(b"cv=pass; d=forward.example", good["begun"].read_bytes())
        self.assert_all_say("pass", good)
        broken = self.send(server, {"changed": begun.replace(b"\r\nbody", b"\r\nbodx")})
        self.assertIn(b"cv=fail; d=forward.example", broken["changed"].read_bytes())
        self.assert_all_say("fail", broken)

    def test_tampering_is_noticed(self):
        """The judges can fail."""
        rule = self.new_key("a")
        self.start_dns()
        message = self.send(self.forwarder("first", rule), {"plain": PLAIN})["plain"].read_bytes()
        files = {}
        for name, changed in {"body": message.replace(b"\r\nbody", b"\r\nbodx"),
                              "field": message.replace(b"Subject: odd", b"Subject: old"),
                              "results": message.replace(b"dkim=none", b"dkim=pass")}.items():
            files[name] = self.directory / f"{name}.eml"
            files[name].write_bytes(changed)
        self.assert_all_say("fail", files)

    def test_signatures_of_authors_are_reported(self):
        """A stranger's mail with a DKIM signature that Barid itself made elsewhere."""
        author, rule = self.new_key("author", domain="signed.example"), self.new_key("a")
        self.start_dns()
        forwarder = self.forwarder("forwarder", rule)
        server = self.barid("author", relayhost=f"[127.0.0.1]:{forwarder.port}",
                            dkim_signing_maps=f"inline:{{ {{ * = {author} }} }}")
        files = self.send(server, {"plain": PLAIN})
        header = files["plain"].read_bytes().split(b"\r\n\r\n", 1)[0]
        self.assertRegex(header, rb'\r\n\tdkim=pass header.d=signed.example header.s=author header.b="')
        self.assert_all_say("pass", files)

    def test_who_is_not_sealed(self):
        rule = self.new_key("a")
        self.start_dns()
        server = self.forwarder("first", rule)
        own = self.client(server, source="127.0.0.2")
        own.submit(b"From: me@own.example\r\nSubject: own\r\n\r\nx\r\n")
        self.assertNotIn(b"ARC-", self.sink_host.wait_messages(1)[0].content)
        server.configure(arc_signing_sources="mynetworks")
        server.reload()
        server.wait_log("reload")
        self.client(server, source="127.0.0.2").submit(b"From: me@own.example\r\n\r\nx\r\n")
        self.assertIn(b"ARC-Seal: i=1", self.sink_host.wait_messages(2)[1].content)
        self.client(server).submit(PLAIN)
        self.assertNotIn(b"ARC-", self.sink_host.wait_messages(3)[2].content)

    def test_keys(self):
        """Without ours mail waits; when theirs cannot be asked for it goes on without a seal."""
        theirs = self.new_key("their")
        self.start_dns()
        begun = self.send(self.forwarder("first", theirs), {"plain": PLAIN})["plain"].read_bytes()
        late = self.directory / "forward.example.late.pem"
        server = self.forwarder("second", f"selector=late key={late} domain=forward.example")
        self.assertIn(f"open {late}: No such file or directory", server.output())
        self.client(server).submit(PLAIN)
        server.wait_log(r"dsn=4\.7\.5, status=deferred \(cannot make the ARC seal of sink\.example\)")
        self.new_key("late")
        self.assertIn(b"s=late;", self.sink_host.wait_messages(2)[1].content)
        # A resolver that refuses everything.
        deaf = self.barid("deaf", relayhost=self.sink_host.relayhost, mynetworks="127.0.0.2/32", relay_domains="sink.example",
                          dns_forwarders="127.0.0.1@1", arc_signing_maps=f"inline:{{ {{ * = {theirs} }} }}",
                          dns_query_timeout="1s")
        self.client(deaf).submit(begun)
        deaf.wait_log(r"warning: .*ARC: sink.example: ARC-Message-Signature of instance 1: temperror", seconds=40)
        self.assertEqual(self.sink_host.wait_messages(3)[2].content.count(b"ARC-Seal:"), 1)

    def test_bad_configuration_is_named(self):
        server = self.barid(start=False)
        rubbish = self.directory / "rubbish"
        rubbish.write_text("no key\n")
        rubbish.chmod(0o600)
        for rule, complaint in (("selector=s", "*: a rule has no key="), ("selector=s key=x", "not absolute"),
                                (f"selector=s key={rubbish}", f"{rubbish}: no private key")):
            server.main["arc_signing_maps"] = f"inline:{{ {{ * = {rule} }} }}"
            status, said = server.refused()
            self.assertEqual(status, 78, said)
            self.assertIn(complaint, said)
            self.assertIn("arc_signing_maps", said)


if __name__ == "__main__":
    unittest.main()
