"""Writes the files of a folder as C++ constants: python3 embed.py FOLDER OUTPUT.cc

Each file gets a tag of its bytes and a gzipped twin where that is smaller by a tenth. The output
depends on the files' names and bytes alone.
"""

import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
HEAD = """// Made by http/console/embed.py of the files in http/console/page.
#include "http/console/console.h"

namespace barid::http {
namespace {

using namespace std::string_view_literals;

constexpr ConsoleFile kFiles[] = {
"""
TAIL = """};

}  // namespace

std::span<const ConsoleFile> console_files() noexcept { return kFiles; }

}  // namespace barid::http
"""
LINE_BYTES = 64


def literal(data):
    """Octal escapes have a fixed width, so no digit that follows joins them."""
    if not data:
        return '""sv'
    lines = []
    for start in range(0, len(data), LINE_BYTES):
        lines.append('"' + "".join(f"\\{byte:03o}" for byte in data[start:start + LINE_BYTES]) + '"')
    return "\n     ".join(lines) + "sv"


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    text = HEAD
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        zipped = gzip.compress(data, 9, mtime=0)
        if len(zipped) > len(data) * 0.9:
            zipped = b""
        path = "/console/" + ("" if file.name == "index.html" else file.name)
        text += (f'    {{"{path}"sv, "{TYPES[file.suffix]}"sv, "{hashlib.sha256(data).hexdigest()[:20]}"sv,\n'
                 f"     {literal(data)},\n     {literal(zipped)}}},\n")
    output.write_text(text + TAIL)


main()
