// barid control (postfix) and barid links.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "shard/queue/queue_directory.h"
#include "tools/barid/commands.h"
#include "tools/barid/config_command.h"
#include "tools/barid/control_client.h"
#include "tools/barid/settings.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kControlHelp =
    "usage: {} [-c DIRECTORY] COMMAND\n\n"
    "  start    start the server in the background\n"
    "  stop     end it: open transactions finish, everything is stored (waits)\n"
    "  reload   read the configuration again, without dropping a session\n"
    "  drain    stop accepting, keep delivering; --exit [--timeout SECONDS]: end when the queue is "
    "empty\n"
    "  check    check the configuration\n"
    "  status   0 and the pid if it runs, else 1; --json: what its shards do\n\n"
    "examples:\n  barid control start\n  barid control drain --exit --timeout 600\n"
    "exit status: 0, 1 not running or already running, 64 usage, 78 configuration\n";

constexpr uint32_t kTimeoutSecondsMax = 365 * 24 * 3600;

struct ControlOptions {
  std::string directory;
  std::string command;
  bool exit_when_empty = false;
  bool json = false;
  uint32_t timeout_seconds = 3600;
};

/// The configuration, or null after having said why.
std::unique_ptr<const config::Configuration> load(const std::string& directory,
                                                  std::string_view name) {
  config::LoadResult loaded =
      config::Configuration::load({.directory = configuration_directory(directory),
                                   .host = read_host_facts(),
                                   .environment = read_environment()});
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    fmt::print(stderr, "{}: fatal: {}\n", name, error.str());
  }
  return std::move(loaded.configuration);
}

int start(const config::Configuration& configuration, const std::string& queue,
          std::string_view name) {
  if (queue::QueueDirectory::holder(queue) != 0) {
    fmt::print(stderr, "{}: fatal: the mail system is already running\n", name);
    return 1;
  }
  fmt::print(stderr, "{}: starting the mail system\n", name);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    fmt::print(stderr, "{}: fatal: fork: {}\n", name, std::strerror(errno));
    return EX_OSERR;
  }
  if (child == 0) {
    setsid();
    execl("/proc/self/exe", "barid", "serve", "-c", configuration.directory().c_str(),
          static_cast<char*>(nullptr));
    _exit(EX_OSERR);
  }
  // It runs once it holds the queue and answers on its socket.
  for (int i = 0; i < 300; ++i) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
    }
    if (ask_server(queue, "GET", "/admin/v1/status").ok()) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  fmt::print(stderr, "{}: fatal: process {} does not answer\n", name, child);
  return EX_UNAVAILABLE;
}

int stop(const std::string& queue, int pid, std::string_view name) {
  fmt::print(stderr, "{}: stopping the mail system\n", name);
  if (kill(pid, SIGTERM) != 0) {
    fmt::print(stderr, "{}: fatal: process {}: {}\n", name, pid, std::strerror(errno));
    return EX_NOPERM;
  }
  for (int i = 0; i < 600; ++i) {
    if (queue::QueueDirectory::holder(queue) != pid) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  fmt::print(stderr, "{}: fatal: process {} does not end\n", name, pid);
  return 1;
}

class LineCounter final : public LineSink {
 public:
  void on_line(std::string_view) override { ++count; }
  uint64_t count = 0;
};

int drain(const std::string& queue, int pid, const ControlOptions& options, std::string_view name) {
  const Result<ControlAnswer> answer = ask_server(queue, "POST", "/admin/v1/drain");
  if (!answer.ok()) {
    fmt::print(stderr, "{}: fatal: the server does not answer\n", name);
    return EX_UNAVAILABLE;
  }
  if (!options.exit_when_empty) return 0;
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(options.timeout_seconds);
  while (std::chrono::steady_clock::now() < give_up) {
    LineCounter counter;
    if (ask_server(queue, "GET", "/admin/v1/queue", &counter).ok() && counter.count == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  return stop(queue, pid, name);
}

int status(const std::string& queue, int pid, const ControlOptions& options,
           std::string_view name) {
  if (options.json) {
    const Result<ControlAnswer> answer = ask_server(queue, "GET", "/admin/v1/status");
    if (!answer.ok()) return 1;
    fmt::print("{}", answer->body);
    return 0;
  }
  fmt::print(stderr, "{}: the mail system is running: PID: {}\n", name, pid);
  return 0;
}

int check(const config::Configuration& configuration, std::string_view name) {
  Problems problems;
  static_cast<void>(build_shard_settings(configuration, 1, &problems));
  for (const std::string& warning : problems.warnings)
    fmt::print(stderr, "{}: warning: {}\n", name, warning);
  for (const std::string& error : problems.errors)
    fmt::print(stderr, "{}: fatal: {}\n", name, error);
  return problems.errors.empty() ? 0 : EX_CONFIG;
}

/// Empty command = help was asked for or something was wrong (`*exit_status` says which).
ControlOptions parse(Arguments arguments, std::string_view name, int* exit_status) {
  ControlOptions options;
  *exit_status = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool has_next = i + 1 < arguments.size();
    if (word == "-c" && has_next) {
      options.directory = arguments[++i];
    } else if (word == "--timeout" && has_next) {
      const std::string_view text = arguments[++i];
      const char* const end = text.data() + text.size();
      const auto [after, error] = std::from_chars(text.data(), end, options.timeout_seconds);
      if (error != std::errc() || after != end || options.timeout_seconds > kTimeoutSecondsMax) {
        fmt::print(stderr, "{}: fatal: --timeout: \"{}\" is no number of seconds\n", name, text);
        *exit_status = EX_USAGE;
        return {};
      }
    } else if (word == "--exit") {
      options.exit_when_empty = true;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--help" || word == "-h") {
      fmt::print(fmt::runtime(kControlHelp), name);
      return {};
    } else if (!word.starts_with('-') && options.command.empty()) {
      options.command = word;
    } else {
      fmt::print(stderr, "{}: fatal: unexpected \"{}\"\n", name, word);
      *exit_status = EX_USAGE;
      return {};
    }
  }
  constexpr std::array<std::string_view, 6> kKnown = {"start", "stop",  "reload",
                                                      "drain", "check", "status"};
  if (std::find(kKnown.begin(), kKnown.end(), options.command) == kKnown.end()) {
    fmt::print(stderr,
               "{}: fatal: unknown command: '{}'. Usage: {} start (or stop, reload, drain, check, "
               "status)\n",
               name, options.command, name);
    *exit_status = EX_USAGE;
    return {};
  }
  return options;
}

}  // namespace

int run_control_command(Arguments arguments, std::string_view name) {
  int exit_status = 0;
  const ControlOptions options = parse(arguments, name, &exit_status);
  if (options.command.empty()) return exit_status;
  const auto configuration = load(options.directory, name);
  if (!configuration) return EX_CONFIG;
  if (options.command == "check") return check(*configuration, name);
  const std::string queue = configuration->get("queue_directory");
  if (options.command == "start") return start(*configuration, queue, name);
  const int pid = queue::QueueDirectory::holder(queue);
  if (pid == 0) {
    fmt::print(stderr, "{}: {}the mail system is not running\n", name,
               options.command == "status" ? "" : "fatal: ");
    return 1;
  }
  if (options.command == "stop") return stop(queue, pid, name);
  if (options.command == "drain") return drain(queue, pid, options, name);
  if (options.command == "status") return status(queue, pid, options, name);
  fmt::print(stderr, "{}: refreshing the mail system\n", name);
  return kill(pid, SIGHUP) == 0 ? 0 : EX_NOPERM;
}

int run_links_command(Arguments arguments, std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"postfix", "postconf", "postqueue", "mailq"};
  if (arguments.size() != 1 || std::string_view(arguments[0]).starts_with('-')) {
    const bool help = arguments.size() == 1 && std::string_view(arguments[0]) == "--help";
    fmt::print(
        help ? stdout : stderr,
        "usage: {} DIRECTORY\nmakes symbolic links to this program under the names it answers to.\n"
        "example:\n  barid links /usr/local/bin\n",
        name);
    return help ? 0 : EX_USAGE;
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const std::string_view link : kNames) {
    const std::filesystem::path path = std::filesystem::path(arguments[0]) / link;
    if (std::filesystem::is_symlink(path, error)) std::filesystem::remove(path, error);
    std::filesystem::create_symlink(self, path, error);
    if (error) {
      fmt::print(stderr, "{}: {}: {}\n", name, path.string(), error.message());
      return EX_CANTCREAT;
    }
  }
  return 0;
}

}  // namespace barid::tools
