"""What the tests of the HTTP API share: a server with an httpd service and a scripted sink."""

import http.client
import http.server
import json
import threading

from barid_harness import PATIENCE, ROOT, Scenario, free_port, listening, wait_until

NODE_DIRECTORY = ROOT / "tests/peers/node"
# The first start of node reads hundreds of files: from a cold disk, on a loaded machine, that takes its time.
NODE_PATIENCE = 3 * PATIENCE
ALL_BYTES = bytes(range(256))
PLAIN = {"from": "ann@client.example", "to": "bob@sink.example", "subject": "plain", "text": "hello"}


def has_packages(directory, package=""):
    """Whether npm's packages are installed there, all of them: npm writes its list when it is done."""
    modules = directory / "node_modules"
    return (modules / ".package-lock.json").exists() and (modules / package).exists()


class HttpApi(Scenario):
    options = {}

    def setUp(self):
        super().setUp()
        self.out = self.sink()
        self.http_port = free_port()
        smtp = free_port()
        self.server = self.barid(start=False, relayhost=self.out.relayhost, **self.options, services=[
            f"127.0.0.1:{smtp} inet n - n - - smtpd", f"127.0.0.1:{self.http_port} inet n - n - - httpd"])
        self.server.port = smtp
        self.start()

    def start(self):
        self.server.start()
        wait_until(lambda: listening(self.http_port), "HTTP is served")

    def ask(self, method, path, body=None, **headers):
        """(status, JSON or text of the answer, its fields)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            fields.setdefault("content-type", "application/json")
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text, answer.headers

    def post(self, body, path="/emails", **headers):
        return self.ask("POST", path, body, **headers)

    def wait_state(self, email_id, state):
        def reached():
            status, shown, _ = self.ask("GET", f"/emails/{email_id}")
            return status == 200 and shown["last_event"] == state and shown
        return wait_until(reached, f"{email_id} is {state}")


class WebhookReceiver:
    """Takes webhooks from a server that may die meanwhile. `judge(event)`: the status of the answer, None = 200."""

    def __init__(self, judge=lambda event: None):
        self.seen = []  # (webhook-id, event) of what got a 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status = judge(event) or 200
                if status == 200:
                    receiver.seen.append((self.headers["webhook-id"], event))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # the sender was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
