"""Rules about text: banners (N6), own header first (N5), open ends (N8), words (W1), READMEs (A7), links (D1)."""

import pathlib
import re

from source import Finding

README_LINES_MAX = 60

OPEN_END = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
OPEN_END_ALLOWED = ("tools/lint/", "docs/style.md", "CONTRIBUTING.md", "LICENSE")

# (pattern, why, only in comments).
WORDS = [
    (re.compile(r"(?<![\w.$}-])/(?:home|Users|work)/\w+"),
     "a path of somebody's machine: write it from the repository root", False),
    (re.compile(r"\bnot (?:yet )?implemented yet\b|\bnot yet implemented\b"
                r"|\bsimplif(?:y|ied) for (?:now|the moment)\b|\bquick hack\b", re.I),
     "says that the work is unfinished: finish it, or open an issue and cite it", True),
    (re.compile(r"^(?:<{7}|>{7}) ", re.M), "a merge conflict that nobody resolved", False),
    # Examples in comments are indented; code that was switched off is not.
    (re.compile(r"^[ \t]*// ?(?:if|for|while|return|auto|const)\b[^\n]*[;{][ \t]*$", re.M),
     "code in a comment: delete it, history keeps it", True),
]
WORDS_ALLOWED = ("tools/lint/", "tests/corpus/", "tests/golden/", "LICENSE", "tests/peers/node/")

CODE_FOLDERS = ("core/", "shard/", "dns", "policy", "smtp/", "http", "deliver", "bench", "tools/")

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def banner(source):
    first = source.raw.split("\n\n", 1)[0]
    if not source.raw.startswith("//"):
        return Finding(source.path, 1, "N6", "a header starts with a banner: purpose, source, layer")
    if "Layer:" not in first and not source.is_test:
        return Finding(source.path, 1, "N6",
                       "the banner lacks its `Layer:` line (which layer, which thread)")
    return None


def own_header_first(tree, source):
    """x.cc includes x.h before anything else, so that building it proves that x.h stands alone."""
    own = source.path[:-len("cc")] + "h"
    if not source.path.endswith(".cc") or own not in tree.files or not source.includes:
        return None
    line, name, _ = source.includes[0]
    if name == own:
        return None
    return Finding(source.path, line, "N5-own", f'include "{own}" first')


def check(tree):
    for source in tree.files.values():
        if source.is_header:
            if "#pragma once" not in source.code:
                yield Finding(source.path, 1, "N1", "lacks `#pragma once`")
            if finding := banner(source):
                yield finding
        if finding := own_header_first(tree, source):
            yield finding
        if not source.path.startswith(OPEN_END_ALLOWED):
            text = source.comments if source.is_cpp else source.raw
            for match in OPEN_END.finditer(text):
                yield Finding(source.path, source.line_of(match.start()), "N8",
                              f"{match[1]} without an issue: do it, or write {match[1]}(#123)")
        if not source.path.startswith(WORDS_ALLOWED):
            for pattern, why, in_comments in WORDS:
                if in_comments and not source.is_cpp:
                    continue
                for match in pattern.finditer(source.comments if in_comments else source.raw):
                    offset = match.start() + len(match[0]) - len(match[0].lstrip())
                    yield Finding(source.path, source.line_of(offset), "W1",
                                  f"`{match[0].strip()}`: {why}")
        if source.path.endswith(".md"):
            yield from broken_links(tree, source)
    yield from folder_readmes(tree)


def broken_links(tree, source):
    here = pathlib.PurePosixPath(source.path).parent
    for match in LINK.finditer(source.raw):
        target = pathlib.Path(tree.root / here / match[1])
        if not target.exists():
            yield Finding(source.path, source.line_of(match.start()), "D1",
                          f"link to {match[1]}, which is not there")


def folder_readmes(tree):
    folders = {s.folder for s in tree.cpp() if s.path.startswith(CODE_FOLDERS)}
    for folder in sorted(folders):
        readme = tree.files.get(f"{folder}/README.md")
        parent = folder.rsplit("/", 1)[0]
        if readme is None and f"{parent}/README.md" in tree.files and parent != folder:
            continue  # a sub-folder may be told of in its parent's
        if readme is None:
            yield Finding(f"{folder}/README.md", 1, "A7",
                          "missing: purpose, main types, which shard owns what, invariants, tests")
        elif readme.raw.count("\n") > README_LINES_MAX:
            yield Finding(readme.path, readme.raw.count("\n"), "A7",
                          f"over {README_LINES_MAX} lines: move detail to docs/ or the headers")
