#!/usr/bin/env python3
"""Goal: what an SDK and the server say to each other is what /openapi.json describes.
Method: npm's @stoplight/prism-cli stands between them as a proxy that checks requests and answers; npm's
resend and plain requests go through it, and it must find nothing but what was wrong on purpose.
"""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, ROOT, free_port, listening, stop_process, wait_until  # noqa: E402
from http_harness import NODE_DIRECTORY, NODE_PATIENCE, PLAIN, HttpApi, has_packages  # noqa: E402

PRISM = ROOT / "tests/peers/prism"
SDK = """
const { Resend } = require('resend');
const resend = new Resend('re_any');
const mail = { from: 'Ann <ann@client.example>', to: ['bob@sink.example'], subject: 'Hello', html: '<p>x</p>',
               attachments: [{ filename: 'a.bin', content: Buffer.from([0, 1, 255]) }] };
(async () => {
  const sent = await resend.emails.send(mail, { idempotencyKey: 'k' });
  const later = await resend.emails.send({ ...mail, attachments: undefined, scheduledAt: 'in 1 hour' });
  const steps = [sent, await resend.emails.get(sent.data.id), later,
    await resend.emails.update({ id: later.data.id, scheduledAt: new Date(Date.now() + 864e5).toISOString() }),
    await resend.emails.cancel(later.data.id),
    await resend.batch.send([{ from: mail.from, to: mail.to, subject: 'b', text: 'x' }])];
  for (const step of steps) console.log(JSON.stringify(step));
})();
"""


class Prism(HttpApi):
    def setUp(self):
        if not has_packages(PRISM) or not has_packages(NODE_DIRECTORY):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        super().setUp()
        description = self.directory / "openapi.json"
        description.write_bytes(subprocess.run([sys.executable, ROOT / "http/openapi/description.py", "--json"], check=True,
                                               capture_output=True).stdout)
        self.proxy_port = free_port()
        self.log_path = self.directory / "prism.log"
        with self.log_path.open("w") as log:
            proxy = subprocess.Popen(
                [self.need("node", "nodejs"), "node_modules/@stoplight/prism-cli/dist/index.js", "proxy", "-h",
                 "127.0.0.1", "-p", str(self.proxy_port), str(description),
                 f"http://127.0.0.1:{self.http_port}"], cwd=PRISM, stdout=log, stderr=log)
        self.addCleanup(stop_process, proxy)
        wait_until(lambda: listening(self.proxy_port) or proxy.poll() is not None, "the proxy listens", seconds=NODE_PATIENCE)
        self.assertIsNone(proxy.poll(), self.log_path.read_text())

    def other(self, email_id):
        """Another id that leads to the same record."""
        return email_id[:-1] + ("0" if email_id[-1] != "0" else "1")

    def through(self, method, path, body=None):
        """(status, what prism found wrong)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy_port, timeout=PATIENCE)
        fields = {"authorization": "Bearer re_any"}
        if body is not None:
            fields["content-type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        answer = connection.getresponse()
        found = json.loads(answer.headers.get("sl-violations", "[]"))
        text = answer.read().decode()
        connection.close()
        return answer.status, found, text

    def test_requests_and_answers(self):
        status, found, text = self.through("POST", "/emails", {**PLAIN, "tags": [{"name": "a", "value": "b"}],
                                                               "metadata": {"n": 1}, "priority": 3})
        self.assertEqual((status, found), (200, []), text)
        email_id = json.loads(text)["id"]
        for method, path, body, wanted in [
                ("GET", f"/emails/{email_id}", None, 200), ("GET", "/emails?limit=5", None, 200),
                ("GET", "/events?limit=5", None, 200), ("GET", f"/emails/{self.other(email_id)}", None, 404),
                ("POST", "/emails/batch", [PLAIN, PLAIN], 200), ("POST", "/suppressions", {"email": "x@y.example"}, 200),
                ("GET", "/suppressions", None, 200), ("DELETE", "/suppressions/x@y.example", None, 200),
                ("GET", "/webhooks", None, 200)]:
            with self.subTest(method=method, path=path):
                status, found, text = self.through(method, path, body)
                self.assertEqual((status, found), (wanted, []), text)

    def test_it_would_find_what_is_wrong(self):
        status, found, _ = self.through("POST", "/emails", {**PLAIN, "priority": 77})
        self.assertEqual(status, 422)
        self.assertEqual({one["location"][0] for one in found}, {"request"})

    def test_resend(self):
        done = subprocess.run([self.need("node", "nodejs"), "-e", SDK], cwd=NODE_DIRECTORY, capture_output=True,
                              text=True, timeout=NODE_PATIENCE,
                              env={**os.environ, "RESEND_BASE_URL": f"http://127.0.0.1:{self.proxy_port}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(steps), 6)
        self.assertEqual([step["error"] for step in steps], [None] * 6)
        self.assertNotIn("iolation", self.log_path.read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
