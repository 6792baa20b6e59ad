"""Rules that need the compiler's tools: N5 (headers stand alone, format) and H3 (clang-tidy)."""

import concurrent.futures
import json
import os
import shlex
import subprocess

from source import Finding

CLANG = "clang++-16"
FORMAT = "clang-format-16"
TIDY = "clang-tidy-16"
FORMAT_GROUP = 50
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror",
            "-Wno-gnu-statement-expression"]


def cpus():
    return len(os.sched_getaffinity(0))


def each(function, items):
    with concurrent.futures.ThreadPoolExecutor(cpus()) as pool:
        for findings in pool.map(function, items):
            yield from findings


def include_flags(root):
    """Include directories that configured builds use: generated and third-party headers."""
    flags = ["-I", str(root)]
    seen = set()
    for build in ("dev", "release", "asan"):
        database = root / "build" / build / "compile_commands.json"
        if not database.exists():
            continue
        for entry in json.loads(database.read_text()):
            words = shlex.split(entry["command"])
            for i, word in enumerate(words):
                if word.startswith("-I") and len(word) > 2:
                    seen.add(("-I", word[2:]))
                elif word == "-isystem":
                    seen.add(("-isystem", words[i + 1]))
        break
    for flag, path in sorted(seen):
        flags += [flag, path]
    return flags


def proven_by_build(tree, path):
    """x.cc includes x.h first (N5-own), so the build itself compiles x.h alone."""
    return path[:-len("h")] + "cc" in tree.files


def headers(tree, paths):
    """N5-header: each header compiles as the only include of a file."""
    flags = include_flags(tree.root)

    def one(path):
        result = subprocess.run(
            [CLANG, "-std=c++20", "-fsyntax-only", *WARNINGS, *flags, "-include", path,
             "-x", "c++", "/dev/null"],
            cwd=tree.root, capture_output=True, text=True)
        if result.returncode == 0:
            return []
        first = next((l for l in result.stderr.splitlines() if "error:" in l), result.stderr[:200])
        return [Finding(path, 1, "N5-header", f"does not compile alone: {first.strip()}")]

    return each(one, sorted(p for p in paths if p.endswith(".h") and p in tree.files
                            and not proven_by_build(tree, p)))


def formatting(tree, paths, fix):
    """N5-format: clang-format decides. Many files a call: starting it costs more than a file."""
    def some(group):
        command = [FORMAT, "-i", *group] if fix else [FORMAT, "--dry-run", "-Werror", *group]
        result = subprocess.run(command, cwd=tree.root, capture_output=True, text=True)
        if result.returncode == 0:
            return []
        lines = {}  # path: the first line that is not as it should be
        for message in result.stderr.splitlines():
            if ": error:" in message:
                path, line = message.split(":")[:2]
                lines.setdefault(path, int(line) if line.isdigit() else 1)
        if not lines:
            return [Finding(group[0], 1, "N5-format", f"{FORMAT}: {result.stderr[:200].strip()}")]
        return [Finding(path, line, "N5-format", "not formatted: run `make fmt`")
                for path, line in lines.items()]

    wanted = sorted(p for p in paths if p.endswith((".h", ".cc")) and p in tree.files)
    return each(some, [wanted[i:i + FORMAT_GROUP] for i in range(0, len(wanted), FORMAT_GROUP)])


def tidy(tree, paths):
    """H3: the few clang-tidy checks that .clang-tidy makes errors. Needs a configured build/dev."""
    build = tree.root / "build" / "dev"
    if not (build / "compile_commands.json").exists():
        yield Finding("build/dev", 1, "H3", "is not configured: run `make dev` before `--tidy`")
        return
    known = {os.path.relpath(e["file"], tree.root)
             for e in json.loads((build / "compile_commands.json").read_text())}

    def one(path):
        result = subprocess.run([TIDY, "--quiet", "-p", str(build), path], cwd=tree.root,
                                capture_output=True, text=True)
        findings = []
        for line in result.stdout.splitlines():
            if ": error: " in line or ": warning: " in line:
                file, number, _, text = line.split(":", 3)
                findings.append(Finding(os.path.relpath(file, tree.root), int(number), "H3",
                                        text.strip()))
        return findings

    yield from each(one, sorted(p for p in paths if p in known))
