// barid top: a live view of the server in a terminal, or one picture where there is none.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"
#include "tools/barid/top_view.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kHelp = R"(barid top - watch rates, queue, destinations and shards

SYNOPSIS
  barid top [-c DIRECTORY] [--json]

  Live in a terminal, new every second; q ends it. Elsewhere, and with --json, one picture whose
  rates are those of one second.

  LOAD        share of a processor that a shard's thread used
  WAITING     deliveries in memory that have not begun; IN USE: connections; WINDOW: how many
              connections it may have (0: no limit); then until when a site is dead and why
  queue       all that is stored is counted, so of millions it may be some seconds old

EXIT STATUS
  0   done            64  bad usage       69  the server does not run
  75  it stopped      78  configuration

EXAMPLES
  barid top
  barid top --json | jq .queue
)";

constexpr auto kRefresh = std::chrono::seconds(1);
constexpr int kCountRest = 10;  // counting may take one tenth of the time
constexpr size_t kDestinationsMax = 100;
constexpr size_t kSnapshotRows = 60;
constexpr size_t kSnapshotColumns = 200;

// --- the terminal

constexpr std::string_view kEnter = "\033[?1049h\033[?25l";
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
termios g_saved;  // for the signal handler

void leave_terminal() noexcept {
  static_cast<void>(!write(STDOUT_FILENO, kLeave.data(), kLeave.size()));
  tcsetattr(STDIN_FILENO, TCSANOW, &g_saved);
}

void on_signal(int signal) {
  leave_terminal();
  ::signal(signal, SIG_DFL);
  raise(signal);
}

/// The other screen and keys as they are pressed, until it goes out of scope or a signal comes.
class Terminal {
 public:
  Terminal() {
    tcgetattr(STDIN_FILENO, &g_saved);
    struct sigaction action {};
    action.sa_handler = on_signal;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
      sigaction(signal, &action, nullptr);
    }
    termios keys = g_saved;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    static_cast<void>(!write(STDOUT_FILENO, kEnter.data(), kEnter.size()));
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { leave_terminal(); }

  static void draw(const TopPicture& picture) {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
      size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    }
    std::string out = "\033[H";
    bool first = true;
    for (const std::string& line : top_lines(picture, size.ws_row, size.ws_col)) {
      if (!first) out += "\r\n";
      out += first ? "\033[1m" + line + "\033[0m" : line;
      out += "\033[K";
      first = false;
    }
    out += "\033[J";
    static_cast<void>(!write(STDOUT_FILENO, out.data(), out.size()));
  }

  /// Waits for a key until `end`; true if it is one that ends the view.
  static bool wait_quit(Clock::time_point end) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int ready = poll(&input, 1, static_cast<int>(std::max<int64_t>(left, 0)));
      if (ready == 0) return false;
      if (ready < 0) return false;  // a resize: draw at once
      char key = 0;
      if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') return true;
    }
  }
};

// --- what is shown

class DestinationLines final : public LineSink {
 public:
  explicit DestinationLines(std::vector<std::string>* lines) : lines_(lines) {}
  void on_line(std::string_view line) override { lines_->emplace_back(line); }

 private:
  std::vector<std::string>* lines_;
};

class Watcher {
 public:
  explicit Watcher(std::string directory) : directory_(std::move(directory)) {}

  /// Asks for everything but the counts. False: no server; the picture then says so.
  bool refresh() {
    const Clock::time_point now = Clock::now();
    const Result<ControlAnswer> answer = ask_server(directory_, "GET", "/admin/v1/status");
    std::optional<TopStatus> status;
    if (answer.ok()) status = parse_top_status(answer->body);
    if (!status) {
      picture_.trouble = "mail system is down";
      return false;
    }
    picture_.trouble.clear();
    picture_.before = std::exchange(picture_.now, *std::move(status));
    picture_.seconds =
        at_ == Clock::time_point{} ? 0 : std::chrono::duration<double>(now - at_).count();
    at_ = now;
    picture_.unix_time = static_cast<uint64_t>(std::time(nullptr));
    picture_.destinations.clear();
    DestinationLines lines(&picture_.destinations);
    static_cast<void>(ask_server(directory_, "GET",
                                 fmt::format("/admin/v1/destinations?limit={}", kDestinationsMax),
                                 &lines));
    return true;
  }
  /// Counts the queue if that is due. `live` may be null; else it is drawn and asked for keys
  /// meanwhile.
  bool count(bool live);

  [[nodiscard]] const TopPicture& picture() {
    picture_.counts_age = std::chrono::duration<double>(Clock::now() - counted_at_).count();
    return picture_;
  }
  /// Until the next refresh is due. True if the user wants to go.
  bool wait_quit() { return Terminal::wait_quit(at_ + kRefresh); }

 private:
  class CountLines;

  std::string directory_;
  TopPicture picture_;
  Clock::time_point at_{};
  Clock::time_point counted_at_{};
  Clock::duration count_took_{};
};

class Watcher::CountLines final : public LineSink {
 public:
  CountLines(Watcher* watcher, bool live) : watcher_(watcher), live_(live) {}
  void on_line(std::string_view line) override {
    if (const auto counts = parse_top_counts(line); counts && counts->complete) {
      watcher_->picture_.counts = counts;
      watcher_->counted_at_ = Clock::now();
    }
    if (!live_ || quit_) return;
    quit_ = Terminal::wait_quit(Clock::now());
    if (Clock::now() < watcher_->at_ + kRefresh) return;
    static_cast<void>(watcher_->refresh());
    Terminal::draw(watcher_->picture());
  }
  [[nodiscard]] bool wants_more() const override { return !quit_; }

 private:
  Watcher* watcher_;
  bool live_;
  bool quit_ = false;
};

bool Watcher::count(bool live) {
  const Clock::time_point start = Clock::now();
  if (picture_.counts && start < counted_at_ + count_took_ * kCountRest) return false;
  CountLines lines(this, live);
  static_cast<void>(ask_server(directory_, "GET", "/admin/v1/queue_counts", &lines));
  count_took_ = Clock::now() - start;
  return !lines.wants_more();
}

int down(std::string_view name, int status) {
  fmt::print(stderr, "{}: fatal: mail system is down\n", name);
  return status;
}

int show_once(Watcher& watcher, std::string_view name, bool json) {
  static_cast<void>(watcher.count(false));
  static_cast<void>(
      poll(nullptr, 0, static_cast<int>(std::chrono::milliseconds(kRefresh).count())));
  if (!watcher.refresh()) return down(name, EX_TEMPFAIL);
  std::string out;
  if (json) {
    out = top_json(watcher.picture());
  } else {
    for (const std::string& line : top_lines(watcher.picture(), kSnapshotRows, kSnapshotColumns)) {
      out += line + '\n';
    }
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

int show_live(Watcher& watcher) {
  const Terminal terminal;
  for (;;) {
    Terminal::draw(watcher.picture());
    if (watcher.count(true)) return 0;
    Terminal::draw(watcher.picture());
    if (watcher.wait_quit()) return 0;
    static_cast<void>(watcher.refresh());
  }
}

}  // namespace

int run_top_command(Arguments arguments, std::string_view name) {
  std::string directory;
  bool json = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      fmt::print("{}", kHelp);
      return 0;
    }
    if (word == "--json") {
      json = true;
    } else if (word == "-c" && i + 1 < arguments.size()) {
      directory = arguments[++i];
    } else {
      fmt::print(stderr, "{}: fatal: unexpected \"{}\"; --help lists the options\n", name, word);
      return EX_USAGE;
    }
  }
  std::string queue_directory;
  if (const int status = find_queue_directory(directory, name, &queue_directory); status != 0) {
    return status;
  }
  Watcher watcher(queue_directory);
  if (!watcher.refresh()) return down(name, EX_UNAVAILABLE);
  const bool live = !json && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  return live ? show_live(watcher) : show_once(watcher, name, json);
}

}  // namespace barid::tools
