"""The tree as the lint rules see it: files, and C++ text with comments and literals blanked out."""

import functools
import pathlib
import re
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str  # what is wrong, and what to do instead

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


# Comments and literals of C++. A quote after a digit is a separator: 1'000.
TOKEN = re.compile(
    r'(?P<comment>//(?:[^\\\n]|\\.|\\\n)*|/\*.*?\*/)'
    r'|(?P<literal>R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')",
    re.S)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file. `raw` is what stands there; `code` and `comments` keep its line structure."""

    def __init__(self, path, raw):
        self.path = path
        self.raw = raw

    @property
    def folder(self):
        return str(pathlib.PurePosixPath(self.path).parent)

    @property
    def is_cpp(self):
        return self.path.endswith((".h", ".cc"))

    @property
    def is_header(self):
        return self.path.endswith(".h")

    @property
    def is_test(self):
        """Tests, benchmarks and what helps them: not part of what runs in production."""
        name = self.path.rsplit("/", 1)[-1]
        return (self.path.startswith(("tests/", "bench/")) or name.startswith("test_")
                or bool(re.search(r"_(?:test|fuzz|bench)\.cc$|_test_\w+\.(?:h|cc)$", name)))

    @functools.cached_property
    def _split(self):
        code, comments, at = [], [], 0
        for match in TOKEN.finditer(self.raw):
            between = self.raw[at:match.start()]
            code.append(between)
            comments.append(blank(between))
            if match["comment"]:
                code.append(blank(match[0]))
                comments.append(match[0])
            else:
                inside = match[0]
                code.append(inside[0] + blank(inside[1:-1]) + inside[-1])
                comments.append(blank(inside))
            at = match.end()
        code.append(self.raw[at:])
        comments.append(blank(self.raw[at:]))
        return "".join(code), "".join(comments)

    @property
    def code(self):
        return self._split[0]

    @property
    def comments(self):
        return self._split[1]

    def line_of(self, offset):
        return self.raw.count("\n", 0, offset) + 1

    @functools.cached_property
    def includes(self):
        """[(line, name, quoted)] of every #include."""
        pattern = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
        return [(self.line_of(m.start()), m[1] or m[2], m[1] is not None)
                for m in pattern.finditer(self.raw)]


class Tree:
    """All text files of the project, by path from its root."""

    def __init__(self, root, paths=None):
        self.root = pathlib.Path(root)
        self.files = {}
        for path in sorted(paths if paths is not None else listed(self.root)):
            try:
                raw = (self.root / path).read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
                continue  # binary files have no rules; a listed file may be deleted
            self.files[path] = Source(path, raw)

    def cpp(self):
        return [f for f in self.files.values() if f.is_cpp]

    def headers(self):
        return [f for f in self.files.values() if f.is_header]


def listed(root):
    """Paths that git knows or would add."""
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=root, check=True, capture_output=True).stdout
    return {p.decode() for p in out.split(b"\0") if p}


def changed(root):
    """Paths that differ from the last commit, or all where there is none yet."""
    head = subprocess.run(["git", "rev-parse", "--verify", "-q", "HEAD"], cwd=root,
                          capture_output=True)
    if head.returncode != 0:
        return listed(root)
    base = subprocess.run(["git", "merge-base", "HEAD", "origin/main"], cwd=root,
                          capture_output=True, text=True)
    since = base.stdout.strip() if base.returncode == 0 else "HEAD"
    diff = subprocess.run(["git", "diff", "--name-only", "-z", "--diff-filter=d", since], cwd=root,
                          check=True, capture_output=True).stdout
    new = subprocess.run(["git", "ls-files", "-z", "--others", "--exclude-standard"], cwd=root,
                         check=True, capture_output=True).stdout
    return {p.decode() for p in (diff + new).split(b"\0") if p}
