#!/usr/bin/env python3
"""Goal: independent readers of MIME agree on every part of a composed message, byte for byte.
Method: seeded random compositions go through compose_fields (TEST_COMPOSE); Python's email package,
GMime and npm's mailparser read what comes out, and each is compared with what was submitted.
"""

import email
import email.policy
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
NODE_DIRECTORY = HERE.parent / "peers/node"
SYSTEM_PYTHON = "/usr/bin/python3"
RANDOM_COUNT = 300

spec = importlib.util.spec_from_file_location("check_compose", HERE / "check_compose.py")
check_compose = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_compose)


def digest(value):
    return hashlib.sha256(value).hexdigest()


def lines(text):
    """Line ends alike; those at the end are not the text's. No part and an empty one are alike."""
    return re.sub(r"\r\n?", "\n", text or "").rstrip("\n")


def submitted(fields):
    single = dict(fields)
    files, current = [], None
    for key, value in fields:
        if key == "file":
            current = ["", "", digest(value)]
            files.append(current)
        elif key == "filename":
            current[0] = value
        elif key == "content_id":
            current[1] = value
    return {"subject": single.get("subject", ""), "from": ["sender@example.org"],
            "to": [v for k, v in fields if k == "to"], "cc": [v for k, v in fields if k == "cc"],
            "text": lines(single.get("text")), "html": lines(single.get("html")), "files": sorted(files)}


def comparable(seen):
    """The types of files are asked of all readers alike, by their own comparison."""
    return {**seen, "text": lines(seen["text"]), "html": lines(seen["html"]),
            "files": sorted([name, cid.strip("<>"), content] for name, cid, _, content in seen["files"])}


def read_with_python(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    seen = {"subject": str(message["subject"]), "text": None, "html": None, "files": []}
    for name in ("from", "to", "cc"):
        seen[name] = [a.addr_spec for a in message[name].addresses] if message[name] else []
    for part in message.walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if part.get_content_disposition() is None and kind in ("text/plain", "text/html"):
            seen["text" if kind == "text/plain" else "html"] = part.get_payload(decode=True).decode()
        else:
            seen["files"].append([part.get_filename() or "", part["content-id"] or "", kind,
                                  digest(part.get_payload(decode=True))])
    return seen


class Judges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rng = random.Random(20261126)
        cls.compositions = [check_compose.composition(rng) for _ in range(RANDOM_COUNT)]
        cls.messages = check_compose.compose_all(os.environ["TEST_COMPOSE"], cls.compositions)
        cls.wire = b"".join(len(raw).to_bytes(4, "big") + raw for raw in cls.messages)

    def ask(self, command):
        done = subprocess.run(command, input=self.wire, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.decode().split("\n") if line]

    def check(self, seen, judged=lambda fields: True, subject_of=str):
        self.assertEqual(len(seen), RANDOM_COUNT)
        count = 0
        for index, (fields, found) in enumerate(zip(self.compositions, seen, strict=True)):
            if not judged(fields):
                continue
            count += 1
            want, got = submitted(fields), comparable(found)
            want["subject"], got["subject"] = subject_of(want["subject"]), subject_of(got["subject"])
            for key in want:
                self.assertEqual(got[key], want[key], f"{key} of message {index}")
        self.assertGreater(count, RANDOM_COUNT / 2)

    def test_python(self):
        self.check([read_with_python(raw) for raw in self.messages])

    def test_gmime(self):
        probe = "import gi; gi.require_version('GMime', '3.0')"
        if subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True).returncode != 0:
            self.skipTest("python3-gi and gir1.2-gmime-3.0 are not installed (tools/install-deps --tests)")
        seen = self.ask([SYSTEM_PYTHON, HERE / "judge_gmime.py"])
        self.check(seen)
        for own, other in zip(map(read_with_python, self.messages), seen, strict=True):
            self.assertEqual(sorted(f[2] for f in own["files"]), sorted(f[2] for f in other["files"]))

    def test_mailparser(self):
        if not (NODE_DIRECTORY / "node_modules/mailparser").exists() or not shutil.which("node"):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        # It shows text files that are inside the html (Content-Disposition: inline) as part of the text, and
        # one blank where a field has several.
        self.check(self.ask(["node", HERE / "judge_mailparser.js", NODE_DIRECTORY]),
                   subject_of=lambda subject: " ".join(subject.split()),
                   judged=lambda fields: not any(name.endswith(".txt") and cid for name, cid, _ in submitted(fields)["files"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
