"""Keys, certificates and small authorities for tests, made by the openssl command."""

import contextlib
import os
import pathlib
import socket
import ssl
import subprocess

from barid_harness import Sink, SinkSession, find_program, free_port, wait_until


def openssl(*arguments, **options):
    done = subprocess.run([find_program("openssl"), *map(str, arguments)], capture_output=True,
                          timeout=60, **options)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Authority:
    """A certificate authority in a directory: `authority.issue("mx.example")` makes a key and a chain."""

    def __init__(self, directory, name="Test Authority", parent=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.name, self.parent = name, parent
        self.key = self.directory / "ca.key"
        self.certificate = self.directory / "ca.pem"
        self.count = 0
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        if parent is None:
            openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "30",
                    "-out", self.certificate, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        else:
            parent.sign(self.key, name, self.certificate, ["basicConstraints=critical,CA:TRUE"])

    def sign(self, key, subject, certificate, extensions, days=("-days", "30")):
        request, config = self.directory / "request", self.directory / "extensions"
        openssl("req", "-new", "-key", key, "-subj", f"/CN={subject}", "-out", request)
        config.write_text("\n".join(extensions) + "\n")
        self.count += 1
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-set_serial", self.count, "-extfile", config, "-out", certificate, *days)

    def issue(self, name, directory=None, names=None, kind="ec", days=("-days", "30"), client=False):
        """An Identity for `name`; `names`: its DNS names, [] for none."""
        directory = pathlib.Path(directory or self.directory)
        directory.mkdir(parents=True, exist_ok=True)
        stem = name.replace("*", "star") + "." + kind
        identity = Identity(directory / f"{stem}.key", directory / f"{stem}.pem")
        kinds = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}
        openssl("genpkey", *kinds[kind], "-out", identity.key)
        os.chmod(identity.key, 0o600)
        extensions = ["basicConstraints=critical,CA:FALSE",
                      f"extendedKeyUsage={'clientAuth' if client else 'serverAuth'}"]
        names = [name] if names is None else names
        if names:
            extensions.append("subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
        self.sign(identity.key, name, identity.certificate, extensions, days)
        if self.parent is not None:
            chain = identity.certificate.read_bytes() + self.certificate.read_bytes()
            identity.certificate.write_bytes(chain)
        return identity


class Identity:
    def __init__(self, key, certificate):
        self.key, self.certificate = key, certificate

    @property
    def chain_file(self):
        """Key and certificates in one file, as smtpd_tls_chain_files wants them."""
        path = self.certificate.with_suffix(".chain")
        path.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        os.chmod(path, 0o600)
        return path

    def fingerprint(self, digest="sha256"):
        text = openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", f"-{digest}").decode()
        return text.strip().split("=", 1)[1]

    def key_digest(self):
        """SHA-256 of the public key (TLSA 3 1 1), as hexadecimal digits."""
        public = openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        der = openssl("pkey", "-pubin", "-outform", "DER", input=public)
        return openssl("dgst", "-sha256", "-r", input=der).decode().split()[0]


class TlsSinkSession(SinkSession):
    """Offers STARTTLS, or begins with TLS."""

    def run(self):
        try:
            if self.sink.wrapper:
                self.wrap()
        except OSError:
            self.sink.failures.append("handshake")
            self.connection.close()
            return
        super().run()

    def wrap(self):
        if self.sink.broken:
            self.connection.sendall(b"this is no handshake\r\n")
            raise ConnectionError
        self.input.close()
        try:
            self.connection = self.sink.context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.sink.failures.append("handshake")
            raise
        self.sink.tls_sessions.append(self)
        self.input = self.connection.makefile("rb")

    @property
    def secured(self):
        return isinstance(self.connection, ssl.SSLSocket)

    def on_ehlo(self, argument):
        offers = self.sink.offers
        self.sink.offers = tuple(o for o in offers if o != "STARTTLS" or not self.secured)
        try:
            super().on_ehlo(argument)
        finally:
            self.sink.offers = offers

    def on_starttls(self, argument):
        if self.answer("starttls", argument, "220 2.0.0 go ahead"):
            self.wrap()

    def finish(self, content, bdat):
        count = len(self.sink.messages)
        super().finish(content, bdat)
        for message in self.sink.messages[count:]:
            message.secured = self.secured


class TlsSink(Sink):
    """A Sink with a certificate; `messages` know whether they came `secured`."""

    def __init__(self, identity, script=None, wrapper=False, broken=False, client_ca=None, offers=None, session_class=TlsSinkSession,
                 **options):
        self.session_class = session_class
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        if client_ca is not None:
            self.context.load_verify_locations(client_ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.wrapper, self.broken = wrapper, broken
        self.tls_sessions, self.failures = [], []
        super().__init__(script, offers=offers or (*Sink.OFFERS, "STARTTLS"), **options)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, address = self.listener.accept()
                session = self.session_class(self, connection, address)
                self.sessions.append(session)
                session.start()


def start_resolver(scenario, records):
    """An unbound that serves `records` below example.; its port."""
    port, directory = free_port(), scenario.directory
    (directory / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n username: ""\n chroot: ""\n'
        f' directory: "{directory}"\n pidfile: ""\n use-syslog: no\n access-control: 127.0.0.0/8 allow\n'
        ' module-config: "iterator"\n local-zone: "example." static\n'
        ' local-data: \'up.example. MX 10 mx.up.example.\'\n' +
        "".join(f" local-data: '{one}'\n" for one in records) + 'remote-control:\n control-enable: no\n')
    scenario.spawn([find_program("unbound"), "-d", "-c", directory / "unbound.conf"], "unbound")
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\2up\7example\0\0\x0f\0\1"

    def answers():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            try:
                probe.sendto(query, ("127.0.0.1", port))
                return len(probe.recv(512)) > len(query)
            except OSError:
                return False

    wait_until(answers, "unbound answers")
    return port
