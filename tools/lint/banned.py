"""S1, L2, L4, X1, E1, C3, C6: calls and types that this code base does without, and what it does instead.

Adding a rule is adding a row, with its replacement; tools/lint/lint_test.py must get a row too.
"""

import re
from dataclasses import dataclass

from source import Finding

TESTS = ("tests/", "bench/")
OUTSIDE = ("tools/", *TESTS)  # commands, tests and benchmarks run no shard


@dataclass(frozen=True)
class Ban:
    rule: str
    pattern: re.Pattern
    instead: str
    allowed: tuple = ()    # path prefixes where it may stand
    only: tuple = ()       # path prefixes where the ban applies; empty = everywhere
    in_tests: bool = True  # tests and their helpers beside the code may use it


def ban(rule, pattern, instead, **kwargs):
    return Ban(rule, re.compile(pattern, re.M), instead, **kwargs)


FREE = r"(?<![\w.:>])(?:std::|::)?"  # a free function: not a member, not another namespace's

BANS = [
    # S1: time, entropy, sockets, threads come through the seams, or a simulation cannot replay.
    ban("S1-time", r"(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)"
        r"|" + FREE + r"(?:clock_gettime|gettimeofday|timespec_get|clock)\s*\("
        r"|\b(?:steady_clock|system_clock|high_resolution_clock|MonoClock)::now\s*\(",
        "take the time from the shard's Clock (refreshed once per reactor turn)",
        allowed=("shard/runtime/", *OUTSIDE)),
    ban("S1-entropy", FREE + r"(?:rand|srand|random|drand48|getrandom|getentropy|arc4random)\s*\("
        r"|\bstd::(?:random_device|mt19937(?:_64)?|default_random_engine)\b",
        "use the shard's seeded Rng (core/base/rng.h); secrets come from core/crypto",
        allowed=("core/crypto/", *OUTSIDE), in_tests=False),
    ban("S1-names", FREE + r"(?:getaddrinfo|getnameinfo|gethostby\w+|res_n?(?:query|search))\s*\(",
        "ask the resolver of dns/ (asynchronous, cached, simulated in tests)"),
    ban("S1-thread", r"\bstd::(?:thread|jthread|async)\b(?!::id)|\bpthread_create\s*\(",
        "run blocking work on the Offload pool; threads start in shard/runtime only",
        allowed=("shard/runtime/", *OUTSIDE)),
    ban("S1-sleep", r"\bthis_thread::sleep_(?:for|until)\s*\(|" + FREE + r"(?:sleep|usleep|nanosleep)\s*\(",
        "await a timer; a test advances virtual time or waits on a condition",
        allowed=("bench/",), in_tests=False),
    ban("S1-socket", r"(?<![\w>)])::(?:socket|connect|bind|listen|accept4?|recv(?:from|msg)?"
        r"|send(?:to|msg)?|epoll_\w+)\s*\(",
        "submit it through the reactor's Io (shard/runtime), or shard/net",
        allowed=("shard/runtime/", "shard/net/", *OUTSIDE)),
    ban("S1-process", FREE + r"(?:system|popen|fork|vfork|posix_spawnp?|execv\w*)\s*\(",
        "child processes belong to deliver/ through the Offload pool",
        allowed=("deliver/", *OUTSIDE)),
    # X1: a shard shares nothing.
    ban("X1-lock", r"\bstd::(?:(?:recursive_|shared_|timed_)?mutex|condition_variable(?:_any)?)\b",
        "post a message to the owner; shards share nothing",
        allowed=("shard/runtime/", *OUTSIDE)),
    # L2, L4: the language subset.
    ban("L2-throw", r"\bthrow\b", "return Result<T>; a library's exception ends at its wrapper",
        allowed=("tests/",)),
    ban("L4-regex", r"\bstd::(?:regex|wregex|smatch|cmatch)\b|#\s*include\s*<regex>",
        "hand-write it over Cursor (core/text), or use PCRE2 through core/lookup"),
    ban("L4-function", r"\bstd::function\b",
        "a template parameter, an interface, or a function pointer with context: it allocates",
        only=("core/base/", "core/mem/", "core/text/", "core/mail/", "core/lookup/", "core/obs/",
              "shard/", "dns/", "policy/", "smtp/", "deliver/", "http/")),
    ban("L4-shared", r"\bstd::(?:shared_ptr|make_shared|weak_ptr|enable_shared_from_this)\b",
        "one owner (unique_ptr or value), references for the rest; snapshots swap by message",
        allowed=("shard/sim/", *OUTSIDE)),
    ban("L4-iostream", r"#\s*include\s*<(?:iostream|fstream|sstream|ostream|istream|iomanip)>",
        "fmt for text, core/obs for logs, shard/queue or the Offload pool for files",
        allowed=OUTSIDE),
    ban("L4-scan", FREE + r"(?:sprintf|vsprintf|strcpy|strcat|strtok|gets|sscanf|ato[ifl]l?"
        r"|strto(?:u?ll?|d|f))\s*\(",
        "std::from_chars, fmt, or Cursor: these hide overflow and errors"),
    ban("L4-reentrant", FREE + r"(?:localtime|gmtime|asctime|ctime|inet_ntoa|readdir_r)\s*\(",
        "the _r form, or core/text: the result is shared by all threads"),
    # E1: a bug is a BARID_ASSERT.
    ban("E1-assert", FREE + r"assert\s*\(|#\s*include\s*<cassert>",
        "BARID_ASSERT (always on), or static_assert", in_tests=False),
    ban("E1-exit", FREE + r"(?:exit|_exit|quick_exit|abort)\s*\(",
        "return an Error; only main ends the process",
        allowed=("core/base/assert.cc", *OUTSIDE)),
    # Coroutines.
    ban("C3-lambda", r"\[[^\[\]\n]+\]\s*(?:\([^()]*\))?\s*(?:mutable\s*)?(?:noexcept\s*)?->\s*"
        r"(?:\w+::)*Task<",
        "a named function with parameters by value: a lambda's captures die with the lambda"),
    ban("C6-detach", r"\.detach\s*\(\s*\)", "start it in a Scope that is joined before its owner dies"),
    # Headers.
    ban("N1-using", r"^\s*using\s+namespace\s+std\s*;", "name what you use"),
]


def applies(rule, source):
    if rule.only and not source.path.startswith(rule.only):
        return False
    if source.path.startswith(rule.allowed) if rule.allowed else False:
        return False
    return not (source.is_test and not source.path.startswith(TESTS) and rule.in_tests)


def check(tree):
    for source in tree.cpp():
        for rule in BANS:
            if not applies(rule, source):
                continue
            for match in rule.pattern.finditer(source.code):
                start = match.start() + len(match[0]) - len(match[0].lstrip())
                what = " ".join(match[0].split())
                yield Finding(source.path, source.line_of(start), rule.rule,
                              f"`{what}`: {rule.instead}")
