// barid trace: one message or one address, through queue, schedule, events and log.
#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>

#include "core/base/queue_id.h"
#include "core/text/json.h"
#include "core/text/utf8.h"
#include "tools/barid/commands.h"
#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"
#include "tools/barid/trace_view.h"

namespace barid::tools {
namespace {

using Arguments = std::span<const char* const>;

constexpr std::string_view kHelp = R"(barid trace - follow a message or an address

SYNOPSIS
  barid trace [-c DIRECTORY] ID [--log FILE] [--json]
  barid trace [-c DIRECTORY] ADDRESS [--sender A] [--pool P] [--log FILE] [--json]
  barid trace [-c DIRECTORY] --live (--destination D | --client A) [--for 10m] [--json]

  ID       of a message, as mailq and the log show it: for each recipient where it is, why it
           waits, until when, which rule, limit or order holds it, and what would end that; then
           its events and its lines of the log. Mail that has left the queue too.
  ADDRESS  where mail for it would go, by which limits, and what would keep it back now; then its
           messages in the queue, and its last lines of the log

  --live   SMTP sessions as they are spoken, with the servers of a domain or host (--destination),
           or with a client by address or name: commands and replies (> is ours), no content and
           nothing of what AUTH carries; --for so long, at most 1h

  --sender A, --pool P   route as mail from A, or mail of a pool, would be
  --log FILE             the log to read, instead of maillog_file if that is a file
  --json                 one object

EXIT STATUS
  0   done            64  bad usage       65  neither a queue id nor an address, or nothing known
  69  the server does not run (the log is shown all the same)             78  configuration

EXAMPLES
  barid trace 4hQz1k2abcd9
  barid trace user@example.org --sender news@example.com
  barid trace --live --destination example.org --for 1m
  mailq | grep -o '^[0-9A-Za-z]\{12,\}' | head -1 | xargs barid trace
)";

constexpr size_t kLogLinesMax = 200;  // of a message
constexpr size_t kAddressLogLinesMax = 20;
constexpr size_t kMessagesMax = 20;
constexpr size_t kLogLineBytesMax = 64 * 1024;

struct Options {
  std::string config_directory, queue_directory, word, log, destination, client, duration;
  bool live = false;
  QueryWords route;
  bool json = false;
};

int fail(int status, std::string_view text) {
  fmt::print(stderr, "barid trace: fatal: {}\n", text);
  return status;
}

/// 0, or 64 after saying why; -1: help was wanted.
int read_options(Arguments arguments, Options* options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") return -1;
    if (word == "--json") {
      options->json = true;
      continue;
    }
    if (word == "--live") {
      options->live = true;
      continue;
    }
    if (!word.starts_with('-')) {
      if (!options->word.empty()) return fail(EX_USAGE, "one queue id or address at a time");
      options->word = word;
      continue;
    }
    constexpr std::array<std::string_view, 7> kWithValue = {
        "-c", "--log", "--sender", "--pool", "--destination", "--client", "--for"};
    if (std::find(kWithValue.begin(), kWithValue.end(), word) == kWithValue.end()) {
      return fail(EX_USAGE, fmt::format("no option {}; --help lists them", word));
    }
    if (i + 1 == arguments.size()) return fail(EX_USAGE, fmt::format("{} needs a value", word));
    const std::string value = arguments[++i];
    if (word == "-c") {
      options->config_directory = value;
    } else if (word == "--log") {
      options->log = value;
    } else if (word == "--destination") {
      options->destination = value;
    } else if (word == "--client") {
      options->client = value;
    } else if (word == "--for") {
      options->duration = value;
    } else {
      options->route.emplace_back(word.substr(2), value);
    }
  }
  const bool has_peer = !options->destination.empty() || !options->client.empty();
  if (options->live) {
    const bool one = options->destination.empty() != options->client.empty();
    if (one && options->word.empty()) return 0;
    return fail(EX_USAGE, "--live takes --destination or --client, one of them, and nothing else");
  }
  if (has_peer || !options->duration.empty()) {
    return fail(EX_USAGE, "--destination, --client and --for go with --live");
  }
  if (options->word.empty()) return fail(EX_USAGE, "say a queue id or an address; --help explains");
  return 0;
}

class Lines final : public LineSink {
 public:
  explicit Lines(size_t most = SIZE_MAX) : most_(most) {}
  void on_line(std::string_view line) override { lines.emplace_back(line); }
  [[nodiscard]] bool wants_more() const override { return lines.size() < most_; }
  std::vector<std::string> lines;

 private:
  size_t most_;
};

/// What the server knows; each question once.
class Server {
 public:
  explicit Server(std::string queue_directory) : directory_(std::move(queue_directory)) {}

  /// Empty: no server, or it knows no such thing.
  std::string get(const std::string& path) {
    const Result<ControlAnswer> answer = ask_server(directory_, "GET", path);
    if (!answer.ok()) {
      down_ = down_ || answer.error().code == Code::kUnavailable;
      return {};
    }
    return answer->status == 200 ? answer->body : std::string();
  }
  std::vector<std::string> get_lines(const std::string& path, size_t most = SIZE_MAX) {
    Lines lines(most);
    const Result<ControlAnswer> answer = ask_server(directory_, "GET", path, &lines);
    down_ = down_ || (!answer.ok() && answer.error().code == Code::kUnavailable);
    const bool complete = answer.ok() && answer->status == 200;
    return complete || lines.lines.size() >= most ? lines.lines : std::vector<std::string>();
  }
  [[nodiscard]] bool down() const noexcept { return down_; }

  const std::vector<TraceSuspension>& suspensions() {
    if (suspensions_known_) return suspensions_;
    suspensions_known_ = true;
    for (const std::string& line : get_lines("/admin/v1/suspensions")) {
      if (auto entry = parse_trace_suspension(line)) suspensions_.push_back(*std::move(entry));
    }
    return suspensions_;
  }
  const TraceDestination* destination(const TraceRoute& route) {
    if (!destinations_known_) {
      destinations_known_ = true;
      for (const std::string& line : get_lines("/admin/v1/destinations")) {
        if (auto one = parse_trace_destination(line)) destinations_.push_back(*std::move(one));
      }
    }
    for (const TraceDestination& one : destinations_) {
      if (one.transport == route.transport && one.next_hop == route.next_hop) return &one;
    }
    return nullptr;
  }

 private:
  const std::string directory_;
  bool down_ = false;
  bool suspensions_known_ = false;
  bool destinations_known_ = false;
  std::vector<TraceSuspension> suspensions_;
  std::vector<TraceDestination> destinations_;
};

/// The last lines of a log that are about something; the file is read once, as a stream.
template <typename Predicate>
std::vector<std::string> read_log(const std::string& path, size_t most, Predicate&& is_about) {
  std::deque<std::string> found;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return {};
  std::string buffer(1u << 20, '\0');
  std::string rest;
  for (size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0;) {
    rest.append(buffer, 0, count);
    size_t start = 0;
    for (size_t end; (end = rest.find('\n', start)) != std::string::npos; start = end + 1) {
      const std::string_view line = std::string_view(rest).substr(start, end - start);
      if (!is_about(line)) continue;
      found.emplace_back(line);
      if (found.size() > most) found.pop_front();
    }
    rest.erase(0, start);
    if (rest.size() > kLogLineBytesMax) rest.clear();  // no line of ours
  }
  return {found.begin(), found.end()};
}

std::string printable(std::string_view text) {
  std::string out;
  text::append_printable(out, text);
  return out;
}

void json_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += out.ends_with('{') || out.ends_with('[') ? "" : ", ";
  text::append_json_string(out, name);
  out += ": ";
  text::append_json_string(out, value);
}

void json_lines(std::string& out, std::string_view name, const std::vector<std::string>& lines) {
  out += fmt::format(", \"{}\": [", name);
  for (const std::string& line : lines) {
    if (!out.ends_with('[')) out += ", ";
    text::append_json_string(out, line);
  }
  out += ']';
}

void json_verdict(std::string& out, const TraceVerdict& verdict) {
  json_member(out, "where", verdict.where);
  json_member(out, "why", verdict.why);
  json_member(out, "held_by", verdict.held_by);
  json_member(out, "remedy", verdict.remedy);
  if (verdict.until != 0) out += fmt::format(", \"until\": {}", verdict.until);
}

void print_field(std::string_view name, std::string_view value) {
  if (!value.empty()) fmt::print("  {:<9} {}\n", name, printable(value));
}

void print_verdict(const TraceVerdict& verdict, int64_t now) {
  print_field("where", verdict.where);
  print_field("why", verdict.why);
  print_field("held by", verdict.held_by);
  if (verdict.until != 0) {
    print_field("until", fmt::format("{} (in {})", trace_time(verdict.until),
                                     trace_span(verdict.until - now)));
  }
  print_field("remedy", verdict.remedy);
}

void print_route(const TraceRoute& route) {
  print_field("goes by", fmt::format("{} to {}", route.transport, route.next_hop));
  print_field("site", route.site);
  print_field("pool", route.pool);
}

void print_block(std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  fmt::print("\n{}\n", title);
  for (const std::string& line : lines) fmt::print("  {}\n", printable(line));
}

std::optional<TraceRoute> find_route(Server& server, const QueryWords& words,
                                     std::string_view address) {
  QueryWords query = words;
  query.emplace_back("recipient", address);
  return parse_trace_route(server.get("/admin/v1/shape" + query_text(query)));
}

int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void describe_recipients(Server& server, const TraceMessage& message, const Options& options,
                         std::string* out) {
  QueryWords words = {{"sender", message.sender == "MAILER-DAEMON" ? "<>" : message.sender}};
  if (!message.pool.empty()) words.emplace_back("pool", message.pool);
  for (const TraceRecipient& recipient : message.recipients) {
    const std::optional<TraceRoute> route = find_route(server, words, recipient.address);
    const TraceState state{.route = route ? &*route : nullptr,
                           .destination = route ? server.destination(*route) : nullptr,
                           .suspensions = &server.suspensions(),
                           .now = unix_now()};
    const TraceVerdict verdict = judge_recipient(message, recipient, state);
    if (options.json) {
      *out += out->ends_with('[') ? "{" : ", {";
      json_member(*out, "address", recipient.address);
      json_member(*out, "state", recipient.state);
      json_verdict(*out, verdict);
      if (route) {
        json_member(*out, "transport", route->transport);
        json_member(*out, "next_hop", route->next_hop);
        json_member(*out, "site", route->site);
      }
      json_member(*out, "last_reply", recipient.reason);
      json_member(*out, "dsn", recipient.dsn);
      *out += '}';
      continue;
    }
    fmt::print("\nto        {}\n", printable(recipient.address));
    print_verdict(verdict, state.now);
    if (route) print_route(*route);
    if (recipient.reason != verdict.why) print_field("last", recipient.reason);
    print_field("server", recipient.remote_mta);
  }
}

void print_head(const TraceMessage& message) {
  const int64_t now = unix_now();
  fmt::print("message   {}\nfrom      {}\n", message.id, printable(message.sender));
  fmt::print("arrived   {} ({} ago), {} bytes, {} attempt{}\n", trace_time(message.arrival),
             trace_span(now - message.arrival), message.size, message.attempts,
             message.attempts == 1 ? "" : "s");
  fmt::print("queue     {}{}\n", message.queue,
             message.forced_expire ? ", expired by an operator" : "");
  fmt::print("lane      {}{}{}\n", message.stream, message.tenant.empty() ? "" : ", tenant ",
             printable(message.tenant));
}

int trace_message(Server& server, const Options& options) {
  const auto is_about = [&](std::string_view line) { return is_log_of_id(line, options.word); };
  const std::vector<std::string> log = read_log(options.log, kLogLinesMax, is_about);
  const auto message = parse_trace_message(server.get("/admin/v1/queue/" + options.word));
  const std::vector<std::string> events =
      server.get_lines(fmt::format("/admin/v1/queue/{}/events", options.word));
  if (server.down()) fmt::print(stderr, "barid trace: warning: the mail system is down\n");
  const int status = server.down() ? EX_UNAVAILABLE : 0;
  if (!message && events.empty() && log.empty()) {
    if (status != 0) return status;
    return fail(EX_DATAERR, fmt::format("nothing is known of {}: it is not in the queue, has no "
                                        "events, and {}",
                                        options.word,
                                        options.log.empty() ? "there is no log file; see --log"
                                                            : options.log + " does not name it"));
  }
  if (options.json) {
    std::string out = "{";
    json_member(out, "queue_id", options.word);
    json_member(out, "queue_name", message ? message->queue : "none");
    out += ", \"recipients\": [";
    if (message) describe_recipients(server, *message, options, &out);
    out += "], \"events\": [";
    for (const std::string& event : events) out += (out.ends_with('[') ? "" : ", ") + event;
    out += ']';
    json_lines(out, "log", log);
    fmt::print("{}}}\n", out);
    return status;
  }
  if (message) {
    print_head(*message);
    describe_recipients(server, *message, options, nullptr);
  } else {
    fmt::print("message   {}\nqueue     none: it has left the queue\n", options.word);
  }
  print_block("events", events);
  print_block("log", log);
  return status;
}

int trace_address(Server& server, const Options& options) {
  const std::optional<TraceRoute> route = find_route(server, options.route, options.word);
  const auto is_about = [&](std::string_view line) {
    return is_log_of_address(line, options.word);
  };
  const std::vector<std::string> log = read_log(options.log, kAddressLogLinesMax, is_about);
  if (server.down()) {
    fmt::print(stderr, "barid trace: warning: the mail system is down\n");
    print_block("log", log);
    return EX_UNAVAILABLE;
  }
  if (!route) return fail(EX_TEMPFAIL, "the server cannot say where that would go");
  const TraceState state{.route = &*route,
                         .destination = server.destination(*route),
                         .suspensions = &server.suspensions(),
                         .now = unix_now()};
  const TraceVerdict verdict = judge_address(options.word, state);
  const std::vector<std::string> queued =
      server.get_lines("/admin/v1/queue" + query_text({{"recipient", options.word}}), kMessagesMax);
  if (options.json) {
    std::string out = "{";
    json_member(out, "address", options.word);
    json_member(out, "transport", route->transport);
    json_member(out, "next_hop", route->next_hop);
    json_member(out, "site", route->site);
    json_member(out, "pool", route->pool);
    json_verdict(out, verdict);
    out += ", \"settings\": {";
    for (const auto& [name, setting] : route->settings) {
      out += fmt::format("{}\"{}\": {{", out.ends_with('{') ? "" : ", ", name);
      json_member(out, "value", setting.value);
      json_member(out, "from", setting.from);
      out += '}';
    }
    out += "}, \"queued\": [";
    for (const std::string& line : queued) out += (out.ends_with('[') ? "" : ", ") + line;
    out += ']';
    json_lines(out, "log", log);
    fmt::print("{}}}\n", out);
    return 0;
  }
  fmt::print("address   {}\n", printable(options.word));
  print_route(*route);
  if (verdict.where.empty()) {
    print_field("now", "nothing keeps mail for it back");
  } else {
    print_verdict(verdict, state.now);
  }
  fmt::print("\nlimits\n");
  for (const auto& [name, setting] : route->settings) {
    fmt::print("  {:<24} {:<12} {}\n", name, setting.value.empty() ? "-" : printable(setting.value),
               printable(setting.from));
  }
  print_block(
      fmt::format("in the queue{}", queued.size() >= kMessagesMax ? ", the first ones" : ""),
      queued);
  print_block("log", log);
  return 0;
}

}  // namespace

int run_trace_command(Arguments arguments, std::string_view) {
  Options options;
  const int status = read_options(arguments, &options);
  if (status < 0) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (status != 0) return status;
  const bool is_address = options.word.find('@') != std::string::npos;
  if (!options.live && !is_address && !QueueId::parse(options.word)) {
    return fail(EX_DATAERR,
                fmt::format("\"{}\" is neither a queue id ({} letters and digits, as mailq shows "
                            "them) nor an address such as user@example.org",
                            options.word, QueueId::kTextBytes));
  }
  const config::LoadResult loaded = load_client_configuration(options.config_directory);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    fmt::print(stderr, "barid trace: fatal: {}\n", error.str());
  }
  if (!loaded.ok()) return EX_CONFIG;
  options.queue_directory = client_queue_directory(*loaded.configuration);
  if (options.live) {
    const bool of_client = !options.client.empty();
    return run_trace_live(options.queue_directory, of_client,
                          of_client ? options.client : options.destination, options.duration,
                          options.json);
  }
  if (options.log.empty()) {
    const std::string path = loaded.configuration->get("maillog_file");
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) options.log = path;
  } else if (!std::filesystem::exists(options.log)) {
    return fail(EX_DATAERR, fmt::format("--log {}: no such file", options.log));
  }
  Server server(options.queue_directory);
  return is_address ? trace_address(server, options) : trace_message(server, options);
}

}  // namespace barid::tools
