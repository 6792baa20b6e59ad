"""dkimpy on messages: `dkimpy.py RECORDS.json FILE…` prints one line a signature: FILE index pass|fail.

Debian installs dkimpy for its own Python.
"""

import json
import sys

import dkim

records = json.load(open(sys.argv[1]))


def find_txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


for path in sys.argv[2:]:
    message = open(path, "rb").read()
    verifier = dkim.DKIM(message)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    for index in range(count):
        try:
            good = verifier.verify(index, dnsfunc=find_txt)
        except dkim.DKIMException as error:
            good = False
            print(error, file=sys.stderr)
        print(path, index, "pass" if good else "fail")
