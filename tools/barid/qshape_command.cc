// qshape and barid queue shape.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/offline_queue.h"
#include "tools/barid/qshape.h"
#include "tools/barid/queue_client.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kHelp = R"({0} - how many recipients wait, by domain and age

SYNOPSIS
  {0} [-s] [-p] [-m MIN] [-l] [-b BUCKETS] [-t MINUTES] [-w WIDTH] [-n ROWS] [-N BATCH]
      [-c DIRECTORY] [QUEUE...]

  -s  count senders            -p  also rows of parent domains with MIN (5) or more below them
  -l  ages of equal width      -b, -t  10 buckets, the first 5 minutes wide
  -n  rows on a terminal (20)  -N  messages between two pictures on a terminal (1000)
  --json  a row is an object: name, total, and a count for each upper age in minutes
  QUEUE: incoming, active (the default), deferred, hold, maildrop

EXIT STATUS
  0   done     64  bad usage     69  the server does not run     78  configuration

EXAMPLES
  {0} deferred
  {0} -s -b 12 -t 1 incoming active deferred
)";

struct Options {
  ShapeOptions shape;
  std::string directory;
  uint32_t batch = 1000;
  uint32_t rows = 20;
  QueryWords queues;
  bool help = false;
  bool json = false;  ///< a row is an object
};

int usage(std::string_view name, std::string_view text) {
  fmt::print(stderr, "{}: fatal: {}\n", name, text);
  return EX_USAGE;
}

std::optional<uint32_t> parse_count(std::string_view text, uint32_t max) {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

/// A value that Postfix ignores because it is too small stays at its default. False: no number.
bool set_number(Options& options, char letter, std::string_view text) {
  const auto value = parse_count(text, letter == 'b' ? kShapeBucketsMax : 1'000'000);
  if (!value) return false;
  if (letter == 'm' && *value > 0) options.shape.subdomains_min = *value;
  if (letter == 'b' && *value > 0) options.shape.buckets = *value;
  if (letter == 't' && *value > 0) options.shape.tick_minutes = *value;
  if (letter == 'w' && *value > 80) options.shape.width = *value;
  if (letter == 'n') options.rows = *value;
  if (letter == 'N') options.batch = *value;
  return true;
}

int read_options(Arguments arguments, std::string_view name, Options* options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      options->help = true;
      return 0;
    }
    if (word == "--json") {
      options->json = true;
      continue;
    }
    if (!word.starts_with('-')) {
      constexpr std::array<std::string_view, 5> kQueues = {"maildrop", "incoming", "active",
                                                           "deferred", "hold"};
      if (std::find(kQueues.begin(), kQueues.end(), word) == kQueues.end()) {
        return usage(name, fmt::format("no queue \"{}\": {}", word, fmt::join(kQueues, ", ")));
      }
      options->queues.emplace_back("state", word);
      continue;
    }
    for (size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      if (letter == 's' || letter == 'p' || letter == 'l') {
        if (letter == 's') options->shape.senders = true;
        if (letter == 'p') options->shape.parents = true;
        if (letter == 'l') options->shape.linear = true;
        continue;
      }
      if (std::string_view("mbtwnNc").find(letter) == std::string_view::npos) {
        return usage(name, fmt::format("no option -{}; --help lists them", letter));
      }
      std::string_view value = word.substr(at + 1);
      if (value.empty()) {
        if (i + 1 == arguments.size()) return usage(name, fmt::format("-{} needs a value", letter));
        value = arguments[++i];
      }
      if (letter == 'c') {
        options->directory = value;
      } else if (!set_number(*options, letter, value)) {
        return usage(name, fmt::format("-{} \"{}\": a number{}", letter, value,
                                       letter == 'b' ? ", at most 40" : ""));
      }
      break;
    }
  }
  return 0;
}

class ShapeLines final : public LineSink {
 public:
  ShapeLines(const Options& options, bool terminal)
      : shape_(options.shape), batch_(terminal ? options.batch : 0), json_(options.json) {}
  void on_line(std::string_view line) override {
    const auto entry = parse_json_line(line);
    if (!entry.ok()) return;
    shape_.add(*entry, now_);
    if (batch_ > 0 && ++messages_ % batch_ == 0) show();
  }
  void show() {
    if (batch_ > 0) fmt::print("\033[H\033[2J");
    fmt::print("{}", json_ ? shape_.json() : shape_.text());
    std::fflush(stdout);
  }

 private:
  const WallTime now_ =
      std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  QueueShape shape_;
  uint64_t batch_;
  const bool json_;
  uint64_t messages_ = 0;
};

int shape(const std::string& queue_directory, Options options, std::string_view name) {
  const bool terminal = isatty(STDOUT_FILENO) != 0 && !options.json;
  if (terminal && options.rows > 0) options.shape.rows_max = options.rows;
  if (options.queues.empty()) options.queues = {{"state", "incoming"}, {"state", "active"}};
  ShapeLines lines(options, terminal);
  const Result<ControlAnswer> answer = list_queue(queue_directory, name, options.queues, &lines);
  if (!answer.ok()) {
    fmt::print(stderr, "{}: fatal: mail system is down\n", name);
    return EX_UNAVAILABLE;
  }
  lines.show();
  return 0;
}

}  // namespace

int run_shape(const std::string& queue_directory, Arguments arguments, std::string_view name) {
  Options options;
  if (const int status = read_options(arguments, name, &options); status != 0) return status;
  if (options.help) {
    fmt::print(fmt::runtime(kHelp), "barid queue shape");
    return 0;
  }
  return shape(queue_directory, std::move(options), name);
}

int run_qshape_command(Arguments arguments, std::string_view name) {
  Options options;
  if (const int status = read_options(arguments, name, &options); status != 0) return status;
  if (options.help) {
    fmt::print(fmt::runtime(kHelp), name);
    return 0;
  }
  std::string queue_directory;
  if (const int status = find_queue_directory(options.directory, name, &queue_directory);
      status != 0) {
    return status;
  }
  return shape(queue_directory, std::move(options), name);
}

}  // namespace barid::tools
