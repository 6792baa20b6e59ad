#!/usr/bin/env python3
"""Goal: an independent MIME parser decodes the same parts before and after conversion to 7 bits.
Method: seeded random messages go through seven_bit_convert (its path is the argument); Python's
email package reads both forms. Named messages cover the shapes that randomness seldom makes.
"""
import base64
import email
import pathlib
import quopri
import random
import subprocess
import sys
import tempfile

RANDOM_COUNT = 400
failures = []


def check(name, got, want):
    if got != want:
        failures.append(f"{name}: got {got!r:.300}, want {want!r:.300}")


def random_text(rng):
    pieces = ["Grüße", "plain", " ", "\t", "=", "=C3", "--", "--b0", "-", ".", "\r\n", " \r\n",
              "\r\n--", "\r\nFrom me", "é" * 40, "x" * 80, "-" * 150, "\r\n\r\n", "--b1-- "]
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(30))).encode()


def random_entity(rng, depth, serial, digest=False):
    """Header and body of one entity, as bytes."""
    kind = rng.choice(["leaf"] * 3 + ["multipart", "message", "encoded"]) if depth < 5 else "leaf"
    if digest and kind == "leaf":
        return b"\r\n" + random_message(rng, depth + 1, serial)
    label = rng.choice([b"", b"Content-Transfer-Encoding: 8bit\r\n",
                        b"content-transfer-encoding:\r\n BINARY\r\n"])
    if kind == "leaf":
        return (b"Content-Type: text/plain; charset=utf-8\r\n" + label + b"X-After: yes\r\n\r\n"
                + random_text(rng).replace(b"\r\n--b", b"\r\n--c").lstrip(b"-"))
    if kind == "encoded":
        encoder, coded = rng.choice([(b"base64", base64.encodebytes),
                                     (b"quoted-printable", quopri.encodestring)])
        body = coded(random_text(rng).replace(b"--b", b"c")).replace(b"\r", b"").replace(b"\n", b"\r\n")
        return b"Content-Type: text/plain\r\nContent-Transfer-Encoding: " + encoder + b"\r\n\r\n" + body
    if kind == "message":
        return (b"Content-Type: message/rfc822\r\n" + label + b"\r\n"
                + random_message(rng, depth + 1, serial))
    serial[0] += 1
    # Every boundary is a prefix of later ones: b1, b12 and so on.
    boundary = b"b" + b"".join(b"%d" % (i % 10) for i in range(1, serial[0] + 1))
    is_digest = rng.random() < 0.2
    out = (b"Content-Type: multipart/" + (b"digest" if is_digest else b"mixed")
           + b';\r\n\tboundary="' + boundary + b'"\r\n' + label + b"\r\n"
           + rng.choice([b"", b"Preamble\r\n", "Vörwort\r\n".encode()]))
    for _ in range(rng.randrange(1, 4)):
        out += b"--" + boundary + rng.choice([b"", b" \t"]) + b"\r\n"
        out += random_entity(rng, depth + 1, serial, is_digest) + b"\r\n"
    return out + b"--" + boundary + b"--\r\n" + rng.choice([b"", "Nachwört\r\n".encode()])


def random_message(rng, depth, serial):
    version = rng.choice([b"", b"MIME-Version: 1.0\r\n"])
    return b"Subject: x\r\n" + version + random_entity(rng, depth, serial)


NAMED = {
    "bare": "Subject: x\r\n\r\nGrüße\r\n".encode(),
    "line ends": b"MIME-Version: 1.0\r\n\r\na\nb\rc\xff \r\nd\t\r\n",
    "no line end": b"MIME-Version: 1.0\r\n\r\n\xff ",
    "unclosed": b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\n\xe9\r\n",
    "large": b"Subject: x\r\n\r\n" + "Grüße aus Köln \r\n".encode() * 40000,
}
REFUSED = {
    "header": "Subject: Grüße\r\n\r\nx\r\n".encode(),
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n\xff\r\n",
    "no delimiter": b"Content-Type: multipart/mixed; boundary=q\r\n\r\n\xff\r\n",
}


def leaves(raw):
    parts = []
    for part in email.message_from_bytes(raw).walk():
        if part.is_multipart():
            parts.append((part.get_content_type(), None))
        else:
            parts.append((part.get_content_type(), part.get_payload(decode=True)))
    return parts


def check_pair(name, raw, converted):
    check(f"{name} 7-bit", converted.isascii(), True)
    check(f"{name} parts", leaves(converted), leaves(raw))
    if raw.isascii():
        return
    for part in email.message_from_bytes(converted).walk():
        label = str(part["Content-Transfer-Encoding"]).lower()
        check(f"{name} label", "8bit" in label or "binary" in label, False)
        if label == "quoted-printable":
            longest = max(map(len, part.get_payload().split("\r\n")))
            check(f"{name} width", longest <= 76, True)


def main():
    messages = {f"random {seed}": random_message(random.Random(seed), 0, [0])
                for seed in range(RANDOM_COUNT)}
    messages |= NAMED
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        for name, raw in (messages | REFUSED).items():
            (folder / f"{name}.eml").write_bytes(raw)
        subprocess.run([sys.argv[1], directory], check=True)
        for name, raw in messages.items():
            path = folder / f"{name}.7bit"
            check(f"{name} converted", path.exists(), True)
            if path.exists():
                check_pair(name, raw, path.read_bytes())
        for name in REFUSED:
            check(f"{name} refused", (folder / f"{name}.7bit").exists(), False)
    for failure in failures:
        print("FAIL", failure)
    print(f"{len(messages)} messages compared, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
