"""Zones for DANE: signed by ldnsutils, served by nsd behind an unbound that passes DNSSEC records on."""

import shutil
import socket
import subprocess

from barid_harness import find_program, free_port, wait_until


def need_name_servers(test):
    for program, package in (("nsd", "nsd"), ("unbound", "unbound"), ("ldns-signzone", "ldnsutils")):
        test.need(program, package)


def zone_text(name, *records):
    """A zone with SOA and NS, and `records` relative to it."""
    return "\n".join([f"$ORIGIN {name}.", "$TTL 300", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns",
                      "ns A 127.0.0.1", *records]) + "\n"


def serve_zones(scenario, zones, signed=(), spoil=None, more=""):
    """Serves {name: text}; of `signed` names the trust anchors go into the file `anchor` of the
    scenario's directory. `spoil`: {text: other text} in signed zones, whose signatures are wrong then.
    `more`: for unbound. Returns unbound's port."""
    directory = scenario.directory
    nsd_port, dns_port = free_port(), free_port()
    listed, anchors = "", ""
    for name, text in zones.items():
        path = directory / f"{name}.zone"
        path.write_text(text)
        if name in signed:
            key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name], cwd=directory,
                                 capture_output=True, text=True, check=True).stdout.strip()
            subprocess.run(["ldns-signzone", "-f", f"{path.name}.signed", path.name, key], cwd=directory,
                           capture_output=True, check=True)
            anchors += (directory / f"{key}.ds").read_text()
            path = directory / f"{path.name}.signed"
            for right, wrong in (spoil or {}).items():
                text = path.read_text()
                assert right in text, right
                path.write_text(text.replace(right, wrong))
        listed += f"zone:\n name: {name}\n zonefile: {path.name}\n"
    (directory / "anchor").write_text(anchors)
    (directory / "nsd.conf").write_text(
        f'server:\n ip-address: 127.0.0.1@{nsd_port}\n username: ""\n chroot: ""\n zonesdir: "{directory}"\n'
        f' pidfile: "{directory}/nsd.pid"\n database: ""\n zonelistfile: "{directory}/zone.list"\n'
        f' xfrdfile: "{directory}/xfrd.state"\n logfile: "{directory}/nsd.log"\n server-count: 1\n'
        'remote-control:\n control-enable: no\n' + listed)
    scenario.spawn([find_program("nsd"), "-d", "-c", directory / "nsd.conf"], "nsd")
    stubs = "".join(f'stub-zone:\n name: "{name}."\n stub-addr: 127.0.0.1@{nsd_port}\n stub-prime: no\n' for name in zones)
    (directory / "unbound.conf").write_text(
        f'server:\n interface: 127.0.0.1\n port: {dns_port}\n do-daemonize: no\n username: ""\n chroot: ""\n'
        f' directory: "{directory}"\n pidfile: ""\n use-syslog: no\n do-not-query-localhost: no\n'
        ' access-control: 127.0.0.0/8 allow\n module-config: "iterator"\n outbound-msg-retry: 1\n'
        ' infra-host-ttl: 1\n qname-minimisation: no\n'
        'remote-control:\n control-enable: no\n' + stubs + more)
    scenario.spawn([find_program("unbound"), "-d", "-c", directory / "unbound.conf"], "unbound")
    wait_until(lambda: all(has_soa(dns_port, name) for name in zones), "the name servers answer")
    return dns_port


def has_soa(port, name):
    """Whether the server at `port` answers for the zone."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\6\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.3)
        try:
            probe.sendto(query, ("127.0.0.1", port))
            answer = probe.recv(4096)
            return answer[3] & 15 == 0 and answer[7] > 0
        except OSError:
            return False
