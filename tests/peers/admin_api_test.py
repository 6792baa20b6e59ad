#!/usr/bin/env python3
"""Goal: the admin API says what shards, holds, keys and configuration are, and where others than this
host can reach it only a key with the scope admin opens it.
Method: the real program, asked directly and as if through a proxy.
"""

import hashlib
import http.client
import json
import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import PATIENCE, Scenario, free_port, listening, wait_until  # noqa: E402
from http_harness import PLAIN, HttpApi  # noqa: E402

DIGEST = hashlib.sha256(b"re_admin").hexdigest()


class AdminApi(HttpApi):
    options = {"shard_count": "2", "http_batch_limit": "77",
               "http_api_key_maps": "inline:{ {%s = tenant=one scopes=admin rate=9/s from=a.example} }" % DIGEST}

    def test_shards(self):
        status, answer, _ = self.ask("GET", "/admin/v1/shards")
        self.assertEqual((status, answer["object"], [s["index"] for s in answer["data"]]), (200, "list", [0, 1]))
        for shard in answer["data"]:
            self.assertEqual((shard["refusal"], shard["recovering"]), (None, False))
            self.assertIn(shard["io_backend"], ("io_uring", "epoll"))

    def test_keys(self):
        status, answer, _ = self.ask("GET", "/admin/v1/keys")
        self.assertEqual((status, answer["complete"]), (200, True))
        keys = {key["digest"]: key for key in answer["data"]}
        self.assertEqual({k: keys[DIGEST][k] for k in ("tenant", "scopes", "rate", "from")},
                         {"tenant": "one", "scopes": ["send", "read", "admin"], "rate": 9, "from": ["a.example"]})
        status, made, _ = self.ask("POST", "/admin/v1/keys", {"tenant": "two", "scopes": "send,read", "rate": "5/s"})
        digest, entry = made["line"].split(" ", 1)
        self.assertEqual((status, digest), (200, hashlib.sha256(made["key"].encode()).hexdigest()))
        self.assertIn("tenant=two", entry)
        for body, param in (({"tenant": "x", "colour": "blue"}, "colour"), ({"tenant": 7}, "tenant"), ([], "body")):
            status, answer, _ = self.ask("POST", "/admin/v1/keys", body)
            self.assertEqual((status, answer["param"]), (422, param))
        self.assertEqual(self.ask("POST", "/admin/v1/keys", {"tenant": "x", "scopes": "all"})[0], 422)
        self.server.configure(http_api_key_maps=f"inline:{{ {{{digest} = {entry}}} }}")
        self.server.reload()
        wait_until(lambda: [k["tenant"] for k in self.ask("GET", "/admin/v1/keys")[1]["data"]] == ["two"], "the new key")
        self.assertEqual(self.post(PLAIN, authorization=f"Bearer {made['key']}")[0], 200)

    def test_configuration(self):
        status, answer, _ = self.ask("GET", "/admin/v1/configuration")
        mine = {one["name"]: one for one in answer["data"]}
        self.assertEqual((status, mine["http_batch_limit"]["value"], mine["http_batch_limit"]["default"]),
                         (200, "77", False))
        self.assertNotIn("queue_minfree", mine)
        everything = self.ask("GET", "/admin/v1/configuration?all=true")[1]["data"]
        self.assertGreater(len(everything), 300)
        self.assertTrue(next(one for one in everything if one["name"] == "queue_minfree")["default"])
        status, one, _ = self.ask("GET", "/admin/v1/configuration/http_batch_limit")
        self.assertEqual((status, one["value"], one["default_value"], one["changes_at"]), (200, "77", "1000", "reload"))
        self.assertIn("main.cf", one["place"])
        self.assertEqual(self.ask("GET", "/admin/v1/configuration/nosuch")[0], 404)
        self.assertEqual(self.ask("GET", "/admin/v1/configuration?al=true")[0], 422)
        self.server.configure(http_batch_limit="78")
        self.server.reload()
        wait_until(lambda: self.ask("GET", "/admin/v1/configuration/http_batch_limit")[1]["value"] == "78", "reload")

    def test_holds(self):
        key = {"authorization": "Bearer re_admin"}
        later = {**PLAIN, "from": "ann@a.example", "scheduled_at": "in 1 hour"}
        first, second = (self.post(later, **key)[1]["id"] for _ in range(2))
        queue_ids = [self.ask("GET", f"/emails/{one}", **key)[1]["recipients"][0]["queue_id"] for one in (first, second)]
        self.assertEqual(self.ask("GET", "/admin/v1/holds")[1], "")
        status, result, _ = self.ask("POST", f"/admin/v1/holds?id={queue_ids[0]}")
        self.assertEqual(status, 200)
        held = [json.loads(line) for line in self.ask("GET", "/admin/v1/holds")[1].splitlines()]
        self.assertEqual([(one["queue_id"], one["queue_name"]) for one in held], [(queue_ids[0], "hold")])
        self.assertEqual(self.ask("POST", "/admin/v1/holds")[0], 400)
        self.assertEqual(self.ask("GET", "/admin/v1/holds?state=active")[0], 400)
        self.assertEqual(self.ask("DELETE", f"/admin/v1/holds?id={queue_ids[0]}")[0], 200)
        self.assertEqual(self.ask("GET", "/admin/v1/holds")[1], "")


class ControlSocket(HttpApi):
    """It has all roles (an http_roles of the control socket is not to be set)."""

    def ask_socket(self, method, path, body=None, **fields):
        connection = http.client.HTTPConnection("barid", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        connection.sock.connect(str(self.server.queue_directory / "public/control"))
        self.addCleanup(connection.close)
        body = None if body is None else json.dumps(body).encode()
        connection.request(method, path, body, {"content-type": "application/json", **fields})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_it_has_all_roles(self):
        status, text = self.ask_socket("POST", "/emails", PLAIN)
        self.assertEqual(status, 200, text)
        self.wait_state(json.loads(text)["id"], "delivered")
        self.assertEqual(self.ask_socket("POST", "/emails", {})[0], 422)
        for path in ("/webhooks", "/suppressions", "/events", "/openapi.json", "/metrics", "/console/", "/admin/v1/status", "/livez"):
            self.assertEqual(self.ask_socket("GET", path)[0], 200, path)
        large = {**PLAIN, "attachments": [{"filename": "a.bin", "content": "A" * (2 << 20)}]}
        self.assertEqual(self.ask_socket("POST", "/emails", large)[0], 200)
        self.out.wait_messages(2)
        self.server.configure(http_batch_limit="1", http_api_key_maps="inline:{ {%s = tenant=one scopes=send} }" % DIGEST)
        self.server.reload()
        wait_until(lambda: self.ask_socket("POST", "/emails", PLAIN)[0] == 401, "a key is needed, as on loopback addresses")
        self.assertEqual(self.ask_socket("POST", "/emails/batch", [PLAIN] * 2, authorization="Bearer re_admin")[0], 422)
        self.assertEqual(self.ask_socket("GET", "/admin/v1/status")[0], 200)


class QueuedGauge(HttpApi):
    options = {"shard_count": "2"}

    def queued(self):
        lines = [line for line in self.ask("GET", "/metrics")[1].splitlines()
                 if line.startswith("barid_queued_messages{")]
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines) if lines else None

    def wait_queued(self, count):
        wait_until(lambda: self.queued() == count, f"{count} queued messages")

    def test_it_is_exact(self):
        self.wait_queued(0)
        later = {**PLAIN, "scheduled_at": "in 1 hour"}
        ids = [one["id"] for one in self.post([later] * 30, "/emails/batch")[1]["data"]]
        self.out.script = lambda stage, argument, session: "451 4.3.0 not yet" if stage == "rcpt" else None
        self.post([PLAIN] * 12, "/emails/batch")
        self.wait_queued(42)
        self.server.kill()
        self.start()
        self.wait_queued(42)
        self.assertEqual(self.post({}, f"/emails/{ids[0]}/cancel")[0], 200)
        self.wait_queued(41)
        self.out.script = None
        self.assertEqual(self.ask("POST", "/admin/v1/queue/flush?domain=sink.example&state=deferred")[0], 200)
        self.assertEqual(self.server.stop(), 0)
        self.start()
        self.assertEqual(self.ask("POST", "/admin/v1/queue/delete?all=true")[0], 200)
        self.wait_queued(0)


class Guard(Scenario):
    def test_admin_needs_its_scope_from_outside(self):
        port = free_port()
        entries = " ".join("{%s = tenant=one scopes=%s}" % (hashlib.sha256(name.encode()).hexdigest(), scope)
                           for name, scope in (("re_admin", "admin"), ("re_send", "send,read")))
        smtp = free_port()
        server = self.barid(start=False, http_api_key_maps="inline:{ %s }" % entries, services=[
            f"127.0.0.1:{smtp} inet n - n - - smtpd",
            f"127.0.0.1:{port} inet n - n - - httpd -o smtpd_upstream_proxy_protocol=haproxy -o http_roles=api,admin"])
        server.port = smtp
        server.start()
        wait_until(lambda: listening(port), "HTTP is served")

        def ask(path, key=None):
            fields = f"Authorization: Bearer {key}\r\n" if key else ""
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
                peer.sendall(f"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\nGET {path} HTTP/1.1\r\nHost: a\r\n{fields}"
                             "Connection: close\r\n\r\n".encode())
                answer = http.client.HTTPResponse(peer)
                answer.begin()
                return answer.status, json.loads(answer.read())

        for path in ("/admin/v1/status", "/admin/v1/queue", "/admin/v1/configuration", "/admin/v1/routes",
                     "/admin/v1/suppressions"):
            status, body = ask(path)
            self.assertEqual((status, body["name"]), (401, "missing_api_key"), path)
            status, body = ask(path, "re_send")
            self.assertEqual((status, body["name"]), (401, "restricted_api_key"), path)
        self.assertEqual(ask("/admin/v1/shards", "re_admin")[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
