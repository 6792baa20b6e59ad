// barid map, also known as postmap and postalias: builds, changes and queries lookup tables.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sysexits.h>

#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/config/listing.h"
#include "core/lookup/table.h"
#include "core/text/json.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/map_build.h"
#include "tools/barid/map_options.h"

namespace barid::tools {
namespace {

using Mode = MapOptions::Mode;

constexpr std::string_view kHelp =
    R"(barid map - build and query lookup tables (also: postmap, postalias)

SYNOPSIS
  barid map [-fFnNoprw] [TYPE:]FILE...            build an indexed file from the text in FILE
  barid map -q KEY|-  [--json] [TYPE:]TABLE...    query
  barid map -s        [--json] [TYPE:]TABLE...    print all entries
  barid map -i [-r]   TYPE:FILE                   add entries that stand on standard input
  barid map -d KEY|-  TYPE:FILE...                delete

  Indexed types are hash and btree (FILE.db), lmdb (FILE.lmdb) and cdb (FILE.cdb); a new file takes
  the old one's place in one step, and a running server takes it up by itself. texthash reads its
  text file as it is: nothing has to be built. `barid config -m` lists the types; without one it is
  default_database_type. The text has lines `key value`, or `name: value` for postalias.

  -q makes one exact query, no domain, no user is split off, and prints what the first table says
  that has the key. With -q - the keys are the lines of standard input, and each hit is printed as
  key, tabulator, value.

OPTIONS
  -q, --query KEY        the key; - for standard input
  -d, --delete KEY       take the key out; - for standard input
  -i, --insert           add entries to a file that is there
  -s, --dump             print all entries as key, tabulator, value
  -r, --replace          a later entry with the same key replaces the earlier one
  -w, --ignore-duplicates  do not complain about it
  -f, --no-fold          keep the case of keys
  -F, --files            values name files, whose contents are kept in base64
  -o, --as-root          run by root, make a file of root's although the text is another user's
  -p, --own-permissions  do not take over the permissions of the text
  -n, --without-nul      no NUL behind keys and values (-N: with, as without either)
  -h, --headers          with -q -: standard input is a message, its header lines are the keys
  -b, --body             the same with its body lines
  -c, --config DIR       directory of main.cf; else $MAIL_CONFIG, else /etc/barid
  -j, --json             one object an entry: {"key": "…", "value": "…"}
  -u, -U, -v             accepted, without effect

EXIT STATUS
  0   done, found        1   no such key, or a table that cannot tell
  64  bad usage          66  a file cannot be read
  69  an operation that this type of table has not
  73  the file cannot be written

EXAMPLES
  barid map lmdb:/etc/barid/transport
  barid map -q mail.example lmdb:/etc/barid/transport
  echo 'mail.example smtp:[192.0.2.9]' | barid map -ir lmdb:/etc/barid/transport
  barid map -d mail.example lmdb:/etc/barid/transport
  barid map -s --json hash:/etc/postfix/virtual
  cut -f1 names | barid map -q - 'inline:{ a=1, b=2 }'
  postalias hash:/etc/aliases
)";

class MapCommand {
 public:
  MapCommand(const MapOptions& options, std::string_view name)
      : options_(options),
        name_(name),
        aliases_(name == "postalias"),
        separator_(aliases_ ? ":\t" : "\t") {}

  int run() {
    switch (options_.mode) {
      case Mode::kQuery:
        open_all();
        return query();
      case Mode::kDump:
        return each([this](const std::string& spec) { return dump(spec); });
      case Mode::kBuild:
      case Mode::kInsert:
      case Mode::kDelete:
        return each([this](const std::string& spec) { return change(spec); });
      case Mode::kHelp:
        break;
    }
    return EX_USAGE;
  }

 private:
  void complain(std::string_view severity, std::string_view text) const {
    fmt::print(stderr, "{}: {}: {}\n", name_, severity, text);
  }

  /// All tables, or up to the first that fails; a key that is nowhere is not there.
  template <typename Function>
  int each(Function function) {
    int status = options_.mode == Mode::kDelete ? 1 : 0;
    for (const std::string& spec : options_.tables) {
      const int one = function(spec);
      if (one > 1) return one;
      status = options_.mode == Mode::kDelete ? std::min(status, one) : std::max(status, one);
    }
    return status;
  }

  int change(const std::string& spec) {
    const size_t colon = spec.find(':');
    const auto type = lookup::find_index_type(std::string_view(spec).substr(0, colon));
    if (!type) {
      complain("fatal", fmt::format("{}: no file is built for this type; there are btree, cdb, "
                                    "hash, lmdb",
                                    spec));
      return EX_UNAVAILABLE;
    }
    MapFile file(*type, spec.substr(colon + 1), options_, aliases_);
    const MapOutcome outcome = options_.mode == Mode::kBuild ? file.build()
                               : options_.mode == Mode::kInsert
                                   ? file.insert(std::cin)
                                   : file.erase(options_.key, std::cin);
    for (const std::string& warning : outcome.warnings) complain("warning", warning);
    if (!outcome.error.empty()) complain("fatal", outcome.error);
    return outcome.status;
  }

  std::unique_ptr<lookup::Table> open(const std::string& spec) const {
    std::vector<std::string> warnings;
    auto table =
        lookup::open_table(spec, {.read_file = lookup::read_whole_file, .warnings = &warnings});
    for (const std::string& warning : warnings) complain("warning", warning);
    return table;
  }

  int dump(const std::string& spec) {
    const std::unique_ptr<lookup::Table> table = open(spec);
    if (table->find("x").is_temporary()) return query_error(spec);
    const bool complete =
        table->for_each_entry([this](std::string_view key, std::string_view value) {
          print(key, value, /*with_key=*/true);
        });
    if (complete) return 0;
    complain("fatal", fmt::format("table {}: its entries cannot be listed", spec));
    return EX_UNAVAILABLE;
  }

  int query_error(std::string_view spec) const {
    complain("fatal", fmt::format("table {}: query error", spec));
    return 1;
  }

  void open_all() {
    for (const std::string& spec : options_.tables) tables_.push_back(open(spec));
  }

  int query() {
    if (options_.key != "-") return ask(options_.key, /*with_key=*/false);
    int status = 1;
    if (options_.headers || options_.body) {
      ask_message(&status);
    } else {
      for (std::string key; !failed_ && std::getline(std::cin, key);) {
        if (ask(key, /*with_key=*/true) == 0) status = 0;
      }
    }
    return failed_ ? 1 : status;
  }

  /// The headers of the message on standard input, with their continuation lines, and the lines of
  /// its body.
  void ask_message(int* status) {
    const auto ask_one = [&](const std::string& key) {
      if (!key.empty() && !failed_ && ask(key, /*with_key=*/true) == 0) *status = 0;
    };
    std::string header;
    std::string line;
    while (!failed_ && std::getline(std::cin, line)) {
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty()) break;
      const bool continues = line.front() == ' ' || line.front() == '\t';
      if (continues && !header.empty()) {
        header.append("\n").append(line);
        continue;
      }
      if (options_.headers) ask_one(header);
      header = line;
    }
    if (options_.headers) ask_one(header);
    while (options_.body && !failed_ && std::getline(std::cin, line)) {
      if (line.ends_with('\r')) line.pop_back();
      ask_one(line);
    }
  }

  int ask(const std::string& key, bool with_key) {
    for (size_t i = 0; i < tables_.size(); ++i) {
      const lookup::LookupResult result = tables_[i]->find(key);
      if (result.is_temporary()) {
        failed_ = true;
        return query_error(options_.tables[i]);
      }
      if (!result.is_found()) continue;
      print(key, result.value(), with_key);
      return 0;
    }
    return 1;
  }

  void print(std::string_view key, std::string_view value, bool with_key) const {
    if (options_.json) {
      fmt::print("{{\"key\": {}, \"value\": {}}}\n", text::json_string(key),
                 text::json_string(value));
    } else if (with_key) {
      fmt::print("{}{}{}\n", key, separator_, value);
    } else {
      fmt::print("{}\n", value);
    }
  }

  const MapOptions& options_;
  std::string_view name_;
  bool aliases_;
  std::string_view separator_;
  std::vector<std::unique_ptr<lookup::Table>> tables_;
  bool failed_ = false;
};

}  // namespace

int run_map_command(std::span<const char* const> arguments, std::string_view name) {
  MapOptions options;
  const std::string problem = parse_map_options(arguments, &options);
  if (options.mode == Mode::kHelp) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (!problem.empty()) {
    fmt::print(stderr, "{0}: fatal: {1}\nusage: {0} --help\n", name, problem);
    return EX_USAGE;
  }
  const config::LoadResult loaded = load_client_configuration(options.directory);
  for (std::string& table : options.tables) {
    if (table.find(':') != std::string::npos) continue;
    const std::string type =
        loaded.ok() ? loaded.configuration->get("default_database_type") : "lmdb";
    table.insert(0, type + ":");
  }
  return MapCommand(options, name).run();
}

}  // namespace barid::tools
