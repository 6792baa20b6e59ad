#!/usr/bin/env python3
"""Goal: load and hostile slowness from tools that others wrote do not hurt: every answer is right, every
email arrives, and other clients are served meanwhile.
Method: wrk posts as fast as it can; slowhttptest holds connections with slow heads, bodies and reads.
"""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

WRK_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"from":"ann@client.example","to":"bob@sink.example","subject":"wrk","text":"hello"}'
done = function(summary, latency, requests)
  io.write(string.format("requests=%d bad=%d connect=%d read=%d write=%d\\n", summary.requests,
    summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write))
end
"""


class Load(HttpApi):
    options = {"default_transport": "discard", "http_timeout": "3s", "http_idle_timeout": "3s"}

    def delivered(self):
        text = self.ask("GET", "/metrics")[1]
        return sum(int(n) for n in re.findall(r"^barid_recipients_delivered_total\{[^}]*\} (\d+)$", text, re.M))

    def test_wrk(self):
        wrk = self.need("wrk", "wrk")
        script = self.directory / "post.lua"
        script.write_text(WRK_SCRIPT)
        done = subprocess.run([wrk, "-t2", "-c40", "-d3s", "-s", str(script),
                               f"http://127.0.0.1:{self.http_port}/emails"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        counts = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", done.stdout)}
        self.assertEqual({name: n for name, n in counts.items() if name != "requests"},
                         {"bad": 0, "connect": 0, "read": 0, "write": 0}, done.stdout)
        self.assertGreater(counts["requests"], 100)
        # wrk ends in the midst of its last requests: at most one a connection more than it counted.
        wait_until(lambda: self.delivered() >= counts["requests"], "all are delivered", seconds=60)
        self.assertLessEqual(self.delivered(), counts["requests"] + 40)

    def test_slowhttptest(self):
        program = self.need("slowhttptest", "slowhttptest")
        url = f"http://127.0.0.1:{self.http_port}/emails"
        for name, options in {"heads": ["-H", "-u", url], "bodies": ["-B", "-u", url, "-s", "8192"],
                              "reads": ["-X", "-u", f"http://127.0.0.1:{self.http_port}/openapi.json", "-w", "16",
                                        "-y", "32", "-z", "8", "-n", "1", "-k", "3"]}.items():
            with self.subTest(name):
                test = subprocess.Popen([program, *options, "-c", "150", "-r", "100", "-i", "1", "-l", "8", "-p", "3"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                answers = []
                while test.poll() is None:
                    answers.append(self.post(PLAIN)[0])
                said = re.sub(r"\x1b\[[0-9;]*m", "", test.stdout.read())
                test.stdout.close()
                self.assertEqual(set(answers), {200})
                self.assertGreater(len(answers), 20)
                self.assertRegex(said, r"service available:\s+YES", said[-2000:])
                self.assertNotRegex(said, r"service available:\s+NO")
        wait_until(lambda: self.connections_open() == 1, "slow clients are gone", seconds=30)

    def connections_open(self):
        """The one that asks among them."""
        text = self.ask("GET", "/metrics")[1]
        return sum(int(n) for n in re.findall(r"^barid_http_connections_open\{[^}]*\} (\d+)$", text, re.M))


if __name__ == "__main__":
    unittest.main(verbosity=2)
