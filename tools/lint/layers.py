"""A1: a file includes only lower layers or its own folder. A5: third-party headers stay at home."""

from source import Finding

# Folder -> layer. A file may include what stands lower, and its own folder. The decimals order
# folders that docs/style.md puts on one line. The longest matching folder counts.
LAYERS = {
    "core/base": 1,
    "core/mem": 2, "core/text": 2,
    "core/mail": 3,
    "core/lookup": 4.0, "core/crypto": 4.0, "core/obs": 4.0, "core/config": 4.1,
    "shard/runtime": 5.0, "shard/net": 5.1,
    "shard/queue": 6.0, "shard/schedule": 6.1,
    "dns": 7,
    "policy": 8,
    "smtp/proto": 9.0, "smtp/sasl": 9.1, "smtp/server": 9.2, "smtp/client": 9.2,
    "http": 10, "deliver": 10,
    "shard/sim": 11, "tools": 11, "tests": 12, "bench": 12,
}

# Pure folders may look down only this far.
CEILING = {"smtp/proto": 3}

# Pairs that the numbers would allow and the architecture does not.
FORBIDDEN = {
    ("http", "smtp"): "http and smtp meet only in the submission type (core/mail)",
}

# Leaf headers of a folder that lower ones may use: value types that include only core/base.
SHARED_LEAVES = {"shard/runtime": ("shard/net/socket_address.h",)}

# Header prefix -> folders that may include it. Tests and benchmarks may include anything.
VENDORS = {
    "rocksdb/": ["shard/queue"],
    "liburing": ["shard/runtime"],
    "isa-l/": ["shard/queue"],
    "xxhash.h": ["shard/queue"],
    "unbound.h": ["dns"],
    "openssl/": ["core/crypto", "shard/net"],
    "pcre2": ["core/lookup"],
    "db.h": ["core/lookup"],
    "lmdb.h": ["core/lookup"],
    "cdb.h": ["core/lookup"],
    "jemalloc/": ["core/mem", "tools"],
    "idn2.h": ["dns"],
    "google/protobuf": ["shard/queue"],
    "boost/beast": ["http"],
    "boost/json": ["tools"],
    "simdjson": ["http"],
    "zlib.h": ["http", "deliver"],
    "gmime/": ["http"],
    "curl/": ["http", "tools"],
    "gsasl.h": ["smtp/sasl"],
    "CLI/": ["tools", "bench"],
    "gtest/": [],
    "gmock/": [],
    "benchmark/": ["bench"],
}
# Everywhere, but with angle brackets like any other library.
COMMON = ("absl/", "fmt/")


def owner(path):
    """The longest folder of LAYERS that holds the path, or None."""
    folder = path
    while "/" in folder:
        folder = folder.rsplit("/", 1)[0]
        if folder in LAYERS:
            return folder
    return None


def vendor_of(name):
    for prefix, homes in VENDORS.items():
        if name.startswith(prefix):
            return prefix, homes
    return None, None


def check_layer(source, target, line):
    here, there = owner(source.path), owner(target)
    if here is None or here == there:
        return None
    if there is None:
        return Finding(source.path, line, "A1",
                       f"includes {target}, which no layer holds: write the path from the "
                       "repository root, or give its folder a layer in tools/lint/layers.py")
    if source.is_test and LAYERS[there] >= LAYERS["shard/sim"]:
        return None  # tests may drive anything through the simulation and test support
    if target in SHARED_LEAVES.get(here, ()):
        return None
    for (low, high), why in FORBIDDEN.items():
        if here.split("/")[0] == low and there.split("/")[0] == high:
            return Finding(source.path, line, "A1", f"includes {target}: {why}")
    ceiling = CEILING.get(here)
    if ceiling is not None and not source.is_test and LAYERS[there] > ceiling:
        return Finding(source.path, line, "A1",
                       f"{here} is pure and may use layers up to {ceiling}, {there} is layer "
                       f"{LAYERS[there]:g}: pass the facts in as values instead")
    if LAYERS[there] >= LAYERS[here]:
        return Finding(source.path, line, "A1",
                       f"layer {LAYERS[here]:g} ({here}) includes layer {LAYERS[there]:g} "
                       f"({there}): take a reference to an interface of your own layer, which "
                       "tools/barid fills in, or move the shared type down")
    return None


def check_vendor(source, name, line):
    prefix, homes = vendor_of(name)
    if prefix is None or source.is_test:
        return None
    if any(source.path.startswith(home + "/") for home in homes):
        return None
    where = " or ".join(homes) if homes else "tests"
    return Finding(source.path, line, "A5",
                   f"<{name}> belongs in {where} only: use that folder's own interface")


def exposed_vendors(tree):
    """{header: vendor header it pulls in, directly or through project headers}."""
    exposed = {}
    for header in tree.headers():
        for _, name, _ in header.includes:
            if vendor_of(name)[0] and vendor_of(name)[1]:
                exposed[header.path] = name
    grown = True
    while grown:
        grown = False
        for header in tree.headers():
            if header.path in exposed:
                continue
            for _, name, quoted in header.includes:
                if quoted and name in exposed:
                    exposed[header.path] = exposed[name]
                    grown = True
    return exposed


def check(tree):
    exposed = exposed_vendors(tree)
    for source in tree.cpp():
        for line, name, quoted in source.includes:
            if quoted and (vendor_of(name)[0] or name.startswith(COMMON)):
                yield Finding(source.path, line, "N5-quotes",
                              f"write <{name}>: quotes are for the project's own headers")
                continue
            generated = name.endswith((".pb.h", ".inc"))
            if quoted and not generated:
                if finding := check_layer(source, name, line):
                    yield finding
            if finding := check_vendor(source, name, line):
                yield finding
            leaked = exposed.get(name) if quoted else None
            if leaked and not source.is_test:
                homes = vendor_of(leaked)[1]
                if not any(source.path.startswith(home + "/") for home in homes):
                    yield Finding(source.path, line, "A5",
                                  f"{name} pulls in <{leaked}>: hide it behind that folder's .cc "
                                  "(forward declaration, or an interface with a factory)")
