#!/usr/bin/env python3
"""Turns parameters.tsv into rows of C++ for schema.cc.

Usage: generate_parameters.py parameters.tsv output.inc
The table is refused, with its line number, when a field is missing or has no meaning.
"""
import re
import sys

TYPES = {"str": "kString", "raw": "kRaw", "bool": "kBool", "int": "kInt", "time": "kTime",
         "times": "kTimeList"}
EFFECTS = {"live": "kLive", "restart": "kRestart", "none": "kNone"}
COMPUTED = "(computed)"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def bound(text, default):
    return text if text else f"std::numeric_limits<int64_t>::{default}()"


def row(path, number, line):
    def refuse(why):
        sys.exit(f"{path}:{number}: {why}")

    fields = line.rstrip("\n").split("\t")
    if len(fields) != 6:
        refuse(f"{len(fields)} fields instead of 6")
    name, kind, default, span, effect, text = fields
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        refuse(f"bad name {name!r}")
    if kind not in TYPES:
        refuse(f"unknown type {kind!r}")
    if effect not in EFFECTS:
        refuse(f"unknown effect {effect!r}")
    if not text:
        refuse("no description")
    check, low, high, choices = "kNone", "", "", ""
    if span == "required":
        check = "kRequired"
    elif span == "hostname":
        check = "kHostName"
    elif span == "heloname":
        check = "kHeloName"
    elif span == "endpoints":
        check = "kEndpoints"
    elif span.startswith("one:"):
        check, choices = "kOneOf", span[4:]
    elif span.startswith("some:"):
        check, choices = "kSomeOf", span[5:]
    elif span.startswith("any:"):
        check, choices = "kAnyOf", span[4:]
    elif span:
        match = re.fullmatch(r"(-?\d*)\.\.(-?\d*)", span)
        if not match or kind not in ("int", "time"):
            refuse(f"bad range {span!r}")
        check, low, high = "kRange", match.group(1), match.group(2)
    computed = default == COMPUTED
    return name, "    {%s, ValueType::%s, %s, %s, Check::%s, %s, %s, %s, Effect::%s, %s}," % (
        quoted(name), TYPES[kind], quoted("" if computed else default),
        "true" if computed else "false", check, bound(low, "min"), bound(high, "max"),
        quoted(choices), EFFECTS[effect], quoted(text))


def main():
    path, output = sys.argv[1:3]
    with open(path, encoding="utf-8") as source:
        rows = [row(path, number, line) for number, line in enumerate(source, 1)
                if not line.startswith("#")]
    rows.sort()
    for (name, _), (following, _) in zip(rows, rows[1:]):
        if name == following:
            sys.exit(f"{path}: {name} stands there twice")
    with open(output, "w", encoding="utf-8") as out:
        out.write("".join(text + "\n" for _, text in rows))


if __name__ == "__main__":
    main()
