"""A3: files at most 800 lines, functions at most 80; longer functions from before may only shrink."""

import re

from source import Finding, blank

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 80
RATCHET = "tools/lint/long_functions.tsv"

CONTAINER = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
NAME = re.compile(r"(~?\w+(?:::~?\w+)*|operator\s*[^\s(]+|operator\s*\(\))\s*\(")
NOT_NAMES = {"if", "for", "while", "switch", "catch", "decltype", "noexcept", "requires", "alignas",
             "sizeof", "__attribute__", "return"}


def match_brace(code, at):
    depth = 0
    for i in range(at, len(code)):
        if code[i] == "{":
            depth += 1
        elif code[i] == "}":
            depth -= 1
            if depth == 0:
                return i
    return len(code) - 1


def function_name(head):
    """The name of the function whose body follows `head`, or None if it is not one."""
    if "(" not in head or re.search(r"(?<![=!<>])=(?!=)\s*(?:\[|$|\{)", head):
        return None
    for match in NAME.finditer(head):
        if match[1] not in NOT_NAMES:
            return match[1]
    return None


def functions(source):
    """[(name, first line, last line)] of function bodies, found by braces rather than by a parser."""
    code = re.sub(r"^[ \t]*#(?:[^\\\n]|\\.|\\\n)*", lambda m: blank(m[0]), source.code, flags=re.M)
    found = []
    head_start, i, parens = 0, 0, 0
    while i < len(code):
        c = code[i]
        if c == "(":
            parens += 1
        elif c == ")":
            parens = max(parens - 1, 0)
        elif c in ";}" and parens == 0:
            head_start = i + 1
        elif c == "{":
            head = code[head_start:i]
            if parens > 0:  # a default argument or a lambda inside a declaration
                i = match_brace(code, i) + 1
                continue
            name = function_name(head)
            tail = head.rstrip()
            # `Type() : member_{1}, other_(2) {`: braces after a name are a member's.
            if name and re.search(r"\)[^?]*(?<!:):(?!:)", head) and re.search(r"[\w>]$", tail):
                i = match_brace(code, i) + 1
                continue
            if name and not re.match(r"\s*(?:inline\s+)?namespace\b", head):
                end = match_brace(code, i)
                first = head_start + len(head) - len(head.lstrip())
                found.append((name, source.line_of(first), source.line_of(end)))
                i = head_start = end + 1
                continue
            if CONTAINER.search(head):
                head_start = i + 1  # look inside
            else:
                i = match_brace(code, i) + 1  # an initialiser
                continue
        i += 1
    return found


def load_ratchet(tree):
    entries = {}
    source = tree.files.get(RATCHET)
    for number, line in enumerate((source.raw if source else "").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            path, name, lines = line.split("\t")
            entries[(path, name)] = (int(lines), number)
    return entries


def check(tree):
    ratchet = load_ratchet(tree)
    used = set()
    for source in tree.cpp():
        lines = source.raw.count("\n")
        if lines > FILE_LINES_MAX:
            yield Finding(source.path, lines, "A3-file",
                          f"{lines} lines, at most {FILE_LINES_MAX}: split it, one noun a file pair")
        if source.is_test:
            continue  # rows of a test table are not complexity
        for name, first, last in functions(source):
            length = last - first + 1
            if length <= FUNCTION_LINES_MAX:
                continue
            allowed, number = ratchet.get((source.path, name), (0, 0))
            if allowed:
                used.add((source.path, name))
            if allowed == 0:
                yield Finding(source.path, first, "A3-function",
                              f"{name} has {length} lines, at most {FUNCTION_LINES_MAX}: name its "
                              "parts")
            elif length > allowed:
                yield Finding(source.path, first, "A3-function",
                              f"{name} grew from {allowed} to {length} lines: split it instead")
            elif length < allowed:
                yield Finding(RATCHET, number, "A3-function",
                              f"{name} shrank to {length} lines: write {length} here")
    for key, (_, number) in ratchet.items():
        if key not in used:
            yield Finding(RATCHET, number, "A3-function",
                          f"{key[1]} of {key[0]} is short now, or gone: remove this line")
