// barid queue list, mailq, postqueue -p and -j.
#include <fmt/format.h>
#include <sysexits.h>

#include <string>

#include "tools/barid/commands.h"
#include "tools/barid/config_command.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kHelp =
    "usage: {} [-c DIRECTORY] list [--json]     (mailq, postqueue -p, postqueue -j)\n\n"
    "Lists the messages in the queue with the reason of their last deferral.\n"
    "  --json, -j   one JSON object a line, the fields of `postqueue -j` first\n\n"
    "examples:\n  barid queue list\n  barid queue list --json | jq -r .queue_id\n"
    "exit status: 0, 64 usage, 69 the server does not run, 78 configuration\n";

class Lister final : public LineSink {
 public:
  explicit Lister(bool json) : json_(json) {}
  void on_line(std::string_view line) override {
    std::string out;
    if (json_) {
      out.assign(line);
      out += '\n';
    } else if (const auto entry = parse_json_line(line); entry.ok()) {
      text_.add(out, *entry);
    } else {
      fmt::print(stderr, "barid queue: the server sent a line that is no queue entry\n");
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
  }
  void finish() {
    if (json_) return;
    std::string out;
    text_.finish(out);
    std::fwrite(out.data(), 1, out.size(), stdout);
  }

 private:
  bool json_;
  MailqText text_;
};

}  // namespace

int run_queue_command(Arguments arguments, std::string_view name) {
  std::string directory;
  bool json = false;
  bool list = name == "mailq";
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "-c" && i + 1 < arguments.size()) {
      directory = arguments[++i];
    } else if (word == "--json" || word == "-j") {
      json = true;
      list = list || word == "-j";
    } else if (word == "list" || word == "-p") {
      list = true;
    } else if (word == "--help" || word == "-h") {
      fmt::print(fmt::runtime(kHelp), name);
      return 0;
    } else {
      fmt::print(stderr, "{}: fatal: unexpected \"{}\"\n", name, word);
      return EX_USAGE;
    }
  }
  if (!list) {
    fmt::print(stderr, fmt::runtime(kHelp), name);
    return EX_USAGE;
  }
  const config::LoadResult loaded = load_client_configuration(directory);
  if (!loaded.ok()) {
    for (const config::Diagnostic& error : loaded.diagnostics.errors) {
      fmt::print(stderr, "{}: fatal: {}\n", name, error.str());
    }
    return EX_CONFIG;
  }
  Lister lister(json);
  const Result<ControlAnswer> answer =
      ask_server(client_queue_directory(*loaded.configuration), "GET", "/admin/v1/queue", &lister);
  if (!answer.ok()) {
    fmt::print(stderr, "{}: fatal: Queue report unavailable - mail system is down\n", name);
    return EX_UNAVAILABLE;
  }
  lister.finish();
  return 0;
}

}  // namespace barid::tools
