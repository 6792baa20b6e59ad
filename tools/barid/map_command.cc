// barid map, also known as postmap and postalias: queries of lookup tables.
#include <fmt/format.h>
#include <sysexits.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/config/listing.h"
#include "core/lookup/table.h"
#include "core/text/json.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"

namespace barid::tools {
namespace {

constexpr std::string_view kHelp =
    R"(barid map - query lookup tables (also: postmap, postalias)

SYNOPSIS
  barid map -q KEY [--json] [TYPE:]TABLE...
  barid map -q -   [--json] [TYPE:]TABLE...

  Prints what the tables, in this order, say about KEY: the value of the first that has it. One
  exact query is made: no domain, no user is split off. With -q - the keys are the lines of standard
  input, and each hit is printed as key, tabulator, value. `barid config -m` lists the types.
  Nothing needs to be built: texthash reads its text file itself.

OPTIONS
  -q KEY     the key; - for standard input
  -c DIR     directory of main.cf, for default_database_type; else $MAIL_CONFIG, else /etc/barid
  --json, -j one object a hit: {"key": "…", "value": "…"}
  -v         accepted, without effect

EXIT STATUS
  0   found           1   not found, or a table that cannot tell
  64  bad usage       69  an operation or table type that this version has not

EXAMPLES
  barid map -q mail.example texthash:/etc/barid/transport
  barid map -q 192.0.2.7 cidr:/etc/barid/clients
  cut -f1 names | barid map -q - --json 'inline:{ a=1, b=2 }'
)";

struct MapOptions {
  std::string directory;
  std::string key;
  bool has_key = false;
  bool json = false;
  std::vector<std::string> tables;
};

/// Empty = good; else what is wrong. `*help` = the manual was asked for.
std::string parse(std::span<const char* const> arguments, MapOptions& options, bool* help) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool takes_value = word == "-q" || word == "-c";
    if (takes_value && i + 1 == arguments.size())
      return fmt::format("option {} needs a value", word);
    if (word == "-q") {
      options.key = arguments[++i];
      options.has_key = true;
    } else if (word == "-c") {
      options.directory = arguments[++i];
    } else if (word == "--json" || word == "-j") {
      options.json = true;
    } else if (word == "--help" || word == "-h") {
      *help = true;
      return {};
    } else if (!word.starts_with('-')) {
      options.tables.emplace_back(word);
    } else if (word != "-v") {
      return fmt::format("unknown option: {}", word);
    }
  }
  return options.tables.empty() ? "no table given" : std::string();
}

class MapQuery {
 public:
  MapQuery(const MapOptions& options, std::string_view name)
      : options_(options), name_(name), separator_(name == "postalias" ? ":\t" : "\t") {
    std::vector<std::string> warnings;
    const lookup::OpenContext context{.read_file = lookup::read_whole_file, .warnings = &warnings};
    for (const std::string& spec : options.tables) {
      tables_.push_back(lookup::open_table(spec, context));
    }
    for (const std::string& warning : warnings) complain("warning", warning);
  }

  /// One key from the command line: only its value is printed.
  int ask_once(const std::string& key) { return ask(key, /*with_key=*/false); }

  int ask_each(std::istream& keys) {
    int status = 1;
    for (std::string key; !failed_ && std::getline(keys, key);) {
      if (ask(key, /*with_key=*/true) == 0) status = 0;
    }
    return failed_ ? 1 : status;
  }

 private:
  void complain(std::string_view severity, std::string_view text) const {
    fmt::print(stderr, "{}: {}: {}\n", name_, severity, text);
  }

  int ask(const std::string& key, bool with_key) {
    for (size_t i = 0; i < tables_.size(); ++i) {
      const lookup::LookupResult result = tables_[i]->find(key);
      if (result.is_temporary()) {
        complain("fatal", fmt::format("table {}: query error", options_.tables[i]));
        failed_ = true;
        return 1;
      }
      if (!result.is_found()) continue;
      print(key, result.value(), with_key);
      return 0;
    }
    return 1;
  }

  void print(const std::string& key, std::string_view value, bool with_key) const {
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
  std::string_view separator_;
  std::vector<std::unique_ptr<lookup::Table>> tables_;
  bool failed_ = false;
};

}  // namespace

int run_map_command(std::span<const char* const> arguments, std::string_view name) {
  MapOptions options;
  bool help = false;
  const std::string problem = parse(arguments, options, &help);
  if (help) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (!problem.empty()) {
    fmt::print(stderr, "{0}: fatal: {1}\nusage: {0} --help\n", name, problem);
    return EX_USAGE;
  }
  if (!options.has_key) {
    fmt::print(
        stderr,
        "{}: fatal: this version builds no tables: use texthash, which reads the text file\n",
        name);
    return EX_UNAVAILABLE;
  }
  const config::LoadResult loaded = load_client_configuration(options.directory);
  for (std::string& table : options.tables) {
    if (table.find(':') != std::string::npos) continue;
    const std::string type =
        loaded.ok() ? loaded.configuration->get("default_database_type") : "texthash";
    table.insert(0, type + ":");
  }
  MapQuery query(options, name);
  return options.key == "-" ? query.ask_each(std::cin) : query.ask_once(options.key);
}

}  // namespace barid::tools
