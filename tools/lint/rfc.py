"""N7: RFC citations in comments and tests, and docs/rfc-coverage.md made from them."""

import re

from source import Finding

DOCUMENT = "docs/rfc-coverage.md"

# "RFC 5321 4.2 (syntax), 4.5.3.1.5 (length)" and "RFC 6152, 3030 (BODY)": a number of four digits is
# another RFC, anything shorter or dotted is a section, parentheses are remarks. Lines of one comment
# are joined first.
CITATION = re.compile(r"\bRFC (\d{3,5})((?:\s*(?:,|and)?\s*(?:\d+(?:\.\d+)*|\([^()]*\)))*)")
PART = re.compile(r"\([^()]*\)|\d+(?:\.\d+)*")
SLOPPY = re.compile(r"\b(?:RFC-?\d{3,5}|rfc \d{3,5}|RFC \d{3,5},? (?:section|sec\.|§) ?\d)")
TEST_NAME = re.compile(r"\bTEST(?:_F|_P)?\s*\(\s*\w+\s*,\s*\w*?Rfc(\d{3,5})((?:_\d+)*)")


def cited(text):
    """[(rfc, section or "")] of a comment's text."""
    found = []
    for match in CITATION.finditer(text):
        rfc, sections = match[1], []
        for part in PART.findall(match[2]):
            if part.startswith("("):
                continue
            if "." not in part and len(part) >= 3:
                found += [(rfc, s) for s in sections or [""]]
                rfc, sections = part, []
            else:
                sections.append(part)
        found += [(rfc, s) for s in sections or [""]]
    return found


def joined_comments(source):
    """Comments with the marks at line ends and starts removed, so that a citation may wrap."""
    return re.sub(r"[ \t]*\n[ \t]*///?<?[ \t]*", " ", source.comments)


def coverage(tree):
    """{(rfc, section): (set of code files, set of test files)}."""
    table = {}
    for source in tree.cpp():
        citations = cited(joined_comments(source))
        if source.is_test:
            citations += [(m[1], m[2].strip("_").replace("_", "."))
                          for m in TEST_NAME.finditer(source.code)]
        for key in citations:
            table.setdefault(key, (set(), set()))[source.is_test].add(source.path)
    return table


def sort_key(key):
    return int(key[0]), [int(n) for n in key[1].split(".") if n]


def document(tree):
    lines = ["# RFC coverage", "",
             "Made by `make fmt` from the citations in comments and test names. A section without a",
             "test beside it is a place to look; `make lint` fails when this file is out of date.", "",
             "| RFC | section | code | tests |", "|---|---|---|---|"]
    table = coverage(tree)
    for key in sorted(table, key=sort_key):
        code, tests = (", ".join(f"`{p}`" for p in sorted(paths)) for paths in table[key])
        lines.append(f"| {key[0]} | {key[1]} | {code} | {tests} |")
    return "\n".join(lines) + "\n"


def check(tree):
    for source in tree.cpp():
        for match in SLOPPY.finditer(source.comments):
            yield Finding(source.path, source.line_of(match.start()), "N7",
                          f"`{match[0]}`: cite as `RFC 5321 4.1.1.3`, so that the coverage table "
                          "finds it")
    stands = tree.files.get(DOCUMENT)
    if stands is None or stands.raw != document(tree):
        yield Finding(DOCUMENT, 1, "N7", "out of date: run `make fmt`")
