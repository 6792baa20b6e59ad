"""dkimpy on messages: `dkimpy.py RECORDS.json FILE…` prints one line a signature: FILE index pass|fail.

Debian installs dkimpy for its own Python. Its reader of messages refuses blanks before a colon (RFC
5322 4.5); there the fields come from ours.
"""

import json
import sys

import dkim
from milter import split_message

records = json.load(open(sys.argv[1]))


def find_txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


class FieldName(bytes):
    """With its blanks where its bytes count, and without where its meaning does."""

    def lower(self):
        return super().lower().rstrip()


def read(message):
    try:
        return dkim.DKIM(message)
    except dkim.MessageFormatError:
        fields, body = split_message(message)
        verifier = dkim.DKIM()
        verifier.headers = [(FieldName(name), value + b"\r\n") for name, value in fields]
        verifier.body = body
        return verifier


for path in sys.argv[2:]:
    verifier = read(open(path, "rb").read())
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    for index in range(count):
        try:
            good = verifier.verify(index, dnsfunc=find_txt)
        except dkim.DKIMException as error:
            good = False
            print(error, file=sys.stderr)
        print(path, index, "pass" if good else "fail")
