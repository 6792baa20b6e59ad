#!/usr/bin/env python3
"""Goal: the program explains itself: every command, also under its other names, and says what it does
not know.
Method: the real program, its texts and exit statuses.
"""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, ROOT, Scenario  # noqa: E402


def run(*arguments, program=BARID):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def commands():
    """Those that `barid --help` lists."""
    listed = run("--help")[1].split("commands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z]+) ", listed, re.M)


class Help(unittest.TestCase):
    def test_each_command_both_ways(self):
        self.assertGreater(len(commands()), 12)
        for name in commands():
            with self.subTest(command=name):
                status, text, complaint = run(name, "--help")
                self.assertEqual((status, complaint), (0, ""))
                self.assertRegex(text, r"(?im)^examples?")
                self.assertRegex(text, r"(?i)exit status|links|example")
                self.assertEqual(run("help", name), (status, text, complaint))

    def test_overview(self):
        overview = run("--help")
        self.assertEqual(overview[0], 0)
        self.assertEqual(run("help"), overview)
        self.assertEqual(run("-h"), overview)
        self.assertEqual(run(), (64, "", overview[1]))
        table = (ROOT / "README.md").read_text().split("## Commands", 1)[1]
        for name in commands():
            self.assertIn(f"| `barid {name}", table)

    def test_what_is_wrong_is_said_in_one_form(self):
        rows = [(["serve", "--nosuch"], "--nosuch"), (["serve", "word"], "word"), (["dev", "--smtp-port", "x"], "x"),
                (["dev", "--http-port"], "--http-port"), (["doctor", "--nosuch"], "--nosuch"),
                (["key"], "subcommand"), (["key", "nosuch"], 'unexpected "nosuch"'), (["key", "new", "--x"], "--x"),
                (["dkim", "nosuch"], 'unexpected "nosuch"'), (["dkim", "new", "--domain", "a.example"], "--selector"),
                (["suppressions", "--nosuch"], "--nosuch"), (["control", "nosuch"], "nosuch"),
                (["config", "--nosuch"], "--nosuch"), (["map", "--nosuch"], "--nosuch"), (["queue", "nosuch"], "nosuch"),
                (["sendmail", "-Z"], "Z"), (["top", "--nosuch"], "--nosuch"), (["trace", "--nosuch"], "--nosuch"),
                (["links"], "directory")]
        self.assertEqual({arguments[0] for arguments, _ in rows}, set(commands()))
        for arguments, named in rows:
            with self.subTest(arguments=arguments):
                status, text, complaint = run(*arguments)
                self.assertEqual((status, text), (64, ""))
                self.assertTrue(complaint.startswith(f"barid {arguments[0]}"), complaint)
                self.assertIn(": fatal: ", complaint)
                self.assertIn(named, complaint)

    def test_unknown(self):
        for arguments in (["nosuch"], ["help", "nosuch"]):
            status, text, complaint = run(*arguments)
            self.assertEqual((status, text), (64, ""))
            self.assertIn('unknown command "nosuch"', complaint)


class Names(Scenario):
    def test_each_link_explains_itself(self):
        directory = self.directory / "links"
        directory.mkdir()
        self.assertEqual(run("links", str(directory))[0], 0)
        links = sorted(path.name for path in directory.iterdir())
        self.assertEqual(links, ["mailq", "newaliases", "postalias", "postcat", "postconf", "postfix", "postmap",
                                 "postqueue", "postsuper", "qshape", "sendmail"])
        overview = run("--help")[1]
        for name in links:
            with self.subTest(name=name):
                status, text, complaint = run("--help", program=str(directory / name))
                self.assertEqual((status, complaint), (0, ""))
                self.assertIn("EXAMPLES", text)
                if name not in ("postalias", "postconf", "postfix", "postmap"):  # theirs are shared, and say so
                    self.assertTrue(text.startswith(f"{name} - "), text)
                self.assertIn(name, overview)


if __name__ == "__main__":
    unittest.main()
