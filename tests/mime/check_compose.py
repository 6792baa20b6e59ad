#!/usr/bin/env python3
"""Goal: an independent MIME parser gets back every part of a composed message, byte for byte.
Method: seeded random compositions and the shapes that randomness seldom makes go through
compose_fields (its path is the argument); Python's email package reads what comes out.
"""
import email
import email.header
import email.policy
import email.utils
import random
import re
import subprocess
import sys

RANDOM_COUNT = 400
WORDS = ["hello", "Grüße", "日本語テスト", "a=b", "=?UTF-8?Q?x?=", "x" * 120, " ", "  ", "\t", "…", ".",
         "From me", "--=_0123abc_0", "-", "💌" * 9, "tail ", "é", '"quoted"', "back\\slash", "a,b;c"]
failures = []


def check(name, got, want):
    if got != want:
        failures.append(f"{name}: got {got!r:.300}, want {want!r:.300}")


def one_line(rng, count):
    return "".join(rng.choice(WORDS) + rng.choice(["", " "]) for _ in range(rng.randrange(count))).replace(
        "\t", " ").strip()


def lines(rng):
    return "".join(rng.choice(WORDS) + rng.choice(["", " ", "\n", "\r\n", " \n"])
                   for _ in range(rng.randrange(60)))


def composition(rng):
    fields = [("from", "Sender <sender@example.org>"), ("to", "a@example.org"),
              ("to_name", one_line(rng, 8)), ("subject", one_line(rng, 20))]
    for i in range(rng.randrange(12)):
        fields.append((rng.choice(["cc", "to"]), f"recipient{i}@example{i}.example.org"))
    if rng.random() < .8:
        fields.append(("text", lines(rng)))
    if rng.random() < .7 or "text" not in dict(fields):
        fields.append(("html", "<p>" + lines(rng) + "</p>"))
    for _ in range(rng.randrange(3)):
        fields += [("field_name", "X-Custom"), ("field_value", one_line(rng, 12))]
    for i in range(rng.randrange(4)):
        fields += [("file", rng.randbytes(rng.randrange(400))),
                   ("filename", rng.choice(["plain.pdf", "Überblick 2026.png", "a\"b.txt", "x" * 200 + ".bin",
                                            "日本" * 20, "noextension"]))]
        if rng.random() < .5:
            fields.append(("content_id", f"cid{i}@x"))
    return fields


def as_bytes(value):
    return value if isinstance(value, bytes) else value.encode()


def compose_all(program, compositions):
    wire = b""
    for fields in compositions:
        for key, value in fields:
            wire += f"{key} {len(as_bytes(value))}\n".encode() + as_bytes(value) + b"\n"
        wire += b"end 0\n\n"
    out = subprocess.run([program], input=wire, stdout=subprocess.PIPE, check=True).stdout
    messages = []
    while out:
        head, out = out.split(b"\n", 1)
        if head == b"-":
            messages.append(None)
            continue
        messages.append(out[:int(head)])
        out = out[int(head):]
    return messages


def canonical(text):
    return re.sub(r"\r?\n", "\r\n", text).encode()


def check_shape(name, raw):
    for line in raw.split(b"\r\n"):
        if len(line) > 998:
            failures.append(f"{name}: a line of {len(line)} bytes")
        if b"\n" in line or b"\r" in line:
            failures.append(f"{name}: a bare CR or LF in {line!r:.80}")
    if any(byte > 126 for byte in raw):
        failures.append(f"{name}: 8-bit bytes")


def first_name(raw):
    """The display name of the first recipient. Read with the older functions: the new ones put a
    blank between adjacent encoded words of a phrase, which RFC 2047 6.2 forbids."""
    field = email.message_from_bytes(raw, policy=email.policy.compat32)["to"]
    name = email.utils.getaddresses([re.sub(r"\r?\n", "", field)])[0][0]
    return str(email.header.make_header(email.header.decode_header(name)))


def check_message(name, fields, raw):
    check_shape(name, raw)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    single = dict(fields)
    check(f"{name} subject", str(message["subject"]), single.get("subject", ""))
    to = [address.addr_spec for address in message["to"].addresses]
    check(f"{name} to", to, [v for k, v in fields if k == "to"])
    check(f"{name} to name", first_name(raw), single.get("to_name", ""))
    cc = message["cc"]
    check(f"{name} cc", [a.addr_spec for a in cc.addresses] if cc else [], [v for k, v in fields if k == "cc"])
    check(f"{name} custom", [str(v) for v in message.get_all("x-custom", [])],
          [v for k, v in fields if k == "field_value"])
    leaves = [part for part in message.walk() if not part.is_multipart()]
    files = [i for i, (k, _) in enumerate(fields) if k == "file"]
    texts = leaves[:len(leaves) - len(files)]
    for kind in ("text", "html"):
        if kind not in single:
            continue
        subtype = "plain" if kind == "text" else "html"
        parts = [part for part in leaves if part.get_content_type() == "text/" + subtype
                 and part.get_content_disposition() is None]
        check(f"{name} {kind} parts", len(parts), 1)
        if len(parts) != 1:
            continue
        want = canonical(single[kind])
        got = parts[0].get_payload(decode=True)
        if len(leaves) == 1 and not want.endswith(b"\n"):
            got = got.removesuffix(b"\r\n")  # a whole body ends with a line end
        check(f"{name} {kind}", got, want)
    got_files = sorted((part.get_filename() or "", part.get_payload(decode=True), part["content-id"] or "")
                       for part in leaves if part.get_content_disposition() is not None)
    want_files = []
    for start in files:
        facts = {}
        for key, value in fields[start + 1:]:
            if key == "file":
                break
            facts[key] = value
        cid = facts.get("content_id")
        want_files.append((facts["filename"], fields[start][1], f"<{cid}>" if cid else ""))
    check(f"{name} files", got_files, sorted(want_files))
    if not texts:
        failures.append(f"{name}: no text part")
    if message.defects or any(part.defects for part in message.walk()):
        failures.append(f"{name}: defects {[part.defects for part in message.walk()]}")


def main():
    rng = random.Random(20261125)
    compositions = [composition(rng) for _ in range(RANDOM_COUNT)]
    base = [("from", "a@example.org"), ("to", "b@example.org"), ("subject", "s")]
    compositions += [
        base + [("text", "")], base + [("html", "")], base + [("text", "no end")], base + [("text", "x\n" * 5000)],
        base + [("text", "日本語" * 3000)], base + [("text", "lone\rcarriage")], base + [("text", "\0nul")],
        base + [("text", "t"), ("file", b""), ("filename", "empty.bin")],
        base + [("text", "t"), ("html", "h"), ("file", bytes(range(256)) * 300), ("filename", "all.bin"),
                ("file", b"img"), ("filename", "i.png"), ("content_id", "logo")],
    ]
    for index, (fields, raw) in enumerate(zip(compositions, compose_all(sys.argv[1], compositions), strict=True)):
        if raw is None:
            failures.append(f"{index}: refused")
            continue
        check_message(str(index), fields, raw)
    refused = [base[:2] + [("subject", bad)] for bad in ("a\r\nBcc: x@y.z", "a\nb", "a\0b", "a\rb")]
    refused += [base + [("text", "t"), ("field_name", n), ("field_value", v)]
                for n, v in (("X-A", "v\r\nBcc: x"), ("X A", "v"), ("X:A", "v"), ("", "v"), ("Bcc", "x@y.z"),
                             ("content-type", "text/html"), ("X-\u00e9", "v"), ("From", "x"))]
    refused += [base + [("text", "t"), ("file", b"x"), ("filename", "a\nb")],
                base + [("text", "t"), ("file", b"x"), ("filename", "a"), ("content_type", "a/b\r\nX: y")],
                base + [("text", "t"), ("file", b"x"), ("filename", "a"), ("content_id", "a>b")]]
    for fields, raw in zip(refused, compose_all(sys.argv[1], refused), strict=True):
        if raw is not None:
            failures.append(f"not refused: {fields[-1]!r}")
    for failure in failures[:20]:
        print(failure)
    print(f"{len(compositions)} compositions, {len(refused)} refusals, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
