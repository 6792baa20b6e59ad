#!/usr/bin/env python3
"""Goal: events reach webhooks, signed as Standard Webhooks says, at least once and in order, through
failures, deletions, replays and kill -9; a receiver that is dead costs mail nothing.
Method: the real program, receivers scripted on loopback, npm's standardwebhooks as the judge.
"""

import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, wait_until  # noqa: E402
from http_harness import NODE_DIRECTORY, PLAIN, HttpApi, has_packages  # noqa: E402

ALL_EVENTS = ["email.scheduled", "email.sent", "email.delivered", "email.delivery_delayed", "email.bounced",
              "email.failed"]


class Receiver:
    """Takes webhooks; `script(call)` gives the status, None is 200."""

    def __init__(self, script=None, context=None):
        self.calls, self.script = [], script
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                call = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body,
                        "event": json.loads(body), "time": time.monotonic()}
                receiver.calls.append(call)
                status = (receiver.script(call) if receiver.script else None) or 200
                self.send_response(status)
                if status == 302:
                    self.send_header("location", receiver.url + "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # the sender was killed, or gave up: that is what the test is about

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def events(self, *types):
        return [c["event"] for c in self.calls if not types or c["event"]["type"] in types]

    def wait(self, count, *types):
        return wait_until(lambda: len(e := self.events(*types)) >= count and e, f"{count} webhooks {types}")


class Webhooks(HttpApi):
    options = {"webhook_private_networks": "127.0.0.0/8", "webhook_retry_schedule": "1s 1s 1s 2s 2s"}

    def receiver(self, script=None, **options):
        receiver = Receiver(script, **options)
        self.addCleanup(receiver.close)
        return receiver

    def hook(self, receiver, events=ALL_EVENTS, path="/hook", **fields):
        status, answer, _ = self.ask("POST", "/webhooks", {"endpoint": receiver.url + path, "events": events}, **fields)
        self.assertEqual((status, answer["object"]), (200, "webhook"), answer)
        return answer

    def send(self, count=1, **fields):
        return [self.post({**PLAIN, **fields, "to": f"r{i}@sink.example"})[1]["id"] for i in range(count)]

    def test_signed_complete_and_in_order(self):
        receiver = self.receiver()
        hook = self.hook(receiver)
        sent = self.send(20, tags=[{"name": "kind", "value": "test"}], metadata={"n": 1})
        calls = wait_until(lambda: len(receiver.calls) >= 40 and receiver.calls, "40 webhooks")
        judged = self.verify(hook["signing_secret"], calls)
        self.assertEqual([j["ok"] for j in judged], [True] * len(calls))
        forged = [{**calls[0], "body": calls[0]["body"].replace("ann@", "eve@")}]
        self.assertFalse(self.verify(hook["signing_secret"], forged)[0]["ok"])
        for call in calls:
            for name in ("id", "timestamp", "signature"):
                self.assertEqual(call["headers"][f"webhook-{name}"], call["headers"][f"svix-{name}"])
            self.assertEqual(sorted(call["event"]), ["created_at", "data", "type"])
        for email_id in sent:
            mine = [e for e in receiver.events() if e["data"]["email_id"] == email_id]
            self.assertEqual([e["type"] for e in mine], ["email.sent", "email.delivered"])
            data = mine[1]["data"]
            self.assertEqual((data["tags"], data["metadata"]), ({"kind": "test"}, {"n": 1}))
            self.assertEqual(data["to"], [data["recipient"]])
            for name in ("message_id", "queue_id", "from", "subject", "tenant", "stream", "relay", "reply", "attempts"):
                self.assertIn(name, data)

    def verify(self, secret, calls):
        if not has_packages(NODE_DIRECTORY, "standardwebhooks"):
            self.skipTest("npm packages are not installed (tools/install-deps --tests)")
        lines = "".join(json.dumps({"secret": secret, "headers": c["headers"], "body": c["body"]}) + "\n"
                        for c in calls)
        done = subprocess.run([self.need("node", "nodejs"), "verify_webhook.js"], cwd=NODE_DIRECTORY, input=lines,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_calls(self):
        receiver = self.receiver()
        hook = self.hook(receiver, ["email.sent"])
        path = f"/webhooks/{hook['id']}"
        status, shown, _ = self.ask("GET", path)
        self.assertEqual(status, 200)
        self.assertEqual({k: shown[k] for k in ("object", "id", "status", "endpoint", "events", "signing_secret")},
                         {"object": "webhook", "id": hook["id"], "status": "enabled",
                          "endpoint": receiver.url + "/hook", "events": ["email.sent"],
                          "signing_secret": hook["signing_secret"]})
        listed = self.ask("GET", "/webhooks")[1]
        self.assertEqual((listed["object"], [h["id"] for h in listed["data"]]), ("list", [hook["id"]]))
        self.assertNotIn("signing_secret", listed["data"][0])
        self.assertEqual(self.ask("PATCH", path, {"endpoint": receiver.url + "/other"})[1],
                         {"object": "webhook", "id": hook["id"]})
        self.send()
        receiver.wait(1)
        self.assertEqual(receiver.calls[0]["path"], "/other")
        self.assertEqual(self.ask("PATCH", path, {"status": "disabled"})[0], 200)
        self.wait_state(self.send()[0], "delivered")
        self.assertEqual(self.ask("POST", path + "/replay", {"after": None})[0], 422)
        self.assertEqual(self.ask("PATCH", path, {"status": "enabled", "events": ["email.sent", "email.delivered"]})[0],
                         200)
        last = self.send()[0]
        receiver.wait(1, "email.delivered")
        self.assertEqual({e["data"]["email_id"] for e in receiver.events("email.delivered")}, {last})
        self.assertEqual(self.ask("DELETE", path)[1], {"object": "webhook", "id": hook["id"], "deleted": True})
        for method, suffix in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/replay")):
            status, answer, _ = self.ask(method, path + suffix, {} if method != "GET" else None)
            self.assertEqual((status, answer["name"]), (404, "not_found"))
        self.assertEqual(self.ask("GET", "/webhooks")[1]["data"], [])

    def test_refused(self):
        for body, name, param in (({"events": ["email.sent"]}, "missing_required_field", "endpoint"),
                                  ({"endpoint": "http://10.0.0.1/", "events": ["email.sent"]}, "validation_error",
                                   "endpoint"),
                                  ({"endpoint": "https://a.example/", "events": ["x"]}, "validation_error", "events")):
            status, answer, _ = self.ask("POST", "/webhooks", body)
            self.assertEqual((status, answer["name"], answer["param"]), (422, name, param))

    def test_as_many_as_a_tenant_may_have(self):
        body = {"endpoint": "http://127.0.0.1:1/", "events": ["email.complained"], "status": "disabled"}
        made = [self.ask("POST", "/webhooks", body)[1]["id"] for _ in range(100)]
        status, answer, _ = self.ask("POST", "/webhooks", body)
        self.assertEqual((status, answer["name"]), (422, "validation_error"))
        self.assertEqual(self.ask("DELETE", f"/webhooks/{made[50]}")[0], 200)
        self.assertEqual(self.ask("POST", "/webhooks", body)[0], 200)

    def test_failures_redirects_and_410(self):
        failing = self.receiver(lambda call: 500 if len(failing.calls) <= 2 else 200)
        moved = self.receiver(lambda call: 302)
        gone = self.receiver(lambda call: 410)
        self.hook(failing, ["email.sent"])
        self.hook(moved, ["email.sent"])
        gone_hook = self.hook(gone, ["email.sent"])
        self.send()
        calls = wait_until(lambda: len(failing.calls) >= 3 and failing.calls, "a success after two failures")
        self.assertEqual(len({c["headers"]["webhook-id"] for c in calls}), 1)
        self.assertGreaterEqual(calls[1]["time"] - calls[0]["time"], 0.9)
        wait_until(lambda: self.ask("GET", f"/webhooks/{gone_hook['id']}")[1]["status"] == "disabled", "disabled")
        self.assertEqual(len(gone.calls), 1)
        wait_until(lambda: len(moved.calls) >= 2, "a redirect is a failure")
        self.assertEqual({c["path"] for c in moved.calls}, {"/hook"})

    def test_dead_ones_are_replayed(self):
        receiver = self.receiver(lambda call: 500)
        hook = self.hook(receiver, ["email.sent", "email.delivered"])
        first = self.send()[0]
        self.server.wait_log("is given up", seconds=30)
        receiver.script = None
        events = self.ask("GET", "/events")[1]["data"]
        receiver.calls.clear()
        self.assertEqual(self.ask("POST", f"/webhooks/{hook['id']}/replay", {})[0], 200)
        got = receiver.wait(2)
        self.assertEqual([(e["type"], e["data"]["email_id"]) for e in got],
                         [("email.sent", first), ("email.delivered", first)])
        receiver.calls.clear()
        self.assertEqual(self.ask("POST", f"/webhooks/{hook['id']}/replay", {"after": events[0]["id"]})[0], 200)
        self.assertEqual([e["type"] for e in receiver.wait(1)], ["email.delivered"])
        status, answer, _ = self.ask("POST", f"/webhooks/{hook['id']}/replay", {"after": "x"})
        self.assertEqual((status, answer["param"]), (422, "after"))

    def test_kill_during_delivery_loses_no_event(self):
        receiver = self.receiver(lambda call: time.sleep(0.02))
        self.hook(receiver, ["email.sent", "email.delivered"])
        sent = self.send(60)
        wait_until(lambda: len(receiver.calls) >= 20, "some webhooks")
        self.server.kill()
        self.start()
        wanted = {(i, t) for i in sent for t in ("email.sent", "email.delivered")}
        got = lambda: {(e["data"]["email_id"], e["type"]) for e in receiver.events()}  # noqa: E731
        wait_until(lambda: got() >= wanted, "every event after the restart", seconds=30)
        self.assertEqual(got(), wanted)

    def test_dead_receiver_costs_mail_nothing(self):
        hanging = self.receiver(lambda call: time.sleep(PATIENCE))
        healthy = self.receiver()
        self.hook(hanging)
        self.hook(healthy, ["email.delivered"])
        sent = self.send(100)
        for email_id in sent:
            self.wait_state(email_id, "delivered")
        healthy.wait(100, "email.delivered")
        self.assertLessEqual(len(hanging.calls), 32)
        metrics = self.ask("GET", "/metrics")[1]
        self.assertRegex(metrics, r"barid_webhook_events_delivered_total \d+")

    def test_tls_is_verified(self):
        key, cert = self.directory / "key.pem", self.directory / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=test", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        receiver = self.receiver(context=context)
        self.hook(receiver, ["email.sent"])
        self.send()
        self.server.wait_log("webhook .*fails: .*certificate")
        self.assertEqual(receiver.calls, [])
        self.server.configure(webhook_tls_CAfile=cert)
        self.server.reload()
        receiver.wait(1)


class PrivateNetworks(HttpApi):
    def test_refused_by_default(self):
        status, answer, _ = self.ask("POST", "/webhooks", {"endpoint": "http://127.0.0.1:1/", "events": ["email.sent"]})
        self.assertEqual((status, answer["param"]), (422, "endpoint"))
        receiver = Receiver()
        self.addCleanup(receiver.close)
        url = receiver.url.replace("127.0.0.1", "localhost")
        self.assertEqual(self.ask("POST", "/webhooks", {"endpoint": url, "events": ["email.sent"]})[0], 422)


if __name__ == "__main__":
    unittest.main(verbosity=2)
