#!/usr/bin/env python3
"""Goal: the examples of docs/api.md do what they say.
Method: each code block that starts with curl is run by a shell, each js block by node, against
`barid dev` (its addresses in place of the documented ones).
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, ROOT, Scenario, free_port, listening, stop_process, wait_until  # noqa: E402
from http_harness import NODE_DIRECTORY, NODE_PATIENCE, has_packages  # noqa: E402

BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs/api.md").read_text(), re.M | re.S)


class Examples(Scenario):
    def setUp(self):
        super().setUp()
        self.http_port = free_port()
        output = open(self.directory / "output", "wb")
        self.addCleanup(output.close)
        self.dev = subprocess.Popen(
            [BARID, "dev", "--data", str(self.directory / "data"), "--smtp-port", str(free_port()), "--http-port",
             str(self.http_port), "--mailbox-port", str(free_port())], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output)
        self.addCleanup(stop_process, self.dev)
        wait_until(lambda: listening(self.http_port), "barid dev serves HTTP")

    def here(self, text):
        return text.replace("127.0.0.1:8025", f"127.0.0.1:{self.http_port}")

    def test_curl(self):
        commands = []
        for language, block in BLOCKS:
            if language == "" and block.startswith("curl "):
                # An answer may be shown below a command: it begins a line with a brace.
                commands.append(re.sub(r"\n\{[^\n]*\n\Z", "", block).strip())
        self.assertGreaterEqual(len(commands), 3)
        for command in commands:
            with self.subTest(command=command):
                done = subprocess.run(["sh", "-c", self.here(command)], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                answer = json.loads(done.stdout)
                self.assertNotIn("statusCode", answer)
                self.assertTrue("id" in answer or "data" in answer, answer)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def test_without_configuration_mail_is_delivered_and_seen(self):
        email = {"from": "me@example.org", "to": "you@example.net", "subject": "First", "text": "Hello"}
        email_id = self.ask("/emails", email)["id"]
        wait_until(lambda: self.ask(f"/emails/{email_id}")["last_event"] == "delivered", "the message is delivered")
        self.events = []

        def told():
            self.events = [event["type"] for event in self.ask("/events")["data"] if event["data"]["email_id"] == email_id]
            return "email.delivered" in self.events
        wait_until(told, "its events are listed")
        self.assertEqual(self.events, ["email.sent", "email.delivered"])
        stored = self.ask("/admin/v1/mailbox")["data"]
        self.assertEqual([(one["subject"], one["to"]) for one in stored], [("First", "you@example.net")])

    def test_node(self):
        wanted = re.findall(r"require\('([^']+)'\)", "".join(block for _, block in BLOCKS))
        if not all(has_packages(NODE_DIRECTORY, name) for name in wanted):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        node = self.need("node", "nodejs")
        ran = 0
        for language, block in BLOCKS:
            if language != "js" or "signing_secret" in block:
                continue
            done = subprocess.run([node, "-e", self.here(block)], cwd=NODE_DIRECTORY, capture_output=True, text=True,
                                  timeout=NODE_PATIENCE,
                                  env={**os.environ, "RESEND_BASE_URL": f"http://127.0.0.1:{self.http_port}"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"id: '[0-9a-f-]{36}'")
            ran += 1
        self.assertGreaterEqual(ran, 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
