// barid: one executable, many names (argv[0]). Finds the command and runs it.
// Layer: tools.
#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string_view>

#include "tools/barid/commands.h"
#include "tools/barid/config_command.h"
#include "tools/barid/settings.h"

// Read by jemalloc at its start. Freed memory goes back to the system within a second, also that of
// a thread which then sleeps (a flushed memtable): an MTA at rest is small.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

UseProblems check_use(const config::Configuration& configuration) {
  Problems problems;
  static_cast<void>(build_shard_settings(configuration, 1, &problems));
  return {.errors = std::move(problems.errors), .warnings = std::move(problems.warnings)};
}

int run_config(Arguments arguments, std::string_view name) {
  return run_config_command(arguments, name, stdout, stderr, check_use);
}

struct Command {
  std::string_view name;
  std::string_view alias;  ///< argv[0] under which it answers too; empty = none
  int (*run)(Arguments arguments, std::string_view name);
  std::string_view summary;
};

constexpr std::array kCommands = {
    Command{"serve", "", run_serve_command, "run the MTA in the foreground"},
    Command{"dev", "", run_dev_command, "try it: no configuration, no root, no DNS"},
    Command{"control", "postfix", run_control_command,
            "start, stop, reload, flush, drain, check, status"},
    Command{"config", "postconf", run_config,
            "show, explain, check and edit main.cf and master.cf"},
    Command{"map", "postmap", run_map_command, "build, change and query lookup tables"},
    Command{"queue", "postqueue", run_queue_command, "list, show and change the queue"},
    Command{"sendmail", "sendmail", run_sendmail_command, "send the mail of programs on this host"},
    Command{"dkim", "", run_dkim_command, "make signing keys, show and check their DNS records"},
    Command{"suppressions", "", run_suppressions_command,
            "addresses that get no mail: list, add, remove, import"},
    Command{"doctor", "", run_doctor_command, "what stands between this host and good delivery"},
    Command{"top", "", run_top_command, "watch rates, queue, destinations and shards"},
    Command{"trace", "", run_trace_command,
            "follow a message or an address: where, why, what next"},
    Command{"key", "", run_key_command, "make API keys and SMTP passwords"},
    Command{"links", "", run_links_command, "make the names this program answers to"},
};

void print_help(std::FILE* out) {
  fmt::print(out,
             "barid - a sharded mail transfer agent\n\n"
             "usage: barid COMMAND [ARGUMENT...]\n\ncommands:\n");
  for (const Command& command : kCommands) {
    fmt::print(out, "  {:<12} {}{}\n", command.name, command.summary,
               command.alias.empty() ? "" : fmt::format(" (also: {})", command.alias));
  }
  fmt::print(
      out,
      "\n`barid COMMAND --help`, or `barid help COMMAND`, explains each with examples. "
      "Under the names\nof Postfix's programs (`barid links`) it behaves as they do: postfix, "
      "postconf, postmap,\npostalias, newaliases, postqueue, mailq, postsuper, postcat, "
      "qshape, sendmail.\n"
      "Exit status: that of sysexits.h (0 done, 64 usage, 65 data, 69 unavailable, 70 bug, "
      "75 try\nagain, 78 configuration).\n");
}

const Command* find_command(std::string_view name) {
  const auto* command = std::find_if(kCommands.begin(), kCommands.end(),
                                     [&](const Command& one) { return one.name == name; });
  return command == kCommands.end() ? nullptr : command;
}

int refuse_command(std::string_view name) {
  fmt::print(stderr, "barid: unknown command \"{}\"; `barid --help` lists them\n", name);
  return EX_USAGE;
}

/// `barid help`, `barid help COMMAND`.
int run_help(Arguments arguments) {
  if (arguments.empty()) {
    print_help(stdout);
    return 0;
  }
  const std::string_view name = arguments.front();
  const Command* command = find_command(name);
  if (command == nullptr) return refuse_command(name);
  constexpr std::array kHelp = {"--help"};
  return command->run(kHelp, fmt::format("barid {}", name));
}

int run(int argc, char** argv) {
  std::string_view program = argc > 0 ? argv[0] : "barid";
  program.remove_prefix(program.rfind('/') + 1);
  const Arguments arguments(argv + std::min(argc, 1), static_cast<size_t>(std::max(argc - 1, 0)));
  for (const Command& command : kCommands) {
    if (!command.alias.empty() && command.alias == program) return command.run(arguments, program);
  }
  if (program == "postalias") return run_map_command(arguments, program);
  if (program == "newaliases") return run_sendmail_command(arguments, program);
  if (program == "mailq") return run_queue_command(arguments, program);
  if (program == "postsuper") return run_postsuper_command(arguments, program);
  if (program == "qshape") return run_qshape_command(arguments, program);
  if (program == "postcat") return run_postcat_command(arguments, program);
  if (arguments.empty()) {
    print_help(stderr);
    return EX_USAGE;
  }
  const std::string_view word = arguments.front();
  if (word == "--help" || word == "-h") return run_help({});
  if (word == "help") return run_help(arguments.subspan(1));
  if (word == "--version") {
    fmt::print("barid {}\n", BARID_VERSION);
    return 0;
  }
  const Command* command = find_command(word);
  if (command == nullptr) return refuse_command(word);
  return command->run(arguments.subspan(1), fmt::format("barid {}", word));
}

}  // namespace
}  // namespace barid::tools

int main(int argc, char** argv) { return barid::tools::run(argc, argv); }
