#!/usr/bin/python3
"""For mime_judges_test.py: messages in (4 bytes of length, big-endian, then bytes), a line of JSON each
out: what GMime reads. Debian's own Python, which has the bindings."""

import hashlib
import json
import sys

import gi

gi.require_version("GMime", "3.0")
from gi.repository import GMime  # noqa: E402

GMime.init()


def addresses(found):
    return [found.get_address(i).get_addr() for i in range(found.length())] if found else []


def content(part):
    wrapper = part.get_content()
    stream = GMime.StreamMem.new()
    wrapper.write_to_stream(stream)
    return bytes(stream.get_byte_array())


def leaves(part):
    if isinstance(part, GMime.Multipart):
        for i in range(part.get_count()):
            yield from leaves(part.get_part(i))
    elif part is not None:
        yield part


def read(raw):
    message = GMime.Parser.new_with_stream(GMime.StreamMem.new_with_buffer(raw)).construct_message(None)
    seen = {"subject": message.get_subject() or "", "from": addresses(message.get_from()),
            "to": addresses(message.get_addresses(GMime.AddressType.TO)),
            "cc": addresses(message.get_addresses(GMime.AddressType.CC)), "text": None, "html": None, "files": []}
    for part in leaves(message.get_mime_part()):
        kind = part.get_content_type()
        name = f"{kind.get_media_type()}/{kind.get_media_subtype()}".lower()
        if part.get_disposition() is None and name in ("text/plain", "text/html"):
            seen["text" if name == "text/plain" else "html"] = content(part).decode()
        else:
            seen["files"].append([part.get_filename() or "", part.get_content_id() or "", name,
                                  hashlib.sha256(content(part)).hexdigest()])
    return seen


def main():
    data = sys.stdin.buffer.read()
    while data:
        size = int.from_bytes(data[:4], "big")
        print(json.dumps(read(data[4:4 + size])))
        data = data[4 + size:]


main()
