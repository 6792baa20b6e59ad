#!/usr/bin/env python3
"""Goal: every lint rule catches what it is for and leaves good code alone.
Method: rows of (rule, path, text); each text is a tree of one file, plus shared headers for layers."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import banned  # noqa: E402
import compiled  # noqa: E402
import layers  # noqa: E402
import rfc  # noqa: E402
import sizes  # noqa: E402
import text  # noqa: E402
from source import Source, Tree  # noqa: E402

BANNER = "// What it is.\n// Layer: core/base, pure.\n#pragma once\n"


def tree_of(files):
    tree = Tree(pathlib.Path("/nonexistent"), [])
    tree.files = {path: Source(path, raw) for path, raw in files.items()}
    return tree


def rules_in(module, path, raw, **others):
    found = module.check(tree_of({path: raw, **others}))
    return {f.rule for f in found if f.path == path}


# (rule, path, bad text)
BAD = [
    ("S1-time", "smtp/server/a.cc", "auto t = time(nullptr);"),
    ("S1-time", "shard/queue/a.cc", "auto t = std::chrono::steady_clock::now();"),
    ("S1-time", "core/obs/a.cc", "::clock_gettime(CLOCK_REALTIME, &ts);"),
    ("S1-entropy", "smtp/server/a.cc", "int x = rand();"),
    ("S1-entropy", "shard/queue/a_test.cc", "std::random_device device;"),
    ("S1-names", "smtp/client/a.cc", "getaddrinfo(host, nullptr, &hints, &list);"),
    ("S1-names", "tools/barid/a.cc", "auto* h = ::gethostbyname(name);"),
    ("S1-thread", "dns/a.cc", "std::thread t(run);"),
    ("S1-thread", "shard/queue/a.cc", "auto f = std::async(run);"),
    ("S1-sleep", "tests/sim/a.cc", "std::this_thread::sleep_for(1s);"),
    ("S1-sleep", "shard/net/a_test.cc", "usleep(1000);"),
    ("S1-socket", "smtp/client/a.cc", "int fd = ::socket(AF_INET, SOCK_STREAM, 0);"),
    ("S1-process", "smtp/server/a.cc", "system(command);"),
    ("X1-lock", "shard/schedule/a.cc", "std::mutex mutex_;"),
    ("L2-throw", "core/text/a.cc", "if (bad) throw 1;"),
    ("L4-regex", "core/mail/a.cc", "std::regex pattern(\"a\");"),
    ("L4-function", "smtp/proto/a.h", "std::function<void()> callback;"),
    ("L4-shared", "policy/a.cc", "auto p = std::make_shared<Rule>();"),
    ("L4-iostream", "core/config/a.cc", "#include <fstream>\n"),
    ("L4-scan", "core/config/a.cc", "int n = atoi(text);"),
    ("L4-scan", "core/config/a.cc", "auto n = std::strtoul(text, nullptr, 10);"),
    ("L4-reentrant", "core/text/a.cc", "auto* t = gmtime(&now);"),
    ("E1-assert", "core/text/a.cc", "assert(x > 0);"),
    ("E1-exit", "smtp/server/a.cc", "std::abort();"),
    ("C3-lambda", "smtp/server/a.cc", "auto f = [this](int x) -> Task<int> { co_return x; };"),
    ("C3-lambda", "smtp/server/a.cc", "scope.spawn([&]() mutable -> rt::Task<void> { co_return; });"),
    ("C6-detach", "tools/barid/a.cc", "worker.detach();"),
    ("N1-using", "core/text/a.cc", "using namespace std;"),
]

GOOD = [
    ("smtp/server/a.cc", "// time(nullptr) and std::thread stand in a comment\n"),
    ("smtp/server/a.cc", 'const char* kText = "getaddrinfo( rand() throw";'),
    ("smtp/server/a.cc", "auto t = env.clock().now(); auto u = record.time(0); rows.sleep(1);"),
    ("smtp/server/a.cc", "scope.exit(); parser::system(x); my_rand(); kThrow = 1; static_assert(true);"),
    ("smtp/server/a.cc", "auto f = [this](int x) { return x; }; auto g = [](int x) -> Task<int>;"),
    ("smtp/server/a.cc", "int n = 1'000'000; char c = '\"'; call(c, \"x\");"),
    ("shard/runtime/a.cc", "std::thread t(run); auto n = std::chrono::steady_clock::now();"),
    ("shard/runtime/a.cc", "thread_.joinable(); std::thread::id who;"),
    ("tools/barid/a.cc", "#include <iostream>\nint main() { std::exit(1); }"),
    ("core/config/a.h", "std::function<void()> on_load;"),
    ("dns/test_server.h", "int fd = ::socket(AF_INET, SOCK_DGRAM, 0);"),
    ("dns/a_test.cc", "using namespace std::chrono_literals;"),
    ("shard/net/a_test.cc", "std::thread t(run); auto p = std::make_shared<int>(1);"),
]


class Banned(unittest.TestCase):
    def test_bad_snippets_are_caught(self):
        for rule, path, raw in BAD:
            with self.subTest(rule=rule, raw=raw):
                self.assertIn(rule, rules_in(banned, path, raw))

    def test_good_snippets_pass(self):
        for path, raw in GOOD:
            with self.subTest(path=path, raw=raw):
                self.assertEqual(rules_in(banned, path, raw), set())

    def test_every_rule_has_a_bad_snippet(self):
        self.assertEqual({b.rule for b in banned.BANS} - {rule for rule, _, _ in BAD}, set())

    def test_the_line_is_that_of_the_call(self):
        found = list(banned.check(tree_of({"dns/a.cc": "int a;\n\n  rand();\n"})))
        self.assertEqual([f.line for f in found], [3])


class Layers(unittest.TestCase):
    ROWS = [  # (file, include, rule or None)
        ("core/text/a.cc", '"core/base/result.h"', None),
        ("core/base/a.cc", '"core/base/b.h"', None),
        ("core/base/a.cc", '"core/text/b.h"', "A1"),
        ("core/text/a.cc", '"core/mem/b.h"', "A1"),
        ("policy/a.cc", '"smtp/proto/b.h"', "A1"),
        ("smtp/server/a.cc", '"smtp/proto/b.h"', None),
        ("smtp/server/a.cc", '"smtp/client/b.h"', "A1"),
        ("smtp/proto/a.cc", '"core/mail/b.h"', None),
        ("smtp/proto/a.cc", '"core/config/b.h"', "A1"),
        ("http/a.cc", '"smtp/proto/b.h"', "A1"),
        ("smtp/server/a.cc", '"elsewhere/b.h"', "A1"),
        ("smtp/server/a.cc", '"reply.h"', "A1"),
        ("tools/barid/a.cc", '"shard/queue/b.h"', None),
        ("shard/net/a_test.cc", '"shard/sim/world.h"', None),
        ("shard/net/a.cc", '"shard/sim/world.h"', "A1"),
        ("shard/queue/a.cc", "<rocksdb/db.h>", None),
        ("shard/schedule/a.cc", "<rocksdb/db.h>", "A5"),
        ("smtp/server/a.cc", "<liburing.h>", "A5"),
        ("smtp/server/a.cc", "<CLI/CLI.hpp>", "A5"),
        ("smtp/server/a.cc", "<gtest/gtest.h>", "A5"),
        ("smtp/server/a_test.cc", "<gtest/gtest.h>", None),
        ("dns/a.cc", "<unbound.h>", None),
        ("dns/a.cc", "<absl/types/span.h>", None),
        ("dns/a.cc", '"absl/types/span.h"', "N5-quotes"),
        ("dns/a.cc", '"unbound.h"', "N5-quotes"),
    ]

    def test_rows(self):
        for path, include, rule in self.ROWS:
            with self.subTest(path=path, include=include):
                found = rules_in(layers, path, f"#include {include}\n")
                self.assertEqual(found, {rule} if rule else set())

    def test_third_party_header_must_not_leak_through_ours(self):
        home = {"shard/queue/inner.h": "#include <rocksdb/db.h>\n",
                "shard/queue/outer.h": '#include "shard/queue/inner.h"\n'}
        user = '#include "shard/queue/outer.h"\n'
        self.assertEqual(rules_in(layers, "tools/barid/a.cc", user, **home), {"A5"})
        self.assertEqual(rules_in(layers, "shard/queue/a.cc", user, **home), set())

    def test_every_folder_with_code_has_a_layer(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        for source in Tree(root).cpp():
            with self.subTest(path=source.path):
                self.assertIsNotNone(layers.owner(source.path))


def function(name, lines):
    return f"int {name}(int x) {{\n" + "  x += 1;\n" * (lines - 2) + "}\n"


class Sizes(unittest.TestCase):
    def test_function_names_and_lengths(self):
        raw = ("namespace a {\nstruct S {\n  S(int x) : a_{x}, b_(x) {\n    go();\n  }\n"
               "  int a_;\n  int b_ = 3;\n};\nconstexpr int kRows[] = {1, 2};\n"
               "template <typename T>\nauto f(T x = T{}) -> int {\n  if (x) {\n    return 1;\n  }\n"
               "  return [&] { return 2; }();\n}\n}  // namespace a\nenum class E { kA };\n"
               "bool operator==(S, S) { return true; }\n")
        got = [(name, last - first + 1) for name, first, last in sizes.functions(Source("a.cc", raw))]
        self.assertEqual(got, [("S", 3), ("f", 7), ("operator==", 1)])

    def test_long_function(self):
        limit = sizes.FUNCTION_LINES_MAX
        for lines, expected in ((limit, set()), (limit + 1, {"A3-function"})):
            with self.subTest(lines=lines):
                self.assertEqual(rules_in(sizes, "core/text/a.cc", function("f", lines)), expected)

    def test_ratchet_only_goes_down(self):
        for lines, where in ((100, None), (101, "dns/a.cc"), (99, sizes.RATCHET),
                             (10, sizes.RATCHET)):
            with self.subTest(lines=lines):
                found = list(sizes.check(tree_of({"dns/a.cc": function("f", lines),
                                                  sizes.RATCHET: "dns/a.cc\tf\t100\n"})))
                self.assertEqual([f.path for f in found], [where] if where else [])

    def test_long_file(self):
        limit = sizes.FILE_LINES_MAX
        self.assertEqual(rules_in(sizes, "dns/a.cc", "int a;\n" * limit), set())
        self.assertEqual(rules_in(sizes, "dns/a.cc", "int a;\n" * (limit + 1)), {"A3-file"})


class Text(unittest.TestCase):
    ROWS = [  # (path, text, rules)
        ("core/base/a.h", BANNER, set()),
        ("core/base/a.h", "#pragma once\n", {"N6"}),
        ("core/base/a.h", "// What it is.\n#pragma once\n", {"N6"}),
        ("core/base/a.h", "// What it is.\n// Layer: pure.\n", {"N1"}),
        ("dns/a.cc", "// TODO: later\n", {"N8"}),
        ("dns/a.cc", "// TODO(#12): later\n", set()),
        ("dns/a.cc", "// FIXME\n", {"N8"}),
        ("dns/a.cc", 'log("TODO");\n', set()),
        ("deploy/a.sh", "# XXX\n", {"N8"}),
        ("dns/a.cc", "  // return x;\n", {"W1"}),
        ("dns/a.cc", "// return the name as it stands\n", set()),
        ("dns/a.cc", "//   for (;;) {\n", set()),
        ("dns/a.cc", "// not yet implemented\n", {"W1"}),
        ("dns/a.cc", 'reply("502 5.5.1 Command not implemented");\n', set()),
        ("docs/a.md", "see /home/somebody/notes\n", {"W1"}),
        ("docs/a.md", "<<<<<<< ours\n", {"W1"}),
        ("docs/a.md", "[gone](no/such/file.md)\n", {"D1"}),
        ("docs/a.md", "[web](https://example.org/) [here](#part)\n", set()),
    ]

    def test_rows(self):
        for path, raw, rules in self.ROWS:
            with self.subTest(path=path, raw=raw):
                self.assertEqual(rules_in(text, path, raw), rules)

    def test_own_header_comes_first(self):
        header = {"dns/a.h": BANNER}
        for raw, rules in (('#include "dns/a.h"\n#include <string>\n', set()),
                           ('#include <string>\n#include "dns/a.h"\n', {"N5-own"})):
            self.assertEqual(rules_in(text, "dns/a.cc", raw, **header), rules)
        self.assertEqual(rules_in(text, "dns/b.cc", "#include <string>\n", **header), set())

    def test_each_folder_has_a_short_readme(self):
        code = {"dns/a.cc": "int a;\n"}
        def rules(readme):
            files = code | ({"dns/README.md": readme} if readme else {})
            return {f.rule for f in text.check(tree_of(files))}
        self.assertEqual(rules(None), {"A7"})
        self.assertEqual(rules("line\n" * 61), {"A7"})
        self.assertEqual(rules("line\n" * 60), set())


class Rfc(unittest.TestCase):
    def test_citations(self):
        rows = [
            ("RFC 5321 4.1.1.3", [("5321", "4.1.1.3")]),
            ("RFC 5321 4.2 (syntax), 4.5.3.1.5 (length).", [("5321", "4.2"), ("5321", "4.5.3.1.5")]),
            ("RFC 6152, 3030 (BODY)", [("6152", ""), ("3030", "")]),
            ("RFC 3461 (DSN parameters), RFC 2920 3.1", [("3461", ""), ("2920", "3.1")]),
            ("RFC 5321 says 250", [("5321", "")]),
        ]
        for raw, expected in rows:
            with self.subTest(raw=raw):
                self.assertEqual(rfc.cited(raw), expected)

    def test_wrapped_comment_and_test_name(self):
        tree = tree_of({"dns/a.cc": "// as RFC 1035\n// 4.1.4 says\n",
                        "dns/a_test.cc": "TEST(Name, Rfc1035_4_1_4) {}\n"})
        self.assertEqual(rfc.coverage(tree),
                         {("1035", "4.1.4"): ({"dns/a.cc"}, {"dns/a_test.cc"})})

    def test_stale_document_and_sloppy_citation(self):
        tree = tree_of({"dns/a.cc": "// RFC5321 and RFC 5321 section 4\n"})
        self.assertEqual([f.rule for f in rfc.check(tree)], ["N7", "N7", "N7"])
        good = {"dns/a.cc": "// RFC 5321 4.2\n"}
        good[rfc.DOCUMENT] = rfc.document(tree_of(good))
        self.assertEqual(list(rfc.check(tree_of(good))), [])


class Compiled(unittest.TestCase):
    def test_header_and_format(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / ".clang-format").write_text("BasedOnStyle: Google\n")
            (root / "good.h").write_text("#pragma once\n#include <string>\nstd::string f();\n")
            (root / "bad.h").write_text("#pragma once\n std::string  f( );\n")
            tree = Tree(root, ["good.h", "bad.h"])
            paths = set(tree.files)
            self.assertEqual([(f.path, f.rule) for f in compiled.headers(tree, paths)],
                             [("bad.h", "N5-header")])
            self.assertEqual([f.path for f in compiled.formatting(tree, paths, fix=False)],
                             ["bad.h"])
            list(compiled.formatting(tree, paths, fix=True))
            self.assertEqual(list(compiled.formatting(tree, paths, fix=False)), [])


class AllowList(unittest.TestCase):
    def test_unused_and_unexplained_lines_are_findings(self):
        from importlib.machinery import SourceFileLoader
        from importlib.util import module_from_spec, spec_from_loader
        here = pathlib.Path(__file__).resolve().parent
        sys.dont_write_bytecode = True
        loader = SourceFileLoader("lint_run", str(here / "run"))
        module = module_from_spec(spec_from_loader("lint_run", loader))
        loader.exec_module(module)
        files = {"dns/a.cc": "std::thread t(run);\n"}
        rows = [
            ("S1-thread\tdns/a.cc\ta reason that says why\n", []),
            ("S1-thread\tdns/a.cc\tshort\n", ["allow", "S1-thread"]),
            ("X1-lock\tdns/b.cc\ta reason that says why\n", ["S1-thread", "allow"]),
        ]
        for listing, expected in rows:
            with self.subTest(listing=listing):
                tree = tree_of({**files, module.ALLOW: listing})
                self.assertEqual([f.rule for f in module.filtered(tree, banned.check(tree))], expected)


class Command(unittest.TestCase):
    def test_help_and_scope(self):
        run = pathlib.Path(__file__).resolve().parent / "run"
        result = subprocess.run([run, "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("file:line", result.stdout)


if __name__ == "__main__":
    unittest.main()
