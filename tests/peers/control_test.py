#!/usr/bin/env python3
"""Goal: barid control, links and the listing do what postfix(1) does, with its exit statuses, also
while main.cf has a bad value; a new user's commands find the server of `barid dev`.
Method: the real program as its own command line, in the foreground and in the background.
"""

import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, RawClient, Scenario, free_port, listening, wait_until  # noqa: E402


class Commands(Scenario):
    def run_barid(self, *words, program=None, **options):
        """(status, stdout, stderr) of a command; its pipes must be closed when it has ended."""
        done = subprocess.run([program or BARID, *words], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, **options)
        return done.returncode, done.stdout, done.stderr

    def control(self, server, *words):
        return self.run_barid("control", "-c", str(server.directory), *words)

    def background(self, **main):
        """A configured server that is not started, and is ended by its pid after the test."""
        server = self.barid(start=False, **main)
        server.configure()
        self.addCleanup(self.end, server)
        return server

    def end(self, server):
        lock = server.queue_directory / "lock"
        if self.control(server, "status")[0] == 0:
            os.kill(int(lock.read_text()), signal.SIGKILL)


class Life(Commands):
    def test_start_status_stop(self):
        server = self.background()
        self.assertEqual(self.control(server, "status")[0], 1)
        for command in ("stop", "reload", "drain", "abort"):
            status, _, err = self.control(server, command)
            self.assertEqual((status, "fatal: the mail system is not running" in err), (1, True))
        self.assertEqual(self.control(server, "start")[0], 0)
        self.assertTrue(listening(server.port))
        status, _, err = self.control(server, "start")
        self.assertEqual((status, "already running" in err), (1, True))
        status, _, err = self.control(server, "status")
        pid = (server.queue_directory / "lock").read_text().strip()
        self.assertEqual((status, f"is running: PID: {pid}" in err), (0, True))
        counters = json.loads(self.control(server, "status", "--json")[1])["counters"]
        self.assertIn("messages_active", counters)
        self.assertIn(f"postfix/master[{pid}]: daemon started", server.log())
        self.assertEqual(self.control(server, "stop")[0], 0)
        self.assertFalse(listening(server.port))
        self.assertEqual(self.control(server, "status")[0], 1)

    def test_background_log_when_standard_output_is_the_log(self):
        server = self.background(maillog_file=None)
        self.assertEqual(self.control(server, "start"), (0, "", "barid control: starting the mail system\n"))
        self.assertIn("daemon started", (server.queue_directory / "maillog").read_text())

    def test_a_start_that_fails_says_why(self):
        server = self.background(inet_interfaces="loopback-only")
        taken = self.sink()
        server.services = [f"127.0.0.1:{taken.port} inet n - n - - smtpd"]
        server.configure()
        status, _, err = self.control(server, "start")
        self.assertEqual((status, "Address already in use" in err), (69, True))

    def test_a_bad_configuration_leaves_no_trace(self):
        server = self.barid(start=False, mynetworks="1.2.3.4/99", smtp_tcp_port="foo")
        status, said = server.refused()
        self.assertEqual(status, 78)
        self.assertRegex(said, r"main.cf, line \d+: mynetworks: bad net/mask pattern: \"1.2.3.4/99\"")
        self.assertRegex(said, r"main.cf, line \d+: smtp_tcp_port: \"foo\" is no port")
        self.assertEqual(said.count("1.2.3.4/99"), 1)
        self.assertFalse(server.queue_directory.exists())
        status, _, err = self.run_barid("config", "-c", str(server.directory), "check")
        self.assertEqual((status, "smtp_tcp_port" in err), (78, True))

    def test_stop_works_while_main_cf_is_bad(self):
        server = self.background()
        self.assertEqual(self.control(server, "start")[0], 0)
        server.configure(smtpd_error_sleep_time="5x")
        for command in ("reload", "check", "start"):
            status, _, err = self.control(server, command)
            self.assertEqual((status, "main.cf, line " in err, "5x" in err), (78, True, True))
        self.assertEqual(self.control(server, "status")[0], 0)
        self.assertEqual(self.run_barid("queue", "-c", str(server.directory), "list")[0], 0)
        self.assertEqual(self.control(server, "stop")[0], 0)

    def test_abort_loses_nothing(self):
        server = self.background(relayhost=f"[127.0.0.1]:{free_port()}")
        self.assertEqual(self.control(server, "start")[0], 0)
        with RawClient(server.port) as client:
            queue_id = client.submit()
        self.assertEqual(self.control(server, "abort")[0], 0)
        self.assertEqual(self.control(server, "start")[0], 0)
        self.assertEqual([e["queue_id"] for e in server.queue()], [queue_id])

    def test_drain_and_exit(self):
        out = self.sink()
        server = self.background(relayhost=out.relayhost)
        self.assertEqual(self.control(server, "start")[0], 0)
        with RawClient(server.port) as client:
            client.submit()
        self.assertEqual(self.control(server, "drain")[0], 0)
        with RawClient(server.port, greet=False) as late:
            late.expect(421)
        self.assertEqual(self.control(server, "drain", "--exit", "--timeout", "30")[0], 0)
        self.assertEqual(self.control(server, "status")[0], 1)
        self.assertEqual(len(out.messages), 1)

    def test_flush(self):
        server = self.background(relayhost=f"[127.0.0.1]:{free_port()}", minimal_backoff_time="1h",
                                 maximal_backoff_time="1h")
        self.assertEqual(self.control(server, "flush")[0], 1)
        self.assertEqual(self.control(server, "start")[0], 0)
        with RawClient(server.port) as client:
            client.submit()
        wait_until(lambda: server.queue()[0]["attempts"] == 1, "a first attempt")
        self.assertEqual(self.control(server, "flush")[0], 0)
        wait_until(lambda: server.queue()[0]["attempts"] > 1, "another attempt")

    def test_as_postfix(self):
        server = self.background()
        program = str(self.directory / "postfix")
        os.symlink(BARID, program)
        words = ("-c", str(server.directory))
        self.assertEqual(self.run_barid(*words, "status", program=program),
                         (1, "", "postfix/postfix-script: the Postfix mail system is not running\n"))
        self.assertEqual(self.run_barid(*words, "check", program=program), (0, "", ""))
        status, _, err = self.run_barid(*words, "statu", program=program)
        self.assertEqual((status, "unknown command: 'statu'" in err), (64, True))


class Names(Commands):
    def test_links_of_an_installed_program_are_relative(self):
        directory = self.directory / "bin"
        directory.mkdir()
        self.assertEqual(self.run_barid("links", str(directory))[0], 0)
        self.assertEqual(os.readlink(directory / "postfix"), os.path.realpath(BARID))
        (directory / "barid").write_bytes(pathlib.Path(BARID).read_bytes())
        (directory / "barid").chmod(0o755)
        self.assertEqual(self.run_barid("links", str(directory))[0], 0)
        for name in ("postfix", "postconf", "postqueue", "mailq", "postmap", "postalias"):
            self.assertEqual(os.readlink(directory / name), "barid")
        moved = directory.rename(self.directory / "moved")
        self.assertEqual(self.run_barid("-h", "mail_name", program=str(moved / "postconf")),
                         (0, "Barid\n", ""))

    def test_a_file_in_the_way_is_left_alone(self):
        (self.directory / "mailq").write_text("mine")
        status, _, err = self.run_barid("links", str(self.directory))
        self.assertEqual((status, "mailq" in err), (73, True))
        self.assertEqual((self.directory / "mailq").read_text(), "mine")


class Dev(Commands):
    def test_commands_find_the_server_of_this_directory(self):
        port = free_port()
        self.spawn([BARID, "dev", "--smtp-port", port, "--mailbox-port", free_port()], "dev",
                   cwd=self.directory)
        wait_until(lambda: listening(port), "barid dev listens")
        environment = {**os.environ, "MAIL_CONFIG": str(self.directory / "none")}
        where = {"cwd": self.directory, "env": environment}
        wait_until(lambda: self.run_barid("control", "status", **where)[0] == 0, "it has a status")
        self.assertEqual(self.run_barid("queue", "list", **where), (0, "Mail queue is empty\n", ""))
        elsewhere = {"cwd": "/", "env": {**environment, "BARID_QUEUE_DIRECTORY": str(self.directory / "q")}}
        self.assertEqual(self.run_barid("queue", "list", **elsewhere)[0], 69)


class Services(Commands):
    def test_a_reload_opens_and_closes_listeners(self):
        server = self.barid()
        first, second = server.port, free_port()
        client = self.client(server)
        server.services = [f"127.0.0.1:{second} inet n - n - - smtpd"]
        server.configure()
        server.reload()
        wait_until(lambda: listening(second) and not listening(first), "the other port")
        client.submit()  # the session of the closed listener goes on
        with RawClient(second) as new:
            new.submit()
        server.services.insert(0, f"127.0.0.1:{first} inet n - n - - smtpd")
        server.configure()
        server.reload()
        wait_until(lambda: listening(second) and listening(first), "both ports")
        taken = self.sink()
        server.services.append(f"127.0.0.1:{taken.port} inet n - n - - smtpd")
        server.configure()
        server.reload()
        server.wait_log(rf"error: \S+/master\.cf, line \d+: 127.0.0.1:{taken.port}/inet: cannot listen on .*in use")
        with RawClient(second) as new:
            new.submit()

    def test_a_reload_shares_no_port_with_another_server(self):
        other, server = self.barid("other"), self.barid()
        server.services.append(f"127.0.0.1:{other.port} inet n - n - - smtpd -o myhostname=intruder.example")
        server.configure()
        server.reload()
        server.wait_log(rf"error: \S+/master\.cf, line 2: 127.0.0.1:{other.port}/inet: cannot listen on .*in use")
        for _ in range(20):  # the kernel spreads connections over all that share a port
            with RawClient(other.port) as client:
                self.assertNotIn("intruder", client.ehlo)
        other.stop()
        server.reload()
        wait_until(lambda: listening(other.port), "the port is taken over")
        with RawClient(other.port) as client:
            self.assertIn("intruder", client.ehlo)

    def test_new_settings_are_in_use_when_reload_ends(self):
        server = self.barid(shard_count="4")
        for number in range(10):
            server.configure(smtpd_banner=f"number {number}")
            self.assertEqual(self.control(server, "reload")[0], 0)
            for _ in range(8):  # on whichever shard
                with RawClient(server.port, greet=False) as client:
                    self.assertEqual(client.reply(), (220, f"number {number}"))

    def test_all_roles_are_on_the_socket(self):
        """Also mail: no httpd service is needed to submit it, and a large one passes."""
        out = self.sink()
        server = self.barid(relayhost=out.relayhost, smtpd_banner="x")

        def ask(method, path, body=None, key=None):
            connection = http.client.HTTPConnection("localhost", timeout=60)
            connection.sock = socket.socket(socket.AF_UNIX)
            self.addCleanup(connection.close)
            connection.sock.connect(str(server.control_socket))
            fields = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
            connection.request(method, path, body and json.dumps(body), fields)
            answer = connection.getresponse()
            return answer.status, answer.read()

        mail = {"from": "a@client.example", "to": "b@sink.example", "subject": "s", "text": "x\n" * 1_000_000}
        status, answer = ask("POST", "/emails", mail)
        self.assertEqual(status, 200, answer)
        out.wait_messages(1)
        for path in (f"/emails/{json.loads(answer)['id']}", "/events", "/openapi.json", "/suppressions",
                     "/admin/v1/status", "/console/", "/metrics", "/livez"):
            with self.subTest(path):
                self.assertEqual(ask("GET", path)[0], 200)
        digest = hashlib.sha256(b"secret").hexdigest()
        server.configure(http_api_key_maps="inline:{ {%s = tenant=a scopes=send} }" % digest)
        self.assertEqual(self.control(server, "reload")[0], 0)
        self.assertEqual(ask("POST", "/emails", mail)[0], 401)
        self.assertEqual(ask("POST", "/emails", mail, key="secret")[0], 200)

    def test_what_a_reload_cannot_change_is_said(self):
        server = self.barid()
        server.configure(shard_count="1", message_size_limit="50000")
        server.reload()
        server.wait_log('warning: .*main.cf, line [0-9]+: shard_count is read at start: "2" stays')
        with RawClient(server.port) as client:
            self.assertIn("SIZE 50000", client.ehlo)


if __name__ == "__main__":
    unittest.main()
