"""A Postfix of the system's package with configuration, queue and data of its own, for comparison.

Needs root, as Postfix does. Everything is below the given directory; stop() ends it.
"""

import pathlib
import subprocess

from barid_harness import find_program, free_port, listening, wait_until

_SERVICES = (
    ("cleanup", "n", "-", "0", "cleanup"), ("qmgr", "n", "300", "1", "qmgr"),
    ("rewrite", "-", "-", "-", "trivial-rewrite"), ("bounce", "-", "-", "0", "bounce"),
    ("defer", "-", "-", "0", "bounce"), ("trace", "-", "-", "0", "bounce"),
    ("flush", "n", "1000?", "0", "flush"), ("proxymap", "-", "-", "-", "proxymap"),
    ("smtp", "-", "-", "-", "smtp"), ("relay", "-", "-", "-", "smtp"), ("error", "-", "-", "-", "error"),
    ("retry", "-", "-", "-", "error"), ("discard", "-", "-", "-", "discard"),
    ("tlsmgr", "-", "1000?", "1", "tlsmgr"), ("anvil", "-", "-", "1", "anvil"), ("scache", "-", "-", "1", "scache"))


class Postfix:
    def __init__(self, directory, services=None, **main):
        """`services`: further lines of master.cf; PORT in them is the port of the smtpd service."""
        self.home = pathlib.Path(directory)
        self.conf = self.home / "conf"
        for name in ("conf", "queue", "data"):
            (self.home / name).mkdir(parents=True)
        for path in (self.home, self.conf, self.home / "queue"):
            path.chmod(0o755)
        subprocess.run(["chown", "postfix", str(self.home / "data")], check=True)
        self.port = free_port()
        self.log_path = self.home / "maillog"
        settings = {
            "compatibility_level": "3.6", "queue_directory": self.home / "queue",
            "data_directory": self.home / "data", "maillog_file": self.log_path,
            "maillog_file_prefixes": self.home, "myhostname": "postfix.example", "mydestination": "",
            "local_recipient_maps": "", "alias_maps": "", "alias_database": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "smtp_dns_support_level": "disabled", "smtp_host_lookup": "native", "smtpd_peername_lookup": "no",
            **main}
        (self.conf / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        lines = [f"127.0.0.1:{self.port} inet n - n - - smtpd", *(services or ()),
                 *(f"{n} unix {p} - n {w} {m} {c}" for n, p, w, m, c in _SERVICES),
                 "postlog unix-dgram n - n - 1 postlogd"]
        (self.conf / "master.cf").write_text("\n".join(lines) + "\n")

    def start(self):
        started = subprocess.run([find_program("postfix"), "-c", self.conf, "start"], capture_output=True,
                                 text=True, timeout=60)
        if started.returncode != 0:
            raise AssertionError(f"postfix start: {started.stderr}")
        wait_until(lambda: listening(self.port), "Postfix listens")
        return self

    def stop(self):
        subprocess.run([find_program("postfix"), "-c", str(self.conf), "abort"], capture_output=True, timeout=60)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
