#!/usr/bin/env python3
"""Goal: mailq, postqueue, qshape, postcat and postsuper say of the same mail what Postfix's own say.
Method: a private Postfix and Barid take the same mail for a next hop that defers it; what the tools
print is compared, ids, times, sizes and ports made alike, with tests/golden/queue_tools: equal.txt
where both must print the same, postfix-*.txt and barid-*.txt where Barid keeps other attributes.
BARID_WRITE_GOLDEN=1 writes those files from this run.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from barid_harness import BARID, PATIENCE, ROOT, RawClient, Scenario, find_program, free_port, \
    wait_until  # noqa: E402

GOLDEN = ROOT / "tests/golden/queue_tools"
HEAD = b"From: a@sender.example\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <m@sender.example>\r\n"
MAIL = [
    ("<a@sender.example> RET=HDRS ENVID=q+2Bz BODY=8BITMIME",
     ["<x@one.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;orig@one.example", "<y@one.example>"],
     HEAD + b"Subject: first\r\n folded\r\n\r\nbody\r\n..dot\r\n\r\nlast \xc3\xa9\r\n"),
    ("<>", ["<z@two.example>"], HEAD + b"\r\nx\r\n"),
]
MAIN = """compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
myhostname = mx.barid.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = {1}
maillog_file = {0}/maillog
maillog_file_prefixes = {0}
enable_long_queue_ids = yes
biff = no
"""
MASTER = """127.0.0.1:{0} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


# Bad usage is 64 here, and 69 or 255 there.
STATUSES = [
    ("postqueue", "-p"), ("postqueue", "-j"), ("postqueue", "-s", "elsewhere.example"),
    ("postsuper", "-h", "ALL", "bounce"), ("postsuper", "-d", "0Aaaaaaaa001"), ("postsuper", "-d", "x!y"),
    ("postsuper", "-d", "ALL", "nonsense"), ("postsuper", "-Z"), ("postsuper", "-d"), ("postsuper", "-p"),
    ("postsuper", "-sS", "deferred"), ("postcat", "-q", "0Aaaaaaaa001"), ("postcat", "-Z"), ("postcat", "-q", "a/b"),
    ("qshape", "deferred"),
]


def output_of(done):
    return (done.stdout + done.stderr).decode(errors="surrogateescape")


class Postfix:
    """A private one. Starts only as root."""

    def __init__(self, directory, relayhost):
        self.directory = directory
        self.conf = directory / "conf"
        self.port = free_port()
        for name in ("conf", "queue", "data"):
            (directory / name).mkdir(parents=True)
        directory.parent.chmod(0o755)  # its daemons are another user
        shutil.chown(directory / "data", "postfix")
        (self.conf / "main.cf").write_text(MAIN.format(directory, relayhost))
        (self.conf / "master.cf").write_text(MASTER.format(self.port))

    def start(self):
        # Its daemons outlive the command and would keep a pipe open.
        with open(self.directory / "output", "wb") as output:
            subprocess.run([find_program("postfix"), "-c", self.conf, "start"], check=True, timeout=PATIENCE,
                           stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def stop(self):
        subprocess.run([find_program("postfix"), "-c", self.conf, "abort"], timeout=PATIENCE,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def run(self, name, *words):
        return output_of(self.start_tool(name, *words))

    def start_tool(self, name, *words):
        return subprocess.run([name, "-c", str(self.conf), *words], executable=find_program(name),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)


class Tools:
    """Barid's under the same names."""

    def __init__(self, server):
        self.server, self.port = server, server.port

    def run(self, name, *words):
        return output_of(self.start_tool(name, *words))

    def start_tool(self, name, *words):
        link = self.server.directory / name
        if not link.exists():
            link.symlink_to(pathlib.Path(BARID).resolve())
        return subprocess.run([name, "-c", str(self.server.directory), *words], executable=link,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)


def fill(port):
    for sender, recipients, content in MAIL:
        with RawClient(port) as client:
            client.command("EHLO client.example", 250)
            client.command("MAIL FROM:" + sender, 250)
            for recipient in recipients:
                client.command("RCPT TO:" + recipient, 250)
            client.command("DATA", 354)
            client.send(content + b".\r\n")
            client.expect(250)


def ids(side):
    """Ids by sender, once all mail is deferred with a reason."""
    def deferred():
        entries = [json.loads(line) for line in side.run("postqueue", "-j").splitlines()]
        good = len(entries) == len(MAIL) and all(
            e["queue_name"] == "deferred" and all("delay_reason" in r for r in e["recipients"])
            for e in entries)
        return good and {e["sender"]: e["queue_id"] for e in entries}
    return wait_until(deferred, "all deferred", every=0.1)


class Alike:
    """Makes alike what differs from run to run."""

    def __init__(self, ids_of):
        self.names = {ids_of["a@sender.example"]: "ID-A", ids_of["MAILER-DAEMON"]: "ID-NULL"}

    def __call__(self, text):
        for name, mark in self.names.items():
            text = re.sub(rf"(?m)^{name}( +)(\d+) (\w{{3}} \w{{3}} [ \d]\d [\d:]{{8}})",
                          lambda m, mark=mark: mark.ljust(len(name + m[1]) + len(m[2]) - 4) + "SIZE TIME", text)
            text = text.replace(name, mark)
        text = re.sub(r"(deferred)/[0-9A-F]/", r"\1/", text)
        text = re.sub(r"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", "TIME", text)
        text = re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4}( \(\w+\))?", "TIME", text)
        text = re.sub(r'"(arrival_time|next_attempt)": \d{10}', r'"\1": TIME', text)
        text = re.sub(r"next_attempt=\d{10}", "next_attempt=TIME", text)
        text = re.sub(r'"message_size": \d+', '"message_size": SIZE', text)
        text = re.sub(r"message_size: .*", "message_size: SIZES", text)
        return re.sub(r"(_port=|\]:|:)\d{5}\b", r"\1PORT", text)


def by_sender(text):
    """The blocks of a listing in a fixed order: Postfix has that of directories."""
    head, *rest = text.split("\n", 1)
    blocks = rest[0].rstrip("\n").split("\n\n") if rest else []
    return "\n\n".join([head, *sorted(blocks[:-1]), *blocks[-1:]]) + "\n"


def printed(side):
    """What the tools print, by name."""
    found = ids(side)
    alike = Alike(found)
    first, null = found["a@sender.example"], found["MAILER-DAEMON"]
    out = {
        "mailq": by_sender(alike(side.run("postqueue", "-p"))),
        "postqueue-j": "".join(sorted(alike(side.run("postqueue", "-j")).splitlines(True))),
        "qshape": side.run("qshape", "deferred") + side.run("qshape", "-s", "-b", "4", "-t", "3", "deferred"),
        "postcat": alike(side.run("postcat", "-q", first)) + alike(side.run("postcat", "-dq", null)),
        "postcat-body": alike(side.run("postcat", "-bq", first) + side.run("postcat", "-bdq", null)
                              + side.run("postcat", "-bvq", null) + side.run("postcat", "-q", "0Aaaaaaaa001")),
    }
    out["postcat-body"] = "".join(  # -v tells more about itself on standard error
        line for line in out["postcat-body"].splitlines(True) if not line.startswith("postcat: name_mask")
        and not line.startswith("postcat: inet_addr_local"))
    out["postsuper"] = alike("".join(side.run("postsuper", *words) for words in [
        ("-h", first), ("-h", "ALL"), ("-H", first), ("-H", "ALL"), ("-h", "0Aaaaaaaa001"), ("-d", "x!y"),
        ("-r", "ALL")]))
    ids(side)  # under new ids
    out["postsuper"] += side.run("postsuper", "-d", "ALL")
    out["status"] = "".join(f"{' '.join(words)}: {side.start_tool(*words).returncode}\n" for words in STATUSES)
    out["empty"] = side.run("postqueue", "-p") + side.run("postqueue", "-j") + side.run("qshape", "deferred")
    return out


EQUAL = ("mailq", "qshape", "postcat-body", "postsuper", "status", "empty")


class QueueTools(Scenario):
    def golden(self, name, text):
        path = GOLDEN / name
        if os.environ.get("BARID_WRITE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, errors="surrogateescape")
        self.assertEqual(text, path.read_text(errors="surrogateescape"), path)

    def defer_all(self):
        return self.sink(lambda stage, argument, session: "450 4.2.0 try later"
                         if stage == "rcpt" else None)

    def check(self, side, name):
        for what, text in printed(side).items():
            with self.subTest(what):
                self.golden("equal-" + what + ".txt" if what in EQUAL else f"{name}-{what}.txt", text)

    @unittest.skipUnless(find_program("postcat") and os.geteuid() == 0, "no Postfix, or not the superuser")
    def test_postfix(self):
        postfix = Postfix(self.directory / "postfix", self.defer_all().relayhost)
        self.addCleanup(postfix.stop)
        postfix.start()
        fill(postfix.port)
        self.check(postfix, "postfix")

    @unittest.skipUnless(os.geteuid() == 0, "postsuper is for the superuser")
    def test_barid(self):
        server = self.barid(relayhost=self.defer_all().relayhost, minimal_backoff_time="1h",
                            maximal_backoff_time="1h")
        fill(server.port)
        self.check(Tools(server), "barid")

    def test_what_differs(self):
        """Barid has every field of Postfix's JSON; its postcat prints no record that Postfix's has not,
        but for the schedule's own, and all in the same order."""
        def lines(name):
            return (GOLDEN / name).read_text(errors="surrogateescape").replace(" TIME", ' "TIME"').replace(
                " SIZE,", ' "SIZE",').splitlines()

        for ours, theirs in zip(lines("barid-postqueue-j.txt"), lines("postfix-postqueue-j.txt"), strict=True):
            ours, theirs = json.loads(ours), json.loads(theirs)
            self.assertEqual({k: ours[k] for k in theirs}, theirs)
        theirs = iter(lines("postfix-postcat.txt"))
        own = re.compile(r"( 65 )?named_attribute: (stream|attempts|next_attempt)=|( 78 )?(Received: |\t)")
        for line in lines("barid-postcat.txt"):
            if not own.match(line):
                self.assertIn(line, theirs)  # goes on from where the last one was


if __name__ == "__main__":
    unittest.main()
