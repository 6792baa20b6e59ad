"""What the tests against the real program share: Barid as a process, a scripted SMTP sink, a raw
client, and the ledger that says whether mail was lost.

Programs come from the environment: TEST_BARID, TEST_BENCH (default: the release build). Everything
listens on 127.0.0.0/8, lives in one temporary directory a test, and is stopped by process id.
Nothing sleeps for a fixed time: wait_until() polls a condition within a bound.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BARID = os.environ.get("TEST_BARID", str(ROOT / "build/release/bin/barid"))
BENCH = os.environ.get("TEST_BENCH", str(ROOT / "build/release/bin/barid-bench"))
PATIENCE = 60.0  # seconds; only a failing test waits so long, also where others load the machine
DROP = object()  # a sink script's answer: close without a reply


def wait_until(condition, what, seconds=PATIENCE, every=0.01):
    """The first true value of `condition()`; AssertionError naming `what` when time is over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


_claims = []


def free_port(host="127.0.0.1"):
    """A port that nobody else gets while this process lives: below those that the kernel hands out to
    connections, and claimed under an abstract socket name among all processes of tests."""
    while True:
        port = random.randrange(10000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0barid-test-port-{port}")
            with socket.socket() as probe:
                probe.bind((host, port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port


def listening(port, host="127.0.0.1"):
    """Something listens there; asked of the kernel, so that no server sees a connection for it."""
    wanted = {f"{socket.inet_aton(a)[::-1].hex().upper()}:{port:04X}" for a in (host, "0.0.0.0")}
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1] in wanted and row.split()[3] == "0A" for row in rows)


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")


def stop_process(process, seconds=PATIENCE):
    """Ends `process` (SIGTERM, then SIGKILL) and returns its status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Barid:
    """One configuration and queue, started and stopped as often as the test likes."""

    def __init__(self, directory, main=None, services=None, queue=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.queue_directory = pathlib.Path(queue or self.directory / "queue")
        self.log_path = self.directory / "maillog"
        self.port = free_port()
        self.main = {
            "myhostname": "mx.barid.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "queue_directory": self.queue_directory,
            "disable_dns_lookups": "yes",
            "inet_protocols": "ipv4",
            "shard_count": "2",
            "shutdown_timeout": "2s",
            "smtpd_error_sleep_time": "0",
            "minimal_backoff_time": "2s",
            "maximal_backoff_time": "2s",
            "maillog_file": self.log_path,
            "maillog_file_prefixes": "/var, /dev/stdout, " + str(self.directory),
            **(main or {}),
        }
        self.services = services if services is not None else [
            f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        self.process = None
        self.log_start = 0

    def configure(self, **changes):
        """Writes main.cf and master.cf; None removes a parameter."""
        self.main.update(changes)
        text = "".join(f"{k} = {v}\n" for k, v in self.main.items() if v is not None)
        (self.directory / "main.cf").write_text(text)
        (self.directory / "master.cf").write_text("\n".join(self.services) + "\n")

    def launch(self, *wrapper):
        """Starts the program without waiting for anything."""
        self.configure()
        self.log_start = len(self.log_bytes())
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen(
                [*wrapper, BARID, "serve", "-c", str(self.directory)], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output)
        return self.process

    def start(self, *wrapper):
        self.launch(*wrapper)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"barid ended with {self.process.returncode}: {self.output()}")
            return listening(self.port) and self.control_socket.exists() and self.started()

        wait_until(ready, "barid listens")
        return self

    def started(self):
        """Whether the process of the last launch() says that it serves."""
        return b"daemon started" in self.log_bytes()[self.log_start:]

    def refused(self):
        """Starts where a start must fail; returns (status, what it said)."""
        before = len(self.output())
        try:
            status = self.launch().wait(PATIENCE / 3)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError("it started where it must refuse") from None
        return status, self.output()[before:]

    def stop(self):
        """SIGTERM; returns the exit status."""
        return stop_process(self.process) if self.process else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    @property
    def control_socket(self):
        return self.queue_directory / "public/control"

    def output(self):
        return (self.directory / "output").read_text(errors="replace") \
            if (self.directory / "output").exists() else ""

    def log_bytes(self):
        return self.log_path.read_bytes() if self.log_path.exists() else b""

    def log(self):
        return self.log_bytes().decode(errors="replace")

    def log_matches(self, pattern):
        return re.findall(pattern, self.log(), re.M)

    def wait_log(self, pattern, count=1, seconds=PATIENCE):
        """All matches of `pattern` in the log, once there are `count`."""
        try:
            return wait_until(lambda: (m := self.log_matches(pattern)) and len(m) >= count and m,
                              f"log line {pattern!r}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n{self.log()[-3000:]}") from None

    def expect_log(self, pattern, count=1):
        """All matches, which must become `count`: the log is written behind what it tells of."""
        found = self.wait_log(pattern, count)
        if len(found) != count:
            raise AssertionError(f"{len(found)} lines instead of {count} match {pattern!r}; the log:\n"
                                 f"{self.log()[-3000:]}")
        return found

    def queue(self):
        """The entries of `barid queue list --json`."""
        done = subprocess.run([BARID, "queue", "-c", str(self.directory), "list", "--json"],
                              capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"queue list: {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    def wait_queue(self, condition=lambda entries: not entries, what="empty queue", seconds=PATIENCE):
        """Polls the listing until condition(entries); returns the entries."""
        last = []

        def holds():
            if self.process.poll() is not None:
                raise AssertionError(f"barid ended with {self.process.returncode}: {self.output()}")
            last[:] = self.queue()
            return condition(last)

        try:
            wait_until(holds, what, seconds, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; last listing {last}; log:\n{self.log()[-3000:]}") from None
        return list(last)


class Message:
    """What the sink took: envelope, content as it came, when."""

    def __init__(self, session):
        self.session = session
        self.sender = session.sender
        self.mail_parameters = session.mail_parameters
        self.recipients = list(session.recipients)
        self.content = b""
        self.bdat = False
        self.time = time.time()

    @property
    def body(self):
        """The content without the Received field that Barid put on top."""
        first, rest = re.match(rb"(?s)(Received: .*?\r\n)(?![ \t])(.*)\Z", self.content).groups()
        assert b"Barid" in first or b"by " in first, first
        return rest


class SinkSession(threading.Thread):
    """One connection to a Sink: PIPELINING, 8BITMIME, SMTPUTF8, SIZE, CHUNKING as the sink offers."""

    def __init__(self, sink, connection, address):
        super().__init__(daemon=True)
        self.sink, self.connection, self.address = sink, connection, address
        self.input = connection.makefile("rb")
        self.commands = []
        self.helo = None
        self.reset()

    def reset(self):
        self.sender, self.mail_parameters, self.recipients, self.chunks = None, "", [], []

    def answer(self, stage, argument, default):
        """Sends what the script says; True if that is positive. Ends the session on DROP and 421."""
        reply = self.sink.script(stage, argument, self) if self.sink.script else None
        if reply is DROP:
            raise ConnectionError
        reply = default if reply is None else reply
        self.connection.sendall(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise ConnectionError
        return reply[0] in "23"

    def run(self):
        try:
            with self.connection, self.input:
                if self.answer("connect", "", "220 sink.example ESMTP"):
                    while self.serve_one():
                        pass
        except (OSError, ValueError):
            pass  # the peer left, or the script closed the connection

    def serve_one(self):
        line = self.input.readline(65536)
        if not line:
            return False
        text = line.rstrip(b"\r\n").decode(errors="surrogateescape")
        verb, _, argument = text.partition(" ")
        self.commands.append(text)
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            return self.answer("other", text, "500 5.5.1 what?") or True
        return handler(argument) is not False

    def on_ehlo(self, argument):
        self.helo = argument
        self.reset()
        self.answer("helo", argument, "\r\n".join(
            ["250-sink.example"] + ["250-" + word for word in self.sink.offers] + ["250 HELP"]))

    def on_helo(self, argument):
        self.helo = argument
        self.answer("helo", argument, "250 sink.example")

    def on_mail(self, argument):
        match = re.match(r"(?i)FROM:<(.*?)>(.*)", argument)
        self.reset()
        if self.answer("mail", argument, "250 2.1.0 Ok"):
            self.sender, self.mail_parameters = match.group(1), match.group(2).strip()

    def on_rcpt(self, argument):
        address = re.match(r"(?i)TO:<(.*?)>", argument).group(1)
        if self.answer("rcpt", address, "250 2.1.5 Ok"):
            self.recipients.append(address)

    def on_data(self, argument):
        if not self.recipients:
            self.answer("data", argument, "554 5.5.1 no valid recipients")
        elif self.answer("data", argument, "354 go ahead"):
            content = bytearray()
            while not (content.endswith(b"\r\n.\r\n") or content == b".\r\n"):
                line = self.input.readline()
                if not line:
                    raise ConnectionError
                content += line
            self.finish(re.sub(rb"(?m)((?:\A|(?<=\r\n)))\.", rb"\1", bytes(content[:-3])), False)

    def on_bdat(self, argument):
        size, _, last = argument.partition(" ")
        chunk = self.input.read(int(size))
        if len(chunk) != int(size):
            raise ConnectionError
        if not self.recipients:
            self.answer("data", argument, "554 5.5.1 no valid recipients")
            return
        self.chunks.append(chunk)
        if last.upper() == "LAST":
            self.finish(b"".join(self.chunks), True)
        else:
            self.connection.sendall(b"250 2.0.0 chunk taken\r\n")

    def finish(self, content, bdat):
        message = Message(self)
        message.content, message.bdat = content, bdat
        if self.answer("dot", content, "250 2.0.0 Ok: taken"):
            self.sink.messages.append(message)
        self.reset()

    def on_rset(self, argument):
        self.reset()
        self.answer("rset", argument, "250 2.0.0 Ok")

    def on_noop(self, argument):
        self.answer("noop", argument, "250 2.0.0 Ok")

    def on_quit(self, argument):
        self.answer("quit", argument, "221 2.0.0 Bye")
        return False


class Sink:
    """Takes mail. `script(stage, argument, session)` may return another reply, DROP, or None.

    Stages: connect helo mail rcpt (argument: the address) data dot (argument: the content) rset quit.
    """

    OFFERS = ("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "CHUNKING")

    def __init__(self, script=None, host="127.0.0.1", port=0, offers=OFFERS):
        self.script, self.offers = script, offers
        self.messages, self.sessions = [], []
        self.listener = socket.create_server((host, port), backlog=128)
        self.host, self.port = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def relayhost(self):
        return f"[{self.host}]:{self.port}"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, address = self.listener.accept()
                session = SinkSession(self, connection, address)
                self.sessions.append(session)
                session.start()

    def wait_messages(self, count, seconds=PATIENCE):
        wait_until(lambda: len(self.messages) >= count, f"{count} messages at the sink", seconds)
        return self.messages

    def close(self):
        # shutdown() wakes accept(); close() alone would leave the port open until the next connection.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for session in self.sessions:
            with contextlib.suppress(OSError):
                session.connection.shutdown(socket.SHUT_RDWR)


class RawClient:
    """An SMTP client that sends exactly the bytes it is given."""

    def __init__(self, port, host="127.0.0.1", source=None, greet=True):
        self.connection = socket.create_connection(
            (host, port), timeout=PATIENCE, source_address=(source, 0) if source else None)
        self.input = self.connection.makefile("rb")
        if greet:
            self.expect(220)
            self.ehlo = self.command("EHLO client.example")[1]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.input.close()
        self.connection.close()

    def send(self, data):
        self.connection.sendall(data)

    def reply(self):
        """(code, text of all lines); (0, '') when the server closed."""
        lines = []
        while True:
            line = self.input.readline()
            if not line:
                return 0, ""
            lines.append(line[4:].decode(errors="replace").rstrip("\r\n"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def expect(self, code):
        got = self.reply()
        if got[0] != code:
            raise AssertionError(f"wanted {code}, got {got}")
        return got[1]

    def command(self, line, code=None):
        self.send(line.encode() + b"\r\n")
        got = self.reply()
        if code is not None and got[0] != code:
            raise AssertionError(f"{line}: wanted {code}, got {got}")
        return got

    def envelope(self, sender="sender@client.example", recipients=("rcpt@sink.example",), parameters=""):
        self.command(f"MAIL FROM:<{sender}>{parameters}", 250)
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)

    def submit(self, content=b"Subject: x\r\n\r\nbody\r\n", **envelope):
        """Envelope and content by DATA; returns the queue id."""
        self.envelope(**envelope)
        self.command("DATA", 354)
        self.send(re.sub(rb"(\A|\r\n)\.", rb"\1..", content) + b".\r\n")
        return queue_id(self.expect(250))


def queue_id(text):
    return re.search(r"queued as ([0-9A-Za-z]{12,20})", text).group(1)


class Scenario(unittest.TestCase):
    """A test with a directory of its own; whatever it starts is stopped and removed after it."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="barid-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def barid(self, name="barid", start=True, services=None, queue=None, **main):
        server = Barid(self.directory / name, main, services, queue)
        self.addCleanup(server.stop)
        return server.start() if start else server

    def sink(self, script=None, **options):
        sink = Sink(script, **options)
        self.addCleanup(sink.close)
        return sink

    def client(self, server, **options):
        client = RawClient(server.port, **options)
        self.addCleanup(client.close)
        return client

    def spawn(self, arguments, name, **options):
        """A helper process whose output goes to DIRECTORY/name.out."""
        with open(self.directory / f"{name}.out", "wb") as output:
            process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT, **options)
        self.addCleanup(stop_process, process)
        return process

    def need(self, program, package):
        """The program's path, or the test is skipped."""
        return find_program(program) or self.skipTest(f"{program} is not installed (package {package})")


class Ledger:
    """What a barid-bench source or sink acknowledged: lines "sequence recipient hash"."""

    def __init__(self, path):
        self.copies = {}
        self.hashes = {}
        self.conflicts = []
        for line in pathlib.Path(path).read_text().splitlines() if pathlib.Path(path).exists() else []:
            fields = line.split()
            if len(fields) != 3:
                continue  # torn by a kill in the middle of a write: was never promised
            key = tuple(fields[:2])
            self.copies[key] = self.copies.get(key, 0) + 1
            if self.hashes.setdefault(key, fields[2]) != fields[2]:
                self.conflicts.append(key)


class Balance:
    """Acknowledged against delivered; queued holds "still there" recipients, if any."""

    def __init__(self, acknowledged, delivered, still_queued=0):
        self.acknowledged = len(acknowledged.copies)
        self.delivered = len(delivered.copies)
        self.missing = [k for k in acknowledged.copies if k not in delivered.copies]
        self.lost = max(0, len(self.missing) - still_queued)
        self.corrupt = [k for k, h in acknowledged.hashes.items()
                        if k in delivered.hashes and delivered.hashes[k] != h] + delivered.conflicts
        self.duplicates = sum(n - 1 for n in delivered.copies.values())
        self.unacknowledged = [k for k in delivered.copies if k not in acknowledged.copies]

    def __str__(self):
        return (f"acknowledged {self.acknowledged}, delivered {self.delivered}, lost {self.lost}, "
                f"corrupt {len(self.corrupt)}, duplicates {self.duplicates}, "
                f"delivered without acknowledgement {len(self.unacknowledged)}")
