#!/usr/bin/env python3
"""Goal: Prometheus reads what /metrics serves; dashboard and alert rules name metrics that there are.
Method: promtool, and a real Prometheus that scrapes the real program.
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import ROOT, free_port, stop_process, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

RULES = ROOT / "deploy/grafana/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/barid.json"


class Metrics(HttpApi):
    def setUp(self):
        super().setUp()
        self.wait_state(self.post(PLAIN)[1]["id"], "delivered")
        self.text = self.ask("GET", "/metrics")[1]

    def test_promtool(self):
        promtool = self.need("promtool", "prometheus")
        done = subprocess.run([promtool, "check", "metrics"], input=self.text, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts_fire_when_they_should(self):
        promtool = self.need("promtool", "prometheus")
        done = subprocess.run([promtool, "test", "rules", "alerts_test.yml"], cwd=RULES.parent, capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        named = set(re.findall(r"alertname: (\w+)", (RULES.parent / "alerts_test.yml").read_text()))
        self.assertEqual(named, set(re.findall(r"alert: (\w+)", RULES.read_text())))

    def test_names(self):
        served = set(re.findall(r"^(barid_\w+)", self.text, re.M))
        panels = json.loads(DASHBOARD.read_text())["panels"]
        asked = " ".join(t["expr"] for panel in panels for t in panel["targets"]) + RULES.read_text()
        named = set(re.findall(r"barid_\w+", asked))
        self.assertGreater(len(named), 15)
        self.assertEqual(named - served, set())

    def test_histograms_count(self):
        self.out.script = lambda stage, argument, session: "451 4.3.0 later" if stage == "mail" else None
        self.client(self.server).submit()
        wait_until(lambda: re.search(r'deferred_age_seconds_count\{stream="transactional",shard="\d"\} [1-9]',
                                     self.ask("GET", "/metrics")[1]), "a deferral is timed")
        self.text = self.ask("GET", "/metrics")[1]
        counts = dict(re.findall(r'^(barid_\w+_count\{[^}]*\}) (\d+)$', self.text, re.M))
        for series in ("http_accept_seconds", "smtp_accept_seconds", "commit_seconds", "queue_age_seconds",
                       "delivery_seconds", "deferred_age_seconds"):
            total = sum(int(n) for name, n in counts.items() if name.startswith(f"barid_{series}_count"))
            self.assertGreaterEqual(total, 1, series)

    def test_scrape(self):
        prometheus = self.need("prometheus", "prometheus")
        port, directory = free_port(), self.directory / "prometheus"
        directory.mkdir()
        (directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: barid\n    static_configs:\n"
            f"      - targets: ['127.0.0.1:{self.http_port}']\n")
        server = subprocess.Popen(
            [prometheus, f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(stop_process, server)

        def scraped():
            try:
                query = f"http://127.0.0.1:{port}/api/v1/query?query=sum(barid_messages_accepted_total)"
                with urllib.request.urlopen(query, timeout=5) as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                return None
        result = wait_until(scraped, "Prometheus has scraped", seconds=30)
        self.assertEqual(result[0]["value"][1], "1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
