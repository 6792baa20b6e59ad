// barid control, also known as postfix.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
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

constexpr std::string_view kHelp =
    R"(barid control - start, stop and steer the server (also: postfix)

SYNOPSIS
  barid control [-c DIR] COMMAND [OPTION]...

COMMANDS
  start      start the server in the background; waits until it serves. Where maillog_file is
             /dev/stdout the log goes to the file maillog in the queue directory instead
  start-fg   become the server, in the foreground (the same as barid serve)
  stop       end it in order: open transactions finish, everything is stored; waits for that
  abort      end it at once, as a crash would; nothing that was acknowledged is lost
  reload     read the configuration again, without dropping a session; ends when it is in use. One
             that is not valid is refused here, and the server goes on with the one it has
  flush      try everything that waits now (postqueue -f)
  drain      stop accepting (421), keep delivering
  check      errors and warnings of the configuration; silent when there are none
  status     whether it runs, and its pid

OPTIONS
  -c DIR         directory of main.cf and master.cf; else $MAIL_CONFIG, else /etc/barid
  --exit         drain: end the server when the queue is empty
  --timeout N    drain --exit: end it after N seconds in any case (default 3600)
  --json         status: what each shard does, and all counters, as one JSON object
  -v             accepted, without effect

EXIT STATUS
  0   done            1   not running, or (start) already running
  64  bad usage       69  the server does not answer, or the queue or a port is in use
  78  the configuration is not valid

EXAMPLES
  barid control start
  barid control status --json | jq .counters.messages_active
  barid control drain --exit --timeout 600
  postfix -c ./etc reload
)";

constexpr uint32_t kTimeoutSecondsMax = 365 * 24 * 3600;
constexpr auto kStartPatience = std::chrono::seconds(30);
constexpr auto kStopPatience = std::chrono::seconds(60);
constexpr auto kPollInterval = std::chrono::milliseconds(20);

struct ControlOptions {
  std::string directory;
  std::string command;
  bool exit_when_empty = false;
  bool json = false;
  uint32_t timeout_seconds = 3600;
};

/// How the command speaks. As `postfix` it says what postfix(1) says, for scripts that match it.
struct Voice {
  std::string prefix;
  std::string_view system;

  void say(std::string_view text) const { fmt::print(stderr, "{}: {}\n", prefix, text); }
  int fatal(int status, std::string_view text) const {
    say(fmt::format("fatal: {}", text));
    return status;
  }
};

/// Waits until `condition` holds; false when `patience` is over.
template <typename Condition>
bool wait_for(std::chrono::seconds patience, Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

[[noreturn]] void become_server(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  _exit(EX_OSERR);
}

std::vector<std::string> serve_words(const config::Configuration& configuration) {
  return {"barid", "serve", "-c", configuration.directory()};
}

int start(const config::Configuration& configuration, const std::string& queue,
          const Voice& voice) {
  if (queue::QueueDirectory::holder(queue) != 0) {
    return voice.fatal(1, fmt::format("{} is already running", voice.system));
  }
  voice.say(fmt::format("starting {}", voice.system));
  std::vector<std::string> words = serve_words(configuration);
  words.emplace_back("--background");
  if (configuration.get("maillog_file").starts_with("/dev/std")) {
    words.insert(words.end(), {"-o", "maillog_file_prefixes=" + queue, "-o",
                               "maillog_file=" + queue + "/maillog"});
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return voice.fatal(EX_OSERR, fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) {
    setsid();
    become_server(words);
  }
  // It runs once it holds the queue and answers on its socket.
  int ended = -1;
  const bool answered = wait_for(kStartPatience, [&] {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      ended = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
    }
    return ended >= 0 || ask_server(queue, "GET", "/admin/v1/status").ok();
  });
  if (ended >= 0) return ended == 0 ? EX_UNAVAILABLE : ended;
  if (answered) return 0;
  return voice.fatal(EX_UNAVAILABLE, fmt::format("process {} does not answer", child));
}

int end_process(const std::string& queue, int pid, int signal, const Voice& voice) {
  if (kill(pid, signal) != 0) {
    return voice.fatal(EX_NOPERM, fmt::format("process {}: {}", pid, std::strerror(errno)));
  }
  const auto is_gone = [&] { return queue::QueueDirectory::holder(queue) != pid; };
  if (wait_for(kStopPatience, is_gone)) return 0;
  return voice.fatal(1, fmt::format("process {} does not end", pid));
}

class LineCounter final : public LineSink {
 public:
  void on_line(std::string_view) override { ++count; }
  uint64_t count = 0;
};

int drain(const std::string& queue, int pid, const ControlOptions& options, const Voice& voice) {
  const Result<ControlAnswer> answer = ask_server(queue, "POST", "/admin/v1/drain");
  if (!answer.ok() || answer->status / 100 != 2) {
    return voice.fatal(EX_UNAVAILABLE, "the server does not answer");
  }
  if (!options.exit_when_empty) return 0;
  static_cast<void>(wait_for(std::chrono::seconds(options.timeout_seconds), [&] {
    LineCounter counter;
    return ask_server(queue, "GET", "/admin/v1/queue", &counter).ok() && counter.count == 0;
  }));
  voice.say(fmt::format("stopping {}", voice.system));
  return end_process(queue, pid, SIGTERM, voice);
}

int status(const std::string& queue, int pid, const ControlOptions& options, const Voice& voice) {
  if (options.json) {
    const Result<ControlAnswer> answer = ask_server(queue, "GET", "/admin/v1/status");
    if (!answer.ok()) return voice.fatal(EX_UNAVAILABLE, "the server does not answer");
    fmt::print("{}", answer->body);
    return 0;
  }
  voice.say(fmt::format("{} is running: PID: {}", voice.system, pid));
  return 0;
}

/// Errors and warnings beyond those of loading; false if there are errors.
bool check_settings(const config::Configuration& configuration, bool with_warnings,
                    const Voice& voice) {
  Problems problems;
  static_cast<void>(build_shard_settings(configuration, 1, &problems));
  for (const std::string& warning : problems.warnings) {
    if (with_warnings) voice.say("warning: " + warning);
  }
  for (const std::string& error : problems.errors) voice.say("fatal: " + error);
  return problems.errors.empty();
}

/// Empty command = help was asked for or something was wrong (`*exit_status` says which).
ControlOptions parse(Arguments arguments, std::string_view name, int* exit_status) {
  ControlOptions options;
  const auto fail = [&](const std::string& text) {
    fmt::print(stderr, "{}: fatal: {}\n", name, text);
    *exit_status = EX_USAGE;
    return ControlOptions{};
  };
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
        return fail(fmt::format("--timeout: \"{}\" is no number of seconds", text));
      }
    } else if (word == "--exit") {
      options.exit_when_empty = true;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--help" || word == "-h") {
      fmt::print("{}", kHelp);
      return {};
    } else if (!word.starts_with('-') && options.command.empty()) {
      options.command = word;
    } else if (word != "-v") {
      return fail(fmt::format("unexpected \"{}\"", word));
    }
  }
  constexpr std::array<std::string_view, 9> kKnown = {
      "start", "start-fg", "stop", "abort", "reload", "flush", "drain", "check", "status"};
  if (std::find(kKnown.begin(), kKnown.end(), options.command) == kKnown.end()) {
    return fail(
        fmt::format("unknown command: '{}'. Usage: {} start (or stop, abort, reload, flush, drain, "
                    "check, status, start-fg)",
                    options.command, name));
  }
  return options;
}

/// As postfix(1) does it: postqueue does the work.
int flush(const config::Configuration& configuration) {
  const std::string directory(configuration.directory());
  const std::array<const char*, 3> words = {"-c", directory.c_str(), "-f"};
  return run_queue_command(words, "postqueue");
}

}  // namespace

int run_control_command(Arguments arguments, std::string_view name) {
  int exit_status = 0;
  const ControlOptions options = parse(arguments, name, &exit_status);
  const std::string& command = options.command;
  if (command.empty()) return exit_status;
  const Voice voice = name == "postfix" ? Voice{"postfix/postfix-script", "the Postfix mail system"}
                                        : Voice{std::string(name), "the mail system"};
  // Who only talks to the server needs to know where it is, even while main.cf has a bad value.
  const bool uses_values =
      command == "start" || command == "start-fg" || command == "reload" || command == "check";
  const config::LoadResult loaded = load_client_configuration(options.directory, uses_values);
  for (const config::Diagnostic& warning : loaded.diagnostics.warnings) {
    if (command == "check") voice.say("warning: " + warning.str());
  }
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    voice.say("fatal: " + error.str());
  }
  if (!loaded.ok()) return EX_CONFIG;
  const config::Configuration& configuration = *loaded.configuration;
  if (uses_values && !check_settings(configuration, command == "check", voice)) return EX_CONFIG;
  if (command == "check") return 0;
  const std::string queue = client_queue_directory(configuration);
  if (command == "start") return start(configuration, queue, voice);
  if (command == "start-fg") become_server(serve_words(configuration));
  const int pid = queue::QueueDirectory::holder(queue);
  if (pid == 0) {
    if (command == "status" && options.json) fmt::print("{{\"running\": false}}\n");
    voice.say(
        fmt::format("{}{} is not running", command == "status" ? "" : "fatal: ", voice.system));
    return 1;
  }
  if (command == "flush") return flush(configuration);
  if (command == "drain") return drain(queue, pid, options, voice);
  if (command == "status") return status(queue, pid, options, voice);
  if (command == "stop" || command == "abort") {
    const bool stop = command == "stop";
    voice.say(fmt::format("{} {}", stop ? "stopping" : "aborting", voice.system));
    return end_process(queue, pid, stop ? SIGTERM : SIGKILL, voice);
  }
  voice.say(fmt::format("refreshing {}", voice.system));
  // The server answers when the new settings are in use; who may not ask it may still signal.
  const Result<ControlAnswer> answer = ask_server(queue, "POST", "/admin/v1/reload");
  if (answer.ok() && answer->status / 100 == 2) return 0;
  return kill(pid, SIGHUP) == 0 ? 0 : EX_NOPERM;
}

}  // namespace barid::tools
