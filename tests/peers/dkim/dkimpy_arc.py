"""dkimpy on ARC chains: `dkimpy_arc.py RECORDS.json FILE…` prints FILE 0 none|pass|fail.

Debian installs dkimpy for its own Python.
"""

import json
import sys

import dkim

records = json.load(open(sys.argv[1]))


def find_txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


for path in sys.argv[2:]:
    status, _, reason = dkim.arc_verify(open(path, "rb").read(), dnsfunc=find_txt)
    print(path, 0, (status or b"fail").decode(), reason)
