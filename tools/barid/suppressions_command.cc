// barid suppressions: whom a tenant sends no mail, shown and changed in the running server.
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "http/submit/json.h"
#include "tools/barid/command_line.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/progress.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kPath = "/admin/v1/suppressions";
constexpr size_t kBatchMax = 20;  // addresses of one request: they travel in its first line
constexpr size_t kPageEntries = 1000;

/// What ends a command early.
struct Failure {
  int status = 0;
  std::string text;
};

struct Options {
  std::string directory;
  std::string tenant;
  std::vector<std::string> addresses;
  std::string file;
  bool json = false;
};

class Suppressions {
 public:
  Suppressions(const Options& options, std::string queue_directory)
      : options_(options), queue_(std::move(queue_directory)) {}

  /// Every entry, the newest first.
  Failure print(bool addresses_only) {
    std::string after;
    for (;;) {
      QueryWords words = {{"tenant", options_.tenant}, {"limit", fmt::to_string(kPageEntries)}};
      if (!after.empty()) words.emplace_back("after", after);
      std::string body;
      if (Failure failure = ask("GET", words, &body); failure.status != 0) return failure;
      size_t count = 0;
      std::string_view rest = body;
      while (!rest.empty()) {
        const size_t feed = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, feed);
        rest.remove_prefix(std::min(feed + 1, rest.size()));
        const auto entry = http::parse_json(line);
        if (!entry) return {.status = EX_PROTOCOL, .text = "the server's answer makes no sense"};
        after = http::json_text(*entry, "id");
        if (shares_terminal_) progress_.clear();
        print_entry(line, *entry, addresses_only);
        ++count;
      }
      if (count < kPageEntries) return {};
      printed_ += count;
      progress_.show(fmt::format("{} addresses", printed_));
    }
  }

  /// An interrupt ends it between two requests, each of which is done as a whole.
  Failure change(const char* method, const std::vector<std::string>& addresses) {
    const InterruptWatch interrupts;
    for (size_t from = 0; from < addresses.size(); from += kBatchMax) {
      if (InterruptWatch::interrupted()) {
        progress_.clear();
        return {.status = EX_TEMPFAIL,
                .text = fmt::format("interrupted: {} of {} addresses are done; the same command "
                                    "again does the rest",
                                    from, addresses.size())};
      }
      progress_.show(fmt::format("{} of {} addresses", from, addresses.size()));
      QueryWords words = {{"tenant", options_.tenant}};
      for (size_t i = from; i < std::min(from + kBatchMax, addresses.size()); ++i) {
        words.emplace_back("email", addresses[i]);
      }
      std::string body;
      if (Failure failure = ask(method, words, &body); failure.status != 0) return failure;
      const auto answer = http::parse_json(body);
      if (answer) changed_ += http::json_number(*answer, "count");
    }
    progress_.clear();
    return {};
  }
  [[nodiscard]] int64_t changed() const noexcept { return changed_; }

 private:
  Failure ask(const char* method, const QueryWords& words, std::string* body) {
    auto answer = ask_server(queue_, method, std::string(kPath) + query_text(words));
    if (!answer.ok()) return {.status = EX_UNAVAILABLE, .text = "mail system is down"};
    *body = std::move(answer->body);
    if (answer->status < 400) return {};
    return {.status = answer->status == 503 ? EX_TEMPFAIL : EX_DATAERR,
            .text = std::string(error_message(*body))};
  }

  void print_entry(std::string_view line, const http::JsonValue& entry, bool addresses_only) const {
    if (options_.json) {
      fmt::print("{}\n", line);
    } else if (addresses_only) {
      fmt::print("{}\n", http::json_text(entry, "email"));
    } else {
      fmt::print("{:<24}  {:<9}  {}\n", http::json_text(entry, "created_at"),
                 http::json_text(entry, "origin"), http::json_text(entry, "email"));
    }
  }

  const Options& options_;
  std::string queue_;
  Progress progress_;
  const bool shares_terminal_ = isatty(STDOUT_FILENO) != 0;
  size_t printed_ = 0;
  int64_t changed_ = 0;
};

/// One address a line; what follows a comma or blank is left alone, so that a CSV will do.
std::vector<std::string> read_addresses(std::istream& input) {
  std::vector<std::string> addresses;
  for (std::string line; std::getline(input, line);) {
    const size_t start = line.find_first_not_of(" \t\r\"");
    if (start == std::string::npos || line[start] == '#') continue;
    const std::string word = line.substr(start, line.find_first_of(", \t\r\"", start) - start);
    if (word.find('@') != std::string::npos) addresses.push_back(word);
  }
  return addresses;
}

}  // namespace

int run_suppressions_command(Arguments arguments, std::string_view name) {
  CLI::App app("Addresses that get no mail of a tenant: hard bounces, complaints, and your own.",
               std::string(name));
  Options options;
  app.add_option("-c,--config", options.directory,
                 "configuration directory ($MAIL_CONFIG, /etc/barid)");
  const auto command = [&](const char* verb, const char* what, const char* example) {
    CLI::App* sub = app.add_subcommand(verb, what);
    sub->footer(fmt::format("examples:\n  barid suppressions {} {}", verb, example));
    sub->add_option("--tenant", options.tenant,
                    "whose list; without: that of nobody in particular");
    return sub;
  };
  CLI::App* list =
      command("list", "prints when, why and whom, the newest first", "--tenant acme --json");
  list->add_flag("--json", options.json, "one object a line");
  CLI::App* add = command("add", "adds addresses", "--tenant acme joe@example.net");
  add->add_option("address", options.addresses)->required();
  CLI::App* remove = command("remove", "removes addresses", "--tenant acme joe@example.net");
  remove->add_option("address", options.addresses)->required();
  CLI::App* import =
      command("import", "adds the addresses of a file, one a line", "--tenant acme list");
  import->add_option("file", options.file, "- for standard input")->required();
  CLI::App* dump = command("export", "prints the addresses, one a line", "--tenant acme >list");
  dump->add_flag("--json", options.json, "one object a line");
  app.require_subcommand(1);
  app.footer(
      "examples:\n"
      "  barid suppressions list --tenant acme\n"
      "  barid suppressions add --tenant acme joe@example.net\n"
      "  barid suppressions export --tenant acme >list && barid suppressions import list\n"
      "long work shows how far it is on a terminal\n"
      "exit status: 0, 64 usage, 65 no address, 66 no file, 69 no server, 75 interrupted");
  if (const std::optional<int> ended = read_command_line(app, arguments)) return *ended;
  const config::LoadResult loaded =
      load_client_configuration(options.directory, /*check_values=*/false);
  if (!loaded.ok()) {
    fmt::print(stderr, "{}: fatal: {}\n", name, loaded.diagnostics.errors.front().str());
    return EX_CONFIG;
  }
  Suppressions work(options, client_queue_directory(*loaded.configuration));
  Failure failure;
  if (list->parsed() || dump->parsed()) {
    failure = work.print(dump->parsed());
  } else if (import->parsed()) {
    std::ifstream file;
    if (options.file != "-") file.open(options.file);
    if (!file) {
      fmt::print(stderr, "{}: fatal: {}: cannot be read\n", name, options.file);
      return EX_NOINPUT;
    }
    failure = work.change("POST", read_addresses(options.file == "-" ? std::cin : file));
  } else {
    failure = work.change(add->parsed() ? "POST" : "DELETE", options.addresses);
  }
  if (failure.status != 0) {
    fmt::print(stderr, "{}: fatal: {}\n", name, failure.text);
    return failure.status;
  }
  if (remove->parsed() || import->parsed()) {
    fmt::print(stderr, "{}: {} addresses\n", name, work.changed());
  }
  return 0;
}

}  // namespace barid::tools
