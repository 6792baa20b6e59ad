#!/usr/bin/env python3
"""Goal: `barid map` builds, changes and queries tables as postmap(1) does, Postfix reads what it writes
and it what Postfix writes, a running server takes changes up; every command explains itself.
Method: the real program, and the real postmap where it is installed.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, RawClient, Scenario, find_program, wait_until  # noqa: E402

TYPES = {"hash": "db", "btree": "db", "lmdb": "lmdb", "cdb": "cdb"}
SOURCE = "# comment\nMail.example  smtp:[a.example]\nlong one\n  two\n\"two words\"@x.example y\n"
ENTRIES = {"mail.example": "smtp:[a.example]", "long": "one  two", '"two words"@x.example': "y"}


class Programs(Scenario):
    def run_program(self, program, *words, input=None):
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, input=input,
                              timeout=PATIENCE, cwd=self.directory)
        return done.returncode, done.stdout, done.stderr

    def ask(self, *words, **options):
        return self.run_program(BARID, "map", *words, **options)

    def entries(self, *words):
        status, out, err = self.ask("-s", "--json", *words)
        self.assertEqual((status, err), (0, ""))
        lines = [json.loads(line) for line in out.splitlines()]
        return {line["key"]: line["value"] for line in lines}


class Map(Programs):
    def setUp(self):
        super().setUp()
        self.source = self.directory / "t"
        self.source.write_text(SOURCE)

    def test_queries(self):
        text = f"texthash:{self.source}"
        self.assertEqual(self.ask("-q", "MAIL.example", text), (0, "smtp:[a.example]\n", ""))
        self.assertEqual(self.ask("-q", "sub.mail.example", text), (1, "", ""))
        self.assertEqual(self.ask("-q", "b", text, "inline:{ a=1, b=2 }", "static:3"), (0, "2\n", ""))
        self.assertEqual(self.ask("-q", "LONG", text, "--json"), (0, '{"key": "LONG", "value": "one  two"}\n', ""))
        status, out, err = self.ask("-q", "a", "nosuch:/t")
        self.assertEqual((status, out, "unsupported dictionary type: nosuch" in err,
                          "fatal: table nosuch:/t: query error" in err), (1, "", True, True))
        self.assertEqual(self.ask("-q", "a")[0], 64)
        self.assertEqual(self.ask(text)[0], 69)
        self.assertEqual(self.ask("hash:none")[0], 66)
        self.assertEqual(self.ask("-q", "X-Message-Result: 79461", "pcre:{{/^X-Message-(.*)$/ Information $1}}"),
                         (0, "Information Result: 79461\n", ""))
        message = "Subject: a\n b\nX: y\n\nbody\nend\n"
        rules = "pcre:{{/^Subject.*b$/ folded},{/^body/ line}}"
        self.assertEqual(self.ask("-hq", "-", rules, input=message), (0, "Subject: a\n b\tfolded\n", ""))
        self.assertEqual(self.ask("-bq", "-", rules, input=message), (0, "body\tline\n", ""))

    def test_keys_from_standard_input(self):
        for name, line in (("postmap", "a\t1\n"), ("postalias", "a:\t1\n")):
            program = self.directory / name
            os.symlink(BARID, program)
            self.assertEqual(self.run_program(program, "-q", "-", "inline:{a=1}", input="x\na\n"), (0, line, ""))

    def test_build_change_and_list(self):
        for kind, suffix in TYPES.items():
            with self.subTest(kind):
                table = f"{kind}:t"
                self.source.chmod(0o640)
                self.assertEqual(self.ask(table), (0, "", ""))
                self.assertEqual((self.directory / f"t.{suffix}").stat().st_mode & 0o777, 0o640)
                self.assertEqual(self.entries(table), ENTRIES)
                self.assertEqual(self.ask("-q", "LONG", table), (0, "one  two\n", ""))
                self.assertEqual(self.ask("-i", table, input="new 1\nlong 2\n")[:2], (0, ""))
                self.assertEqual(self.ask("-ir", table, input="NEW 3\n"), (0, "", ""))
                self.assertEqual(self.entries(table), {**ENTRIES, "new": "3"})
                self.assertEqual(self.ask("-d", "NEW", table), (0, "", ""))
                self.assertEqual(self.ask("-d", "new", table), (1, "", ""))
                self.assertEqual(self.ask("-d", "-", table, input="long\nzz\n"), (0, "", ""))
                self.assertEqual(set(self.entries(table)), set(ENTRIES) - {"long"})

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_owner(self):
        os.chown(self.source, 65534, 65534)
        self.assertEqual(self.ask("hash:t")[0], 0)
        self.assertEqual((self.directory / "t.db").stat().st_uid, 65534)
        self.assertEqual(self.ask("-o", "hash:t")[0], 0)
        self.assertEqual((self.directory / "t.db").stat().st_uid, 0)

    @unittest.skipUnless(find_program("postmap"), "Postfix is not installed")
    def test_postfix_reads_ours_and_we_its(self):
        postmap, postalias = find_program("postmap"), find_program("postalias")
        (self.directory / "main.cf").write_text("")
        known = self.run_program(find_program("postconf"), "-c", self.directory, "-m")[1].split()
        aliases = self.directory / "aliases"
        aliases.write_text("Root: joe, ann\nlist: :include:/x,\n  more@x\n")
        os.symlink(BARID, self.directory / "ours")
        for kind, suffix in TYPES.items():
            if kind not in known:
                continue
            with self.subTest(kind):
                table = f"{kind}:t"
                self.assertEqual(self.ask(table)[0], 0)
                for key, value in ENTRIES.items():
                    self.assertEqual(self.run_program(postmap, "-c", self.directory, "-q", key, table),
                                     (0, value + "\n", ""))
                (self.directory / f"t.{suffix}").unlink()
                self.assertEqual(self.run_program(postmap, "-c", self.directory, table)[0], 0)
                self.assertEqual(self.entries(table), ENTRIES)
                self.assertEqual(self.run_program(postalias, "-c", self.directory, f"{kind}:aliases")[0], 0)
                theirs = self.entries(f"{kind}:aliases")
                (self.directory / f"aliases.{suffix}").unlink()
                program = self.directory / "postalias"
                if not program.exists():
                    os.symlink(BARID, program)
                self.assertEqual(self.run_program(program, f"{kind}:aliases")[0], 0)
                ours = self.entries(f"{kind}:aliases")
                for key in ("root", "list", "@"):
                    self.assertEqual(ours[key].split(), theirs[key].split())

    def test_a_running_server_takes_a_change_up(self):
        self.source.write_text("old.example x\n")
        self.assertEqual(self.ask("lmdb:t")[0], 0)
        server = self.barid(relay_domains=f"lmdb:{self.source}", mynetworks="192.0.2.0/24",
                            smtpd_relay_restrictions="reject_unauth_destination", smtpd_hard_error_limit="10000",
                            smtpd_error_sleep_time="0")
        with RawClient(server.port) as client:
            client.command("MAIL FROM:<a@b.example>")
            self.assertEqual(client.command("RCPT TO:<x@old.example>")[0], 250)
            self.assertEqual(client.command("RCPT TO:<x@new.example>")[0], 554)
        self.assertEqual(self.ask("-i", f"lmdb:{self.source}", input="new.example x\n")[0], 0)

        def accepted():
            with RawClient(server.port) as client:
                client.command("MAIL FROM:<a@b.example>")
                return client.command("RCPT TO:<x@new.example>")[0] == 250

        wait_until(accepted, "the new entry counts")


class Help(Programs):
    def commands(self):
        status, out, err = self.run_program(BARID, "--help")
        self.assertEqual((status, err), (0, ""))
        return re.findall(r"^  ([a-z]+) ", out, re.M)

    def explains(self, program, *words):
        status, out, err = self.run_program(program, *words, "--help")
        self.assertEqual((status, err), (0, ""), words)
        self.assertRegex(out, r"(?im)^examples?\b", words)
        return out

    def test_every_command_has_help_with_examples(self):
        commands = self.commands()
        self.assertLessEqual({"serve", "dev", "control", "config", "map", "queue", "sendmail", "key", "dkim",
                              "suppressions", "doctor", "top", "trace", "links"}, set(commands))
        for command in commands:
            out = self.explains(BARID, command)
            subcommands = re.findall(r"^  ([a-z]+)  ", out.partition("Subcommands:")[2], re.M)
            for subcommand in subcommands:
                self.explains(BARID, command, subcommand)
            self.assertEqual(self.run_program(BARID, command, "--no-such-option")[0], 64, command)

    def test_every_name_has_help_with_examples(self):
        names = self.directory / "names"
        names.mkdir()
        self.assertEqual(self.run_program(BARID, "links", names)[0], 0)
        linked = sorted(p.name for p in names.iterdir())
        self.assertIn("newaliases", linked)
        for name in linked:
            self.explains(names / name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
