#!/usr/bin/env python3
"""Goal: an independent MIME parser finds in our notices what RFC 3464 and RFC 6522 promise.
Method: notice_samples (its path is the argument) writes notices; Python's email package reads them.
"""
import email
import email.policy
import pathlib
import subprocess
import sys
import tempfile
from email.utils import parsedate_to_datetime

failures = []
SUBJECTS = {"delay": "Delayed Mail (still being retried)", "success": "Successful Mail Delivery Report",
            "postmaster": "Postmaster Copy: Undelivered Mail"}
ACTIONS = {"delay": "delayed", "success": "relayed"}
HEADERS_ONLY = ("headers", "large", "delay", "postmaster")


def check(name, got, want):
    if got != want:
        failures.append(f"{name}: got {got!r}, want {want!r}")


def fields(block):
    return {key.lower(): str(value) for key, value in block.items()}


def check_common(name, raw, message):
    check(f"{name} defects", message.defects, [])
    check(f"{name} type", message.get_content_type(), "multipart/report")
    check(f"{name} report-type", message.get_param("report-type"), "delivery-status")
    check(f"{name} from", message["From"], "Mail Delivery System <MAILER-DAEMON@example.com>")
    check(f"{name} subject", message["Subject"],
          SUBJECTS.get(name, "Undelivered Mail Returned to Sender"))
    check(f"{name} auto", message["Auto-Submitted"],
          "auto-generated" if name == "postmaster" else "auto-replied")
    check(f"{name} date", parsedate_to_datetime(message["Date"]).timestamp(), 1767366305.0)
    for needed in ("Received", "Message-Id", "MIME-Version"):
        check(f"{name} {needed}", message[needed] is not None, True)
    declared = message["Content-Transfer-Encoding"]
    check(f"{name} encoding", declared, "7bit" if raw.isascii() else "8bit")
    check(f"{name} line ends", raw.count(b"\n"), raw.count(b"\r\n"))
    parts = message.get_payload()
    check(f"{name} parts", len(parts), 3)
    for part in parts:
        check(f"{name} {part.get_content_type()} defects", part.defects, [])
    return parts


def check_status(name, part, utf8_sender):
    blocks = part.get_payload()
    check(f"{name} status blocks", len(blocks), 3)  # the message, and two of three recipients
    per_message, first, second = (fields(block) for block in blocks)
    check(f"{name} reporting", per_message["reporting-mta"], "dns; mail.example.com")
    check(f"{name} queue id", per_message["x-postfix-queue-id"], "0123456789AB")
    check(f"{name} sender type", per_message["x-postfix-sender"].split(";")[0],
          "utf-8" if utf8_sender else "rfc822")
    check(f"{name} arrival", parsedate_to_datetime(per_message["arrival-date"]).timestamp(), 1767366245.0)
    check(f"{name} envid", per_message.get("original-envelope-id"),
          "QQ314159" if name in ("headers", "delay", "postmaster") else None)
    check(f"{name} final", first["final-recipient"], "rfc822; who@example.org")
    check(f"{name} original", first["original-recipient"], "rfc822;Who@example.org")
    check(f"{name} action", (first["action"], second["action"]), (ACTIONS.get(name, "failed"),) * 2)
    check(f"{name} status", (first["status"], second["status"]), ("4.1.1" if name == "delay" else "5.1.1", "4.4.1"))
    until = first.get("will-retry-until")
    check(f"{name} until", until and parsedate_to_datetime(until).timestamp(),
          1767798245.0 if name == "delay" else None)
    check(f"{name} remote", (first["remote-mta"], second.get("remote-mta")), ("dns; mx.example.org", None))
    code = " ".join(first["diagnostic-code"].split())
    check(f"{name} code", code, "smtp; 550 5.1.1 <who@example.org>: no such user here, and the server "
                                "went on to explain it at length")
    check(f"{name} second code", second["diagnostic-code"],
          "X-Postfix; connect to mx2[192.0.2.10]:25: Connection timed out")
    check(f"{name} second original", second["original-recipient"], "rfc822;list@example.com")


def check_returned(name, part, raw):
    if name in HEADERS_ONLY:
        check(f"{name} returned", part.get_content_type(), "text/rfc822-headers")
        headers = email.message_from_bytes(part.get_payload(decode=True), policy=email.policy.compat32)
        check(f"{name} body", headers.get_payload().strip(), "")
    else:
        check(f"{name} returned", part.get_content_type(), "message/global" if name == "global" else "message/rfc822")
        # The parser takes message/global for opaque text, so that one is read from the bytes.
        headers = (email.message_from_bytes(raw[raw.index(b"Return-Path:"):]) if name == "global"
                   else part.get_payload(0))
    check(f"{name} returned subject", headers["Subject"], "Hello")
    check(f"{name} return-path", headers["Return-Path"] is not None, True)
    if name == "boundary":
        check("boundary body", "after" in headers.get_payload(), True)
    if name == "eight_bit":
        check("eight_bit body", headers.get_payload(decode=True), "Grüß Gott\r\n".encode())


def main():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.argv[1], directory], check=True)
        files = sorted(pathlib.Path(directory).glob("*.eml"))
        check("samples", [file.stem for file in files],
              ["boundary", "delay", "eight_bit", "global", "headers", "large", "plain", "postmaster",
               "success"])
        for file in files:
            raw = file.read_bytes()
            name = file.stem
            message = email.message_from_bytes(raw)
            text, status, returned = check_common(name, raw, message)
            check(f"{name} text type", text.get_content_type(), "text/plain")
            words = text.get_payload(decode=True).decode(text.get_content_charset())
            check(f"{name} first listed", "<who@example.org>: host mx.example.org[192.0.2.9] said: 550" in words, True)
            check(f"{name} second listed", "<other@example.org> (expanded from <list@example.com>): " in words, True)
            check(f"{name} words", "This is the mail server" in words, name != "postmaster")
            check(f"{name} width", max(len(line) for line in words.splitlines()) <= 79, True)
            if name == "global":
                check("global status", status.get_content_type(), "message/global-delivery-status")
                start = raw.index(b"Reporting-MTA:")
                blob = raw[start:raw.index(b"\r\n--0123", start)]
                status = email.message_from_bytes(b"Content-Type: message/delivery-status\r\n\r\n" + blob)
            else:
                check(f"{name} status", status.get_content_type(), "message/delivery-status")
            check_status(name, status, name == "global")
            check_returned(name, returned, raw)
    for failure in failures:
        print("FAIL", failure)
    print(f"{len(files)} notices read, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
