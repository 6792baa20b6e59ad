#!/usr/bin/env python3
"""Goal: pflogsumm counts our log as it counts Postfix's.
Method: log_samples (its path is the argument) writes the log of known mail; compare the totals.
Exits with 77 (skipped) where pflogsumm is not installed.
"""
import re
import shutil
import subprocess
import sys

TOTALS = {
    "received": 2,
    "delivered": 3,
    "deferred": 1,      # one message, of two attempts
    "bounced": 1,
    "rejected": 3,
    "forwarded": 0,
    "reject warnings": 0,
    "held": 0,
    "discarded": 0,
    "bytes received": 3000,
    "bytes delivered": 5000,  # twice 1000, and the notice's 3000
    "senders": 2,
    "recipients": 3,
}
# What the report says besides, in its own words.
PHRASES = [
    r"\(2  deferrals\)",
    r"Relay access denied \(total: 3\)",
    r"odd thing",
    r"bad thing",
    r"daemon started -- version 0.1.0",
    r"^ +5 +connections",
]


def main():
    pflogsumm = shutil.which("pflogsumm", path="/usr/sbin:/usr/bin:/usr/local/bin:/bin")
    if pflogsumm is None:
        print("skipped: pflogsumm is not installed (Debian package pflogsumm)")
        return 77
    log = subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout
    report = subprocess.run([pflogsumm, "--smtpd_stats"], input=log, check=True,
                            capture_output=True).stdout.decode()
    failures = []
    for name, want in TOTALS.items():
        line = re.search(rf"^ *(\d+k?) +{re.escape(name)}\b", report, re.MULTILINE)
        got = None if line is None else line.group(1)
        if got != str(want):
            failures.append(f"{name}: pflogsumm counts {got}, the log has {want}")
    failures += [f"not in the report: {phrase}" for phrase in PHRASES
                 if not re.search(phrase, report, re.MULTILINE)]
    if failures:
        print(report)
    for failure in failures:
        print("FAIL", failure)
    print(f"{len(TOTALS)} totals, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
