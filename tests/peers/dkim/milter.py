"""The mail server's side of the milter protocol, as far as a verifier needs it: a message's fields and
body go over as they are, byte for byte, and the fields that the filter would add come back.

Protocol: libmilter's mfdef.h (version 6): 4 bytes of length, a letter, data.
"""

import re
import socket
import struct

HEADER_LEADING_SPACE = 0x100000  # SMFIP_HDR_LEADSPC: values begin behind the colon
ACTIONS = 0x1FF


def split_message(message):
    """([(name, value)], body): names with the blanks before the colon, values with their folds."""
    header, _, body = (message + b"\r\n" if message.endswith(b"\r\n") else message).partition(b"\r\n\r\n")
    body = message[len(header) + 4:]
    fields = []
    for field in re.split(rb"\r\n(?![ \t])", header):
        name, colon, value = field.partition(b":")
        assert colon, field
        fields.append((name, value))
    return fields, body


class Milter:
    def __init__(self, port, timeout=60):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.input = self.connection.makefile("rb")
        self.send(b"O", struct.pack("!III", 6, ACTIONS, HEADER_LEADING_SPACE))
        letter, data = self.receive()
        assert letter == b"O", letter
        _, _, self.steps = struct.unpack("!III", data[:12])

    def close(self):
        self.input.close()
        self.connection.close()

    def send(self, letter, data=b""):
        self.connection.sendall(struct.pack("!I", len(data) + 1) + letter + data)

    def receive(self):
        (length,) = struct.unpack("!I", self.input.read(4))
        packet = self.input.read(length)
        return packet[:1], packet[1:]

    def step(self, letter, data, silent_bit):
        """Sends; the filter says "continue", unless it asked for silence or to be left out of this."""
        self.send(letter, data)
        if self.steps & silent_bit:
            return
        letter, _ = self.receive()
        assert letter == b"c", letter

    def added_fields(self, message):
        """{name: [values]} of what the filter adds to the message."""
        fields, body = split_message(message)
        leading = self.steps & HEADER_LEADING_SPACE
        self.step(b"C", b"localhost\x00" + b"4" + struct.pack("!H", 25) + b"127.0.0.1\x00", 0x1000)
        self.step(b"H", b"client.example\x00", 0x2000)
        self.step(b"M", b"<me@signed.example>\x00", 0x4000)
        self.step(b"R", b"<you@sink.example>\x00", 0x8000)
        for name, value in fields:
            value, name = value.replace(b"\r\n", b"\n"), name.rstrip(b" \t")  # the protocol's names have none
            self.step(b"L", name + b"\x00" + (value if leading else value.removeprefix(b" ")) + b"\x00", 0x80)
        self.step(b"N", b"", 0x40000)
        for start in range(0, len(body), 65535):
            self.step(b"B", body[start:start + 65535], 0x80000)
        self.send(b"E")
        added = {}
        while True:
            letter, data = self.receive()
            if letter in b"hi":
                name, value = (data[4:] if letter == b"i" else data).split(b"\x00")[:2]
                added.setdefault(name.decode().lower(), []).append(value.decode(errors="replace"))
            elif letter in b"acrtdy":
                return added
