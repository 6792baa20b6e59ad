#include "bench/picture.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "bench/peer.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kSampleEvery = 200ms;
constexpr auto kToolPatience = 10s;
constexpr auto kStopPatience = 15s;

std::vector<PictureCase> make_cases() {
  std::vector<PictureCase> cases;
  cases.push_back({.name = "connection-limit",
                   .title = "A site that takes 5 connections; we would use 20",
                   .connections_max = 5,
                   .parameters = "default_destination_concurrency_failed_cohort_limit = 10\n"});
  cases.push_back({.name = "tempfail",
                   .title = "A site that answers every message with 451 for a while",
                   .faults = {.tempfail_fraction = 1, .from = 6s, .until = 12s},
                   .spans = {{.from = 6, .until = 12, .label = "451"}}});
  cases.push_back({.name = "greylisting",
                   .title = "A site that greylists each sender and recipient for 2 s",
                   .faults = {.greylist = 2s}});
  cases.push_back({.name = "storm",
                   .title = "A site that refuses all connections with 421 for a while",
                   .faults = {.tempfail_fraction = 1,
                              .tempfail_stage = Stage::kConnect,
                              .drop_fraction = 1,
                              .drop_stage = Stage::kMail,
                              .from = 6s,
                              .until = 12s},
                   .spans = {{.from = 6, .until = 12, .label = "421"}}});
  // So that the window has something to do.
  for (PictureCase& one : cases) {
    one.faults.delay = 20ms;
    one.faults.delay_stage = Stage::kDot;
  }
  return cases;
}

std::string main_cf(const PictureCase& picture, const PictureSetup& setup, uint16_t relay_port) {
  return fmt::format(
             "queue_directory = {0}/queue\n"
             "myhostname = barid.bench.example\n"
             "mydestination =\n"
             "mynetworks = 127.0.0.0/8\n"
             "inet_interfaces = 127.0.0.1\n"
             "inet_protocols = ipv4\n"
             "disable_dns_lookups = yes\n"
             "relayhost = [127.0.0.1]:{1}\n"
             "shard_count = 2\n"
             "minimal_backoff_time = 2s\n"
             "maximal_backoff_time = 4s\n"
             "initial_destination_concurrency = 2\n"
             "default_destination_concurrency_limit = 20\n"
             "maillog_file = {0}/maillog\n"
             "maillog_file_prefixes = {0}\n",
             setup.directory, relay_port) +
         picture.parameters;
}

/// The number behind `"name": ` in a line of JSON; 0 without one.
double number_of(std::string_view line, std::string_view name) {
  const std::string key = fmt::format("\"{}\": ", name);
  const size_t at = line.find(key);
  double value = 0;
  if (at == std::string_view::npos) return value;
  const std::string_view rest = line.substr(at + key.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// What is seen while the source runs.
struct Seen {
  TimeSeries window{.label = "window", .points = {}, .color = 0};
  TimeSeries in_use{.label = "connections at the site", .points = {}, .color = 2};
  TimeSeries rate{.label = "messages/s (right)", .points = {}, .color = 1, .right_axis = true};
};

absl::StatusOr<Seen> watch(const PictureSetup& setup, const SmtpSink& sink) {
  Seen seen;
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const std::string output = setup.directory + "/sample";
  double last_time = 0;
  uint64_t last_count = sink.message_count();
  for (auto next = start; seconds() < setup.seconds; next += kSampleEvery) {
    std::this_thread::sleep_until(next);
    ::unlink(output.c_str());  // what a program says is appended
    const absl::Status status = run_to_end(
        {.arguments = {setup.barid, "queue", "-c", setup.directory, "destinations", "--json"},
         .environment_extra = {},
         .output_path = output,
         .directory = ""},
        kToolPatience);
    if (!status.ok()) return status;
    const double now = seconds();
    const SiteSample sample = read_site_sample(text_of(output));
    // 0: the site is dead. Without mail in memory nobody knows the window: as it was.
    const double before = seen.window.points.empty() ? 0 : seen.window.points.back().second;
    const bool known = sample.dead || sample.window > 0;
    seen.window.points.emplace_back(now, sample.dead ? 0 : known ? sample.window : before);
    seen.in_use.points.emplace_back(now, static_cast<double>(sink.connection_count()));
    const uint64_t count = sink.message_count();
    seen.rate.points.emplace_back(now, static_cast<double>(count - last_count) / (now - last_time));
    last_time = now;
    last_count = count;
  }
  return seen;
}

}  // namespace

std::span<const PictureCase> picture_cases() {
  static const std::vector<PictureCase> cases = make_cases();
  return cases;
}

SiteSample read_site_sample(const std::string& lines) {
  const std::string_view line = std::string_view(lines).substr(0, lines.find('\n'));
  return {.window = number_of(line, "window"),
          .in_use = number_of(line, "in_use"),
          .dead = line.find("\"dead_until\"") != std::string_view::npos};
}

absl::StatusOr<std::string> draw_picture(const PictureCase& picture, const PictureSetup& setup) {
  const uint16_t port = find_free_port();
  const uint16_t relay_port = find_free_port();
  SinkOptions sink_options;
  sink_options.listen = {*parse_endpoint(fmt::format("127.0.0.1:{}", relay_port))};
  sink_options.faults = picture.faults;
  sink_options.connections_max = picture.connections_max;
  ProcessTree server;
  ::mkdir((setup.directory + "/queue").c_str(), 0755);
  absl::Status status = absl::OkStatus();
  status.Update(write_file(setup.directory + "/main.cf", main_cf(picture, setup, relay_port)));
  status.Update(write_file(setup.directory + "/master.cf",
                           fmt::format("127.0.0.1:{} inet n - n - - smtpd\n", port)));
  if (!status.ok()) return status;
  const std::string log = setup.directory + "/output";
  status = server.start({.arguments = {setup.barid, "serve", "-c", setup.directory},
                         .environment_extra = {},
                         .output_path = log,
                         .directory = ""});
  if (status.ok()) status = wait_for_greeting(port, server, log);
  if (!status.ok()) return status;
  // Its clock starts with the picture's: the server is up, and has no mail yet.
  const auto sink = SmtpSink::start(sink_options);
  if (!sink.ok()) return absl::UnavailableError("the sink cannot listen");
  ProcessTree source;
  status = source.start(
      {.arguments = {setup.self, "source", fmt::format("127.0.0.1:{}", port), "--rate",
                     fmt::format("{}", setup.rate), "--duration",
                     fmt::format("{:.0f}s", setup.seconds), "--sessions", "8", "--size", "2k"},
       .environment_extra = {},
       .output_path = setup.directory + "/source",
       .directory = ""});
  if (!status.ok()) return status;
  const absl::StatusOr<Seen> seen = watch(setup, **sink);
  source.stop(kStopPatience);
  server.stop(kStopPatience);
  if (!seen.ok()) return seen.status();
  return time_chart(picture.title, {seen->window, seen->in_use, seen->rate}, picture.spans);
}

}  // namespace barid::bench
