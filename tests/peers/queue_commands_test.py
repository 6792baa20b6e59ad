#!/usr/bin/env python3
"""Goal: what operators do to the queue is done, said and logged as Postfix's tools do it; bad input
gets the right exit status and one line that says what would be right.
Method: the real program and its command-line tools, with a next hop that defers everything.
"""

import fcntl
import itertools
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, RawClient, Scenario, free_port, stop_process  # noqa: E402


class Tools(Scenario):
    def run_barid(self, server, *words, status=0, stdin=""):
        done = subprocess.run([BARID, "queue", "-c", str(server.directory), *words], input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done

    def run_as(self, server, name, *words, status=0, stdin=""):
        """The program under another of its names."""
        link = server.directory / name
        if not link.exists():
            link.symlink_to(pathlib.Path(BARID).resolve())
        done = subprocess.run([str(link), "-c", str(server.directory), *words], input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, f"{name} {words}: {done.stdout}{done.stderr}")
        return done

    def filled(self, *recipients, **parameters):
        """A server whose queue holds one deferred message a recipient; ids by recipient."""
        self.out = self.sink(lambda stage, argument, session: "450 4.2.0 try later"
                             if stage == "rcpt" and argument in recipients else None)
        server = self.barid(relayhost=self.out.relayhost, minimal_backoff_time="1h",
                            maximal_backoff_time="1h", **parameters)
        with RawClient(server.port) as client:
            ids = {to: client.submit(b"Subject: x\r\n\r\nbody\r\n", recipients=[to]) for to in recipients}
        server.wait_queue(lambda q: len(q) == len(ids) and all(e["queue_name"] == "deferred" for e in q),
                          "all deferred")
        return server, ids


class BadWords(Tools):
    def test_postqueue_says_what_would_be_right(self):
        server, _ = self.filled("a@one.example")
        for words, status, text in (
                (["-p", "-j"], 64, "one of -p, -j, -f, -i and -s at a time"),
                (["-s", "!!"], 64, 'invalid destination: "!!"'),
                (["-i", "bad id"], 64, 'invalid message ID: "bad id"'),
                (["-i", "1" * 9 + "0" * 3], 65, "no message 111111111000 in the queue"),
                (["-s", "two.example"], 69, 'Flush service is not configured for destination "two.example": '
                 "fast_flush_domains"),
                (["-Z"], 64, 'unexpected "-Z"'), (["-i"], 64, "-i needs a value")):
            said = self.run_as(server, "postqueue", *words, status=status).stderr
            self.assertIn(text, said)
            self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn('domain "!!": a domain', self.run_barid(server, "list", "--domain", "!!", status=65).stderr)


class Trace(Tools):
    def trace(self, server, *words, status=0):
        done = subprocess.run([BARID, "trace", "-c", str(server.directory), *words],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done

    def test_a_message_is_followed_through_queue_and_log(self):
        server, ids = self.filled("a@one.example", "b@two.example")
        said = self.trace(server, ids["a@one.example"]).stdout
        self.assertRegex(said, r"(?m)^  where +deferred$")
        self.assertRegex(said, r"(?m)^  why +host .*450 4.2.0 try later")
        self.assertRegex(said, r"(?m)^  until +\d{4}-.* \(in (59m|1h)")
        self.assertRegex(said, rf"(?m)^  remedy +barid queue flush {ids['a@one.example']}$")
        self.assertRegex(said, r"(?m)^  goes by +smtp to ")
        self.assertIn("status=deferred", said)
        self.assertNotIn("b@two.example", said)
        self.run_barid(server, "suspend", "--domain", "two.example", "--reason", "they asked")
        answer = json.loads(self.trace(server, ids["b@two.example"], "--json").stdout)
        self.assertEqual(answer["recipients"][0]["held_by"], "suspension domain:two.example")
        self.run_barid(server, "delete", ids["a@one.example"])
        gone = self.trace(server, ids["a@one.example"]).stdout
        self.assertIn("has left the queue", gone)
        self.assertRegex(gone, r"postsuper.*removed")

    def test_an_address_is_routed_without_mail(self):
        server, ids = self.filled("a@one.example")
        said = self.trace(server, "new@one.example").stdout
        self.assertRegex(said, r"(?m)^  goes by +smtp to ")
        self.assertIn("nothing keeps mail for it back", said)
        answer = json.loads(self.trace(server, "A@one.example", "--json").stdout)
        self.assertEqual(answer["queued"][0]["queue_id"], ids["a@one.example"])
        self.assertIn("concurrency", answer["settings"])

    def test_sessions_live(self):
        server, ids = self.filled("a@one.example")
        watchers = [subprocess.Popen([BARID, "trace", "-c", str(server.directory), "--live", *words],
                                     stdout=subprocess.PIPE, text=True)
                    for words in (["--destination", "one.example"], ["--client", "127.0.0.1"],
                                  ["--client", "192.0.2.1"])]
        self.addCleanup(lambda: [stop_process(one) for one in watchers])

        def heard(watcher, sign):
            """Says something until it is heard: a watch begins a little later than its program."""
            for _ in range(int(PATIENCE)):
                self.run_barid(server, "flush", ids["a@one.example"])
                with RawClient(server.port) as client:
                    client.command("AUTH PLAIN AGJvYgBzZWNyZXQ=")
                    client.command("NOOP")
                ready, _, _ = select.select([watcher.stdout], [], [], 1)
                while ready:
                    line = watcher.stdout.readline()
                    self.assertNotIn("AGJvYgBzZWNyZXQ", line)
                    if sign in line:
                        return line
                    ready, _, _ = select.select([watcher.stdout], [], [], 1)
            self.fail(f"no {sign!r}")

        self.assertRegex(heard(watchers[0], "RCPT TO:<a@one.example>"), r"\[127.0.0.1\] > RCPT")
        self.assertRegex(heard(watchers[0], "450 4.2.0"), r" < 450 4.2.0 try later")
        self.assertRegex(heard(watchers[1], "NOOP"), r"localhost\[127.0.0.1\] < NOOP")
        stop_process(server.process)  # it does not wait for those who watch
        self.assertIn(watchers[0].wait(PATIENCE), (0, 75))
        watchers[2].terminate()
        self.assertEqual(watchers[2].communicate(timeout=PATIENCE)[0], "")

    def test_bad_words(self):
        server, _ = self.filled("a@one.example")
        for words, status, text in (([], 64, "say a queue id or an address"),
                                    (["--nonsense"], 64, "no option --nonsense"),
                                    (["--live"], 64, "--live takes --destination or --client"),
                                    (["--client", "a"], 64, "go with --live"),
                                    (["--live", "--client", "a", "--for", "9h"], 65, "a time up to 1h"),
                                    (["xyz"], 65, "neither a queue id"),
                                    (["1" * 9 + "0" * 3], 65, "nothing is known of"),
                                    (["a@one.example", "--log", "/none"], 65, "no such file")):
            self.assertIn(text, self.trace(server, *words, status=status).stderr)
        stop_process(server.process)
        self.assertIn("mail system is down", self.trace(server, "a@one.example", status=69).stderr)
class WithoutServer(Tools):
    def test_the_queue_is_read_and_left_alone(self):
        server, ids = self.filled("a@one.example", "b@two.example")
        self.run_barid(server, "hold", ids["b@two.example"])
        running = self.run_as(server, "postqueue", "-j").stdout
        shown = self.run_as(server, "postcat", "-q", ids["a@one.example"]).stdout
        shape = self.run_as(server, "qshape", "deferred", "hold").stdout
        server.process.kill()  # nothing is put in order
        server.process.wait(PATIENCE)

        def files():
            root = server.queue_directory
            return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

        before = files()
        down = "Mail system is down -- accessing queue directly"
        listed = self.run_as(server, "postqueue", "-j")
        self.assertEqual(sorted(listed.stdout.splitlines()), sorted(running.splitlines()))
        self.assertIn("postqueue: warning: " + down, listed.stderr)
        self.assertIn("-- 0 Kbytes in 2 Requests.", self.run_as(server, "mailq").stdout)
        self.assertEqual(self.run_as(server, "postcat", "-q", ids["a@one.example"]).stdout, shown)
        self.assertEqual(self.run_as(server, "qshape", "deferred", "hold").stdout, shape)
        one = self.run_barid(server, "list", "--domain", "two.example", "--json").stdout
        self.assertEqual(json.loads(one)["queue_name"], "hold")
        self.assertIn('"queue_name": "deferred"', self.run_barid(server, "show", ids["a@one.example"]).stdout)
        missing = "0" * 9 + "zzz"
        self.assertIn(f"open queue file {missing}: No such file or directory",
                      self.run_as(server, "postcat", "-q", missing, status=1).stderr)
        self.run_barid(server, "hold", ids["a@one.example"], status=69)
        self.assertEqual(files(), before)


class Commands(Tools):
    def test_hold_release_delete_by_filter(self):
        server, ids = self.filled("a@one.example", "b@one.example", "c@two.example")
        dry = json.loads(self.run_barid(server, "hold", "--domain", "one.example", "--dry-run",
                                        "--json").stdout)
        self.assertEqual((dry["matched"], dry["dry_run"]), (2, True))
        self.assertEqual({e["queue_name"] for e in server.queue()}, {"deferred"})
        self.assertEqual(self.run_barid(server, "hold", "--domain", "one.example").stdout,
                         "hold: 2 messages\n")
        held = {e["queue_id"] for e in server.queue() if e["queue_name"] == "hold"}
        self.assertEqual(held, {ids["a@one.example"], ids["b@one.example"]})
        server.wait_log(rf"postfix/postsuper\[\d+\]: {ids['a@one.example']}: placed on hold")
        server.wait_log(r"postfix/postsuper\[\d+\]: Placed on hold: 2 messages")
        server.stop()
        server.start()  # on hold it stays
        self.assertEqual({e["queue_id"] for e in server.queue() if e["queue_name"] == "hold"}, held)
        self.assertEqual(self.run_barid(server, "release", ids["a@one.example"]).stdout,
                         "release: 1 message\n")
        server.wait_queue(lambda q: any(e["queue_id"] == ids["a@one.example"] and e["attempts"] == 2
                                        for e in q), "released mail is tried")
        self.assertEqual(self.run_barid(server, "delete", "--state", "hold").stdout,
                         "delete: 1 message\n")
        self.assertEqual({e["queue_id"] for e in server.queue()},
                         {ids["a@one.example"], ids["c@two.example"]})
        server.wait_log(rf"postfix/postsuper\[\d+\]: {ids['b@one.example']}: removed")
        self.assertEqual(server.log_matches(rf"qmgr\[\d+\]: {ids['b@one.example']}: removed"), [])

    def test_list_filters_and_show(self):
        server, ids = self.filled("a@one.example", "b@two.example")

        def listed(*words):
            out = self.run_barid(server, "list", "--json", *words).stdout
            return [json.loads(line)["queue_id"] for line in out.splitlines()]

        self.assertEqual(listed("--domain", "one.example"), [ids["a@one.example"]])
        self.assertEqual(listed("--recipient=@two.example"), [ids["b@two.example"]])
        self.assertEqual(listed("--reason", "TRY LATER"), list(ids.values()))
        self.assertEqual(listed("--older-than", "1d"), [])
        self.assertEqual(listed("--state", "hold"), [])
        shown = json.loads(self.run_barid(server, "show", ids["a@one.example"]).stdout)
        self.assertEqual(shown["all_recipients"][0]["address"], "a@one.example")
        content = self.run_barid(server, "show", ids["a@one.example"], "--content").stdout
        self.assertTrue(content.endswith("Subject: x\n\nbody\n"), content)

    def test_a_site_is_known_by_its_mail_on_disk(self):
        server, ids = self.filled("a@one.example")
        sites = {json.loads(line)["site"] for line in self.run_barid(server, "destinations", "--json").stdout.splitlines()}
        self.assertEqual(len(sites), 1)
        site = sites.pop()
        server.kill()
        server.start()
        self.assertEqual(self.run_barid(server, "destinations", "--json").stdout, "")  # nothing in memory
        listed = self.run_barid(server, "list", "--json", "--site", site).stdout
        self.assertEqual([json.loads(line)["queue_id"] for line in listed.splitlines()], list(ids.values()))
        self.assertEqual(self.run_barid(server, "list", "--json", "--site", "elsewhere.example").stdout, "")
        self.run_barid(server, "delete", "--site", site)
        self.assertEqual(server.queue(), [])

    def test_flushing_a_domain_lifts_its_dead_site(self):
        port = free_port()
        server = self.barid(relayhost=f"[127.0.0.1]:{port}", minimal_backoff_time="1h", maximal_backoff_time="1h")
        with RawClient(server.port) as client:
            client.submit(recipients=["a@one.example"])
        server.wait_log(r"status=deferred .*Connection refused")
        out = self.sink(port=port)
        self.run_barid(server, "flush", "--domain", "one.example")
        out.wait_messages(1)
        server.wait_queue()

    def test_expire_returns_to_the_sender(self):
        server, ids = self.filled("a@one.example")
        self.assertEqual(self.run_barid(server, "expire", "--all").stdout, "expire: 1 message\n")
        notice = self.out.wait_messages(1)[0]
        self.assertEqual(notice.recipients, ["sender@client.example"])
        server.wait_queue()
        server.wait_log(rf"postsuper\[\d+\]: {ids['a@one.example']}: expired")
        server.wait_log(rf"qmgr\[\d+\]: {ids['a@one.example']}: from=<.*>, status=force-expired")

    def test_flush_tries_again(self):
        server, ids = self.filled("a@one.example", "b@two.example", fast_flush_domains="one.example, .one.example")
        self.run_as(server, "postqueue", "-s", "one.example")
        server.wait_queue(lambda q: sorted(e["attempts"] for e in q) == [1, 2], "one tried again")
        self.run_as(server, "postqueue", "-i", ids["b@two.example"])
        server.wait_queue(lambda q: [e["attempts"] for e in q] == [2, 2], "the other too")
        self.run_as(server, "postqueue", "-f")
        server.wait_queue(lambda q: [e["attempts"] for e in q] == [3, 3], "both")

    def test_bad_input(self):
        server, ids = self.filled("a@one.example")
        cases = [
            (64, ["burn"], 'no command "burn"; --help lists them'),
            (64, ["delete"], "delete needs ids, filters or --all"),
            (64, ["delete", "--dry-run"], "delete needs ids, filters or --all"),
            (64, ["delete", "--all", "--tenant", "t"], "--all stands alone: no ids, no filters"),
            (64, ["delete", "--colour", "red"], 'unexpected "--colour"; --help lists the filters'),
            (64, ["hold", "--domain"], "--domain needs a value"),
            (65, ["delete", "xyz"], '"xyz" is no queue id: 12 letters and digits, as mailq shows them'),
            (65, ["list", "--older-than", "1y"], 'older-than "1y": a number and s, m, h, d or w, such as 30m'),
            (65, ["release", "--state", "active"],
             "only messages on hold can be released: leave the state out"),
            (65, ["show", "0Aaaaaaaa001"], "no message 0Aaaaaaaa001 in the queue"),
        ]
        for status, words, says in cases:
            with self.subTest(words):
                done = self.run_barid(server, *words, status=status)
                self.assertEqual(done.stderr, f"barid queue: fatal: {says}\n")
                self.assertEqual(done.stdout, "")
        done = self.run_barid(server, "delete", "0Aaaaaaaa001", ids["a@one.example"], status=65)
        self.assertEqual(done.stdout, "delete: 1 message\n")
        self.assertEqual(done.stderr, "barid queue: no message 0Aaaaaaaa001 in the queue\n")
        server.stop()
        done = self.run_barid(server, "delete", "--all", status=69)
        self.assertEqual(done.stderr, "barid queue: fatal: mail system is down\n")


class Suspensions(Tools):
    def test_named_visible_undoable_and_kept(self):
        server, _ = self.filled("a@one.example")
        self.run_barid(server, "suspend", "--domain", "One.example", "--for", "1h", "--reason", "they asked")
        self.run_barid(server, "suspend", "--stream", "bulk")

        def names():
            out = self.run_barid(server, "suspensions", "--json").stdout
            return {json.loads(line)["name"]: json.loads(line) for line in out.splitlines()}

        before = names()
        self.assertEqual(sorted(before), ["domain:one.example", "stream:bulk"])
        entry = before["domain:one.example"]
        self.assertEqual(entry["until"] - entry["since"], 3600)
        self.assertRegex(self.run_barid(server, "suspensions").stdout,
                         r"domain:one.example +until \d{4}-.*\(they asked\)\n")
        server.kill()
        server.start()
        self.assertEqual(names(), before)
        self.run_barid(server, "resume", "--domain", "one.example")
        self.assertEqual(sorted(names()), ["stream:bulk"])
        done = self.run_barid(server, "resume", "--domain", "one.example", status=65)
        self.assertEqual(done.stderr, "barid queue: fatal: domain:one.example is not suspended\n")
        for status, words, says in [
                (64, ["suspend"], "name one of --domain, --site, --tenant, --stream"),
                (64, ["suspend", "--for", "1h"], "name one of --domain, --site, --tenant, --stream"),
                (65, ["suspend", "--domain", "x", "--for", "soon"],
                 'for "soon": a number and s, m, h, d or w, such as 30m'),
                (65, ["suspend", "--stream", "slow"],
                 'stream "slow" is no stream; there are bulk and transactional')]:
            self.assertEqual(self.run_barid(server, *words, status=status).stderr,
                             f"barid queue: fatal: {says}\n")

    def test_resumed_mail_goes_at_once(self):
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, minimal_backoff_time="1h", maximal_backoff_time="1h")
        self.run_barid(server, "suspend", "--domain", "One.example", "--reason", "they asked")
        with RawClient(server.port) as client:
            client.submit(recipients=["a@one.example"])
            client.submit(recipients=["b@two.example"])
        out.wait_messages(1)
        server.wait_log(r"status=deferred \(delivery temporarily suspended: domain:one\.example: they asked\)")
        self.run_barid(server, "resume", "--domain", "one.EXAMPLE")
        out.wait_messages(2)
        server.wait_queue()
        self.assertEqual([m.recipients for m in out.messages], [["b@two.example"], ["a@one.example"]])

    def test_a_damaged_list_is_said(self):
        server, _ = self.filled("a@one.example")
        server.stop()
        path = server.queue_directory / "suspensions"
        path.write_text("barid suspensions 1\nstream\tslow\t1\t0\t\n")
        status, said = server.refused()
        self.assertEqual(status, 69)
        self.assertIn(f"{path}: line 2: a field is not as it must be", said)


class Top(Tools):
    def top(self, server, *words, status=0):
        done = subprocess.run([BARID, "top", "-c", str(server.directory), *words], capture_output=True,
                              text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_one_picture_without_a_terminal(self):
        server, ids = self.filled("a@one.example", "b@two.example")
        self.run_barid(server, "hold", ids["b@two.example"])
        picture = json.loads(self.top(server, "--json").stdout)
        self.assertEqual(picture["queue"], {"active": 0, "incoming": 0, "deferred": 1, "hold": 1})
        self.assertEqual(picture["pid"], server.process.pid)
        self.assertEqual(picture["accepted_per_second"], 0)
        self.assertEqual(len(picture["shards"]), 2)
        text = self.top(server).stdout
        self.assertIn("queue: active 0  incoming 0  deferred 1  hold 1", text)
        self.assertNotIn("\033", text)
        server.stop()
        self.assertEqual(self.top(server, status=69).stderr, "barid top: fatal: mail system is down\n")

    def test_the_terminal_is_given_back(self):
        server, _ = self.filled("a@one.example")
        for ending, status in [(b"q", 0), (b"\x03", -signal.SIGINT)]:
            with self.subTest(ending):
                master, terminal = pty.openpty()
                before = termios.tcgetattr(terminal)
                process = subprocess.Popen([BARID, "top", "-c", str(server.directory)], stdin=terminal,
                                           stdout=terminal, stderr=terminal, start_new_session=True,
                                           preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
                self.addCleanup(stop_process, process)
                shown = b""
                while b"deferred 1 " not in shown:
                    self.assertTrue(select.select([master], [], [], PATIENCE)[0], shown)
                    shown += os.read(master, 65536)
                os.write(master, ending)
                self.assertEqual(process.wait(PATIENCE), status)
                while select.select([master], [], [], 0)[0]:
                    shown += os.read(master, 65536)
                self.assertTrue(shown.rstrip(b"^C\r\n").endswith(b"\033[?25h\033[?1049l"), shown[-100:])
                self.assertEqual(termios.tcgetattr(terminal), before)
                os.close(master)
                os.close(terminal)


class SlowServer(threading.Thread):
    """A control socket whose answers take as long as those of a queue of millions."""

    def __init__(self, path, lines, last=b""):
        super().__init__(daemon=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.lines, self.last = lines, last
        self.asked, self.ended = [], threading.Event()
        self.finish = threading.Event()
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                self.asked.append(peer.recv(65536).split(b"\r\n")[0].decode())
                peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                try:
                    for number in itertools.count(1):
                        if self.finish.is_set():
                            peer.sendall(self.last)
                            break
                        peer.sendall(self.lines(number))
                        time.sleep(0.02)  # the pace of the answer, not a wait
                except OSError:
                    pass  # the command has ended
            self.ended.set()


class Progress(Tools):
    """On a terminal long work shows how far it is, and an interrupt ends it with a word about what was done."""

    def run_on_terminal(self, words, stdout=None):
        master, terminal = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen([BARID, *words[:1], "-c", str(self.config), *words[1:]], stdin=terminal,
                                   stdout=stdout or terminal, stderr=terminal, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self.addCleanup(stop_process, process)
        return process, master

    def read_until(self, master, sign):
        shown = b""
        while not re.search(sign, shown):
            self.assertTrue(select.select([master], [], [], PATIENCE)[0], shown)
            shown += os.read(master, 65536)
        return shown

    def slow(self, lines, last=b""):
        self.config = self.directory / "conf"
        self.config.mkdir(exist_ok=True)
        queue = self.directory / "slow"
        (self.config / "main.cf").write_text(f"queue_directory = {queue}\n")
        server = SlowServer(queue / "public/control", lines, last)
        self.addCleanup(server.listener.close)
        return server

    ENTRY = json.dumps({"queue_name": "deferred", "queue_id": "0Aaaaaaaa001", "arrival_time": 1, "message_size": 5,
                        "forced_expire": False, "sender": "a@b.example", "recipients": []}).encode() + b"\n"

    def test_listing(self):
        server = self.slow(lambda n: b'{"examined": %d}\n' % (n * 1000), self.ENTRY)
        with open(self.directory / "listed", "wb") as listed:
            process, master = self.run_on_terminal(["queue", "list", "--json"], stdout=listed)
            shown = self.read_until(master, rb"\r\d+000 examined, 0 listed\x1b\[K.*\r\d+000 examined")
            server.finish.set()
            self.assertEqual(process.wait(PATIENCE), 0)
            shown += self.read_until(master, rb"\r\x1b\[K$")
        self.assertEqual((self.directory / "listed").read_bytes(), self.ENTRY)
        self.assertEqual(server.asked, ["GET /admin/v1/queue?progress=true HTTP/1.1"])

    def test_no_terminal_no_progress(self):
        server = self.slow(lambda n: self.ENTRY)
        process = subprocess.Popen([BARID, "queue", "-c", str(self.config), "list"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(stop_process, process)
        self.assertIn(b"-Queue ID-", process.stdout.readline())
        time.sleep(0.5)  # longer than what counts as short
        server.finish.set()
        self.assertEqual(process.communicate(timeout=PATIENCE)[1], b"")
        self.assertEqual(server.asked, ["GET /admin/v1/queue HTTP/1.1"])

    def test_an_action_is_interrupted(self):
        for dry, word in (([], b"changed"), (["--dry-run"], b"counted")):
            with self.subTest(dry):
                server = self.slow(lambda n: b'{"examined": %d, "matched": %d, "released": 0, "busy": 0}\n'
                                   % (n * 10, n))
                process, master = self.run_on_terminal(["queue", "delete", "--all", *dry])
                self.read_until(master, rb"\r\d+0 examined, \d+ chosen")
                os.write(master, b"\x03")
                shown = self.read_until(master, rb"as it was\r\n")
                self.assertRegex(shown, rb"barid queue: fatal: interrupted: at least \d+ of \d+0 examined were "
                                 + word + rb", the rest is as it was\r\n")
                self.assertEqual(process.wait(PATIENCE), 75)
                self.assertTrue(server.ended.wait(PATIENCE))
                server.listener.close()
                (self.directory / "slow/public/control").unlink()

    def test_an_import_is_interrupted_and_made_again(self):
        server = self.barid(relayhost=f"[127.0.0.1]:{free_port()}")
        self.config = server.directory
        addresses = [f"a{n}@x.example" for n in range(20000)]
        (self.directory / "list").write_text("\n".join(addresses) + "\n")
        words = ["suppressions", "import", str(self.directory / "list")]
        process, master = self.run_on_terminal(words)
        self.read_until(master, rb"\r\d+ of 20000 addresses")
        os.write(master, b"\x03")
        shown = self.read_until(master, rb"does the rest\r\n")
        self.assertRegex(shown, rb"interrupted: \d+ of 20000 addresses are done; the same command again does the rest")
        self.assertEqual(process.wait(PATIENCE), 75)
        done = int(re.search(rb"interrupted: (\d+) of", shown)[1])

        def exported():
            out = subprocess.run([BARID, "suppressions", "-c", str(server.directory), "export"], check=True,
                                 capture_output=True, text=True, timeout=PATIENCE).stdout.split()
            return sorted(out)

        self.assertEqual(exported(), sorted(addresses[:done]))
        (self.directory / "list").write_text("\n".join(addresses[:done + 100]) + "\n")
        subprocess.run([BARID, *words[:1], "-c", str(server.directory), *words[1:]], check=True, timeout=PATIENCE)
        self.assertEqual(exported(), sorted(addresses[:done + 100]))


class Postsuper(Tools):
    def test_as_postfix(self):
        server, ids = self.filled("a@one.example", "b@two.example")
        a, b = ids["a@one.example"], ids["b@two.example"]
        self.assertEqual(self.run_as(server, "postsuper", "-h", a).stderr,
                         f"postsuper: {a}: placed on hold\npostsuper: Placed on hold: 1 message\n")
        self.assertEqual(self.run_as(server, "postsuper", "-H", "-", stdin=f"{a}\nnonsense!\n").stderr,
                         "postsuper: warning: invalid mail queue id: nonsense!\n"
                         f"postsuper: {a}: released from hold\npostsuper: Released from hold: 1 message\n")
        self.assertEqual(self.run_as(server, "postsuper", "-r", "ALL", "deferred", "incoming",
                                     "active").stderr, "postsuper: Requeued: 2 messages\n")
        new = server.wait_queue(lambda q: len(q) == 2 and all(e["attempts"] == 1 for e in q),
                                "tried under their new ids")
        self.assertFalse({a, b} & {e["queue_id"] for e in new})
        server.wait_log(rf"postfix/postsuper\[\d+\]: {a}: requeued")
        server.wait_log(rf"postfix/pickup\[\d+\]: {new[0]['queue_id']}: uid=0 from=<sender@client.example>"
                        r" orig_id=\w+")
        self.assertEqual(self.run_as(server, "postsuper", "-d", "ALL", "hold").stderr,
                         "postsuper: Deleted: 0 messages\n")
        self.assertEqual(self.run_as(server, "postsuper", "-d", "ALL").stderr,
                         "postsuper: Deleted: 2 messages\n")
        self.assertEqual(self.run_as(server, "mailq").stdout, "Mail queue is empty\n")

    def test_postcat(self):
        server, ids = self.filled("a@one.example")
        name = ids["a@one.example"]
        lines = self.run_as(server, "postcat", "-q", name).stdout.splitlines()
        self.assertEqual(lines[0], f"*** ENVELOPE RECORDS deferred/{name} ***")
        self.assertEqual(lines[-2:], [f"*** HEADER EXTRACTED deferred/{name} ***",
                                      f"*** MESSAGE FILE END deferred/{name} ***"])
        for line in ("sender: sender@client.example", "recipient: a@one.example",
                     f"named_attribute: log_ident={name}", "named_attribute: client_address=127.0.0.1"):
            self.assertIn(line, lines)
        self.assertEqual(self.run_as(server, "postcat", "-bq", name).stdout, "\nbody\n")
        header = self.run_barid(server, "cat", "-h", name).stdout
        self.assertRegex(header, r"\AReceived: (.+\n[ \t])+.+\nSubject: x\n\Z")
        missing = self.run_as(server, "postcat", "-q", "0Aaaaaaaa001", status=1)
        self.assertEqual(missing.stderr,
                         "postcat: fatal: open queue file 0Aaaaaaaa001: No such file or directory\n")
        self.assertEqual(self.run_barid(server, "cat", "a/b", status=65).stderr,
                         "barid queue: fatal: bad mail queue ID: a/b\n")
        self.assertEqual(self.run_as(server, "postcat", name, status=1).stderr,
                         "postcat: fatal: there are no queue files: use -q and queue ids\n")

    def test_qshape(self):
        server, _ = self.filled("a@one.example", "b@one.example", "c@two.example")
        rows = self.run_as(server, "qshape", "-b", "3", "deferred").stdout.splitlines()
        self.assertEqual([row.split() for row in rows],
                         [["T", "5", "10", "10+"], ["TOTAL", "3", "3", "0", "0"],
                          ["one.example", "2", "2", "0", "0"], ["two.example", "1", "1", "0", "0"]])


if __name__ == "__main__":
    unittest.main()
