"""The description of the API: read from its parts, formatted, built in.

  python3 description.py --cc OUTPUT.cc     the whole as C++
  python3 description.py --json             the whole on standard output
  python3 description.py --format           rewrites parts/ in the one form that they have
  python3 description.py --check            says which parts are not in that form; exit 1 then

A part is a JSON file about one subject; the whole is all of them, member by member, and no member
comes from two. What the server's engine adds to every answer is added here to every answer too:
`x-headers` of parts/api.json names the headers of all answers and of those to calls with a key.
"""

import json
import pathlib
import sys

PARTS = pathlib.Path(__file__).resolve().parent / "parts"
COLUMNS = 120
NESTED_MAX = 3
PIECE_BYTES = 16 * 1024  # compilers need not take longer literals than 64 KiB
HEAD = """// Made by http/openapi/description.py of the files in http/openapi/parts.
#include "http/openapi/openapi.h"

namespace barid::http {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPieces[] = {
"""
TAIL = """};

}  // namespace

std::span<const std::string_view> openapi_document() noexcept { return kPieces; }

}  // namespace barid::http
"""


def part_files():
    return sorted(PARTS.glob("*.json"))


def unique(pairs):
    """An object whose names are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a name twice in {sorted(name for name, _ in pairs)}")
    return found


def join(whole, part, place):
    for name, value in part.items():
        if name not in whole:
            whole[name] = value
        elif isinstance(value, dict) and isinstance(whole[name], dict) and place in ("", "components"):
            join(whole[name], value, name)
        else:
            raise ValueError(f"{place}/{name} is in two parts")


def add_headers(answer, names):
    headers = answer.setdefault("headers", {})
    for name in names:
        headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def load():
    """The whole document."""
    whole = {}
    for file in part_files():
        try:
            join(whole, json.loads(file.read_text(), object_pairs_hook=unique), "")
        except ValueError as error:
            raise SystemExit(f"{file}: {error}") from error
    order = ("openapi", "info", "servers", "security", "tags", "paths", "components")
    added = whole.pop("x-headers")
    whole = {name: whole.pop(name) for name in order} | whole
    for item in whole["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            keyed = operation.get("security", whole["security"]) != []
            for answer in operation["responses"].values():
                if "$ref" not in answer:
                    add_headers(answer, added["all"] + (added["keyed"] if keyed else []))
    for answer in whole["components"]["responses"].values():
        add_headers(answer, added["all"] + added["keyed"])
    return whole


def formatted(value, indent=0):
    """What fits into a line stands in one."""
    line = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        line = "{ " + line[1:-1] + " }"
    if not isinstance(value, (dict, list)) or not value or (len(line) + indent <= COLUMNS and is_flat(value)):
        return line
    margin = " " * (indent + 2)
    if isinstance(value, list):
        body = ",\n".join(margin + formatted(item, indent + 2) for item in value)
        return "[\n" + body + "\n" + " " * indent + "]"
    body = ",\n".join(f"{margin}{json.dumps(name)}: {formatted(item, indent + 2)}" for name, item in value.items())
    return "{\n" + body + "\n" + " " * indent + "}"


def is_flat(value, depth=0):
    """Three levels of nesting are what reads well in a line."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is None or (depth < NESTED_MAX and all(is_flat(item, depth + 1) for item in inner))


def unformatted():
    """(file, its text as it should be) of those that are not."""
    for file in part_files():
        old = file.read_text()
        new = formatted(json.loads(old, object_pairs_hook=unique)) + "\n"
        if new != old:
            yield file, new


def literal(data):
    """Octal escapes have a fixed width, so no digit that follows joins them."""
    plain = {ord(c) for c in " !#$%&'()*+,-./:;<=>@[]^_`{|}~"} | set(range(48, 58)) | set(range(65, 91)) | set(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data) + '"sv'


def source():
    data = json.dumps(load(), ensure_ascii=False, separators=(",", ":")).encode()
    pieces = [data[start:start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
    return HEAD + "".join(f"    {literal(piece)},\n" for piece in pieces) + TAIL


def main():
    if sys.argv[1:2] == ["--cc"] and len(sys.argv) == 3:
        pathlib.Path(sys.argv[2]).write_text(source())
    elif sys.argv[1:] == ["--json"]:
        print(json.dumps(load(), ensure_ascii=False, indent=1))
    elif sys.argv[1:] == ["--format"]:
        for file, text in unformatted():
            file.write_text(text)
    elif sys.argv[1:] == ["--check"]:
        bad = [file.name for file, _ in unformatted()]
        raise SystemExit(f"not formatted: {', '.join(bad)}" if bad else 0)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
