#!/usr/bin/env python3
"""Goal: the queue can be listed while no server runs, as far as the user may read it, and a look
changes nothing.
Method: the real program stopped in order and killed; what it listed before; the files before and after.
"""

import json
import os
import pathlib
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, RawClient, Scenario, free_port  # noqa: E402

NOBODY = 65534


def snapshot(directory):
    """Names, sizes, times and contents below `directory`; sockets by name only."""
    rows = {}
    for path in sorted(directory.rglob("*")):
        info = path.lstat()
        if not stat.S_ISSOCK(info.st_mode):
            rows[str(path)] = (info.st_mode, info.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return rows


class Offline(Scenario):
    def run_as(self, server, name, *words, **options):
        return subprocess.run([name, "-c", str(server.directory), *words], executable=BARID, capture_output=True,
                              text=True, timeout=PATIENCE, **options)

    def fill(self):
        server = self.barid(relayhost=f"[127.0.0.1]:{free_port()}", minimal_backoff_time="1h",
                            maximal_backoff_time="1h")
        with RawClient(server.port) as client:
            ids = [client.submit(recipients=[f"r{n}@sink.example"]) for n in range(5)]
        server.wait_queue(lambda q: len(q) == 5 and all(e["queue_name"] == "deferred" for e in q), "all deferred")
        self.assertEqual(self.run_as(server, "postsuper", "-h", ids[2]).returncode, 0)
        return server, ids

    def test_lists_what_the_server_listed(self):
        server, ids = self.fill()
        before = server.queue()
        self.assertEqual(len(before), 5)
        for end in (server.stop, server.kill):
            with self.subTest(end.__name__):
                end()
                files = snapshot(server.queue_directory)
                done = self.run_as(server, "postqueue", "-j")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr,
                                 "postqueue: warning: Mail system is down -- accessing queue directly\n")
                key = lambda entry: entry["queue_id"]  # noqa: E731
                listed = [json.loads(line) for line in done.stdout.splitlines()]
                self.assertEqual(sorted(listed, key=key), sorted(before, key=key))
                self.assertEqual(listed[-1]["queue_id"], ids[2], "what is on hold comes last")
                text = self.run_as(server, "mailq")
                self.assertIn("5 Requests.", text.stdout)
                self.assertIn(ids[2] + "!", text.stdout)
                chosen = subprocess.run([BARID, "queue", "-c", str(server.directory), "list", "--recipient",
                                         "r1@sink.example", "--json"], capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual([json.loads(line)["queue_id"] for line in chosen.stdout.splitlines()], [ids[1]])
                shape = self.run_as(server, "qshape", "--json", "deferred")
                self.assertEqual(json.loads(shape.stdout.splitlines()[0])["total"], 4)
                self.assertEqual(snapshot(server.queue_directory), files)
                server.start()
                self.assertEqual(sorted(server.queue(), key=key), sorted(before, key=key))

    def test_others_are_told_that_it_is_down(self):
        if os.geteuid() != 0:
            self.skipTest("only the superuser can become another user")
        server, _ = self.fill()
        server.stop()
        self.directory.chmod(0o755)
        for path in (server.directory, server.directory / "main.cf", server.directory / "master.cf"):
            path.chmod(0o755)
        done = self.run_as(server, "mailq", user=NOBODY, group=NOBODY)
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertIn("mail system is down", done.stderr)

    def test_no_queue_is_no_list(self):
        server = self.barid(start=False)
        server.configure()
        done = self.run_as(server, "mailq")
        self.assertEqual(done.returncode, 69, done.stderr)
        self.assertFalse(server.queue_directory.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
