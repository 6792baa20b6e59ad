#include "bench/compare.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "bench/cli_util.h"
#include "bench/process_usage.h"
#include "bench/smtp_sink.h"

namespace barid::bench {
namespace {

namespace fs = std::filesystem;

constexpr Duration kDrainPoll = std::chrono::milliseconds(20);
constexpr Duration kDrainStall = std::chrono::seconds(15);  // no progress: the rest will not come

MonoTime mono_now() noexcept { return std::chrono::steady_clock::now(); }

double seconds_between(MonoTime from, MonoTime to) noexcept {
  return std::chrono::duration<double>(to - from).count();
}

/// Listens on every loopback address and never accepts: clients connect and wait for a greeting.
class HeldRelay {
 public:
  HeldRelay() {
    const auto endpoint = parse_endpoint("0.0.0.0:0");
    const auto fd = listen_on(*endpoint, {.loopback_only = true});
    if (fd.ok()) fd_ = *fd;
  }
  ~HeldRelay() {
    if (fd_ >= 0) ::close(fd_);
  }
  HeldRelay(const HeldRelay&) = delete;
  HeldRelay& operator=(const HeldRelay&) = delete;
  [[nodiscard]] uint16_t port() const { return fd_ < 0 ? uint16_t{0} : local_endpoint(fd_).port(); }

 private:
  int fd_ = -1;
};

Result<std::unique_ptr<SmtpSink>> start_sink() {
  SinkOptions options;
  BARID_TRY(const Endpoint endpoint, parse_endpoint("0.0.0.0:0"));
  options.listen = {endpoint};
  options.loopback_only = true;
  return SmtpSink::start(options);
}

SourceOptions source_options(const CompareOptions& options, const Workload& workload,
                             uint16_t port) {
  SourceOptions source;
  source.target = *parse_endpoint(fmt::format("127.0.0.1:{}", port));
  source.session_count = options.session_count;
  source.message_count = options.message_count;
  if (options.message_count == 0) source.duration = options.duration;
  source.mode = workload.mode;
  source.fall_back = true;
  source.shape.run = make_run_name();
  source.shape.size = options.size.whole;
  source.shape.size_parts = options.size.parts;
  source.shape.domain_count = workload.destination_count;
  source.stop = options.stop;
  source.stall_timeout = std::chrono::seconds(30);
  source.reply_timeout = std::chrono::seconds(30);
  return source;
}

void take_source(const SourceReport& source, RunResult& result) {
  const SourceCounts& counts = source.counts;
  result.messages = counts.accepted;
  result.seconds = source.seconds;
  result.messages_per_second = source.messages_per_second;
  result.latency = source.latency;
  result.load_cpu_seconds = source.cpu_seconds;
  result.bytes_accepted = counts.bytes_accepted;
  result.refused = counts.tempfailed + counts.permfailed + counts.lost + counts.in_doubt;
  if (source.fell_back) {
    result.remark =
        "does not offer what the clients wanted to use: they sent one command at a time";
  }
  if (!source.stopped_by.empty())
    result.problem = source.stopped_by;
  else if (counts.accepted == 0)
    result.problem = "nothing was accepted: " + counts.first_refusal;
}

/// Waits until the sink has `wanted` messages, nothing more arrives, or the time is over.
void wait_for_drain(const SmtpSink& sink, uint64_t wanted, Duration timeout) {
  const MonoTime until = mono_now() + timeout;
  MonoTime moved_at = mono_now();
  uint64_t seen = 0;
  while (sink.message_count() < wanted) {
    const MonoTime now = mono_now();
    if (now >= until || now - moved_at > kDrainStall) return;
    std::this_thread::sleep_for(kDrainPoll);
    if (const uint64_t count = sink.message_count(); count != seen) {
      seen = count;
      moved_at = now;
    }
  }
}

void take_sink(const SinkReport& sink, MonoTime start, RunResult& result) {
  result.load_cpu_seconds += sink.cpu_seconds;
  result.duplicates = sink.sequence.duplicates;
  result.corrupt = sink.counts.corrupt;
  result.undelivered = result.messages - std::min(result.messages, sink.sequence.unique);
  result.seconds = seconds_between(start, sink.counts.last_message);
  if (result.seconds > 0) {
    result.messages_per_second = static_cast<double>(sink.sequence.unique) / result.seconds;
  }
  if (result.undelivered > 0 && result.problem.empty()) {
    result.problem = fmt::format("{} messages were not delivered in time", result.undelivered);
  }
}

/// Notes how much of the machine was used by neither the server nor the load generator.
class DisturbanceMeter {
 public:
  void finish(RunResult& result) const {
    const double processors = static_cast<double>(std::thread::hardware_concurrency());
    const double capacity = seconds_between(start_, mono_now()) * processors;
    const double used = read_machine_cpu() - cpu_before_;
    const double ours = result.cpu_seconds + result.load_cpu_seconds;
    if (capacity > 0) result.other_cpu_share = std::max(0.0, (used - ours) / capacity);
  }

 private:
  const MonoTime start_ = mono_now();
  const double cpu_before_ = read_machine_cpu();
};

RunResult run_direct(const CompareOptions& options, const Workload& workload) {
  RunResult result;
  const auto sink = start_sink();
  if (!sink.ok()) {
    result.problem = error_text(sink.error());
    return result;
  }
  const DisturbanceMeter others;
  const auto source = run_source(source_options(options, workload, (*sink)->endpoints()[0].port()));
  if (!source.ok()) {
    result.problem = error_text(source.error());
    return result;
  }
  take_source(*source, result);
  result.load_cpu_seconds += (*sink)->report().cpu_seconds;
  others.finish(result);
  return result;
}

/// What is read before and after the load.
struct Reading {
  TreeUsage tree;
  std::optional<uint64_t> device;

  Reading(pid_t root, const std::string& directory) {
    sync_file_system(directory);  // so that nothing of before or after is counted here
    device = read_device_written(directory);
    tree = read_tree_usage(root);
  }
};

void take_usage(const Reading& before, const Reading& after, RunResult& result) {
  result.cpu_seconds = after.tree.cpu_seconds - before.tree.cpu_seconds;
  if (result.bytes_accepted == 0) return;
  const auto accepted = static_cast<double>(result.bytes_accepted);
  if (before.tree.io_known && after.tree.io_known) {
    result.written_ratio =
        static_cast<double>(after.tree.written_bytes - before.tree.written_bytes) / accepted;
  }
  if (before.device && after.device) {
    result.device_written_ratio = static_cast<double>(*after.device - *before.device) / accepted;
  }
}

void run_load(Peer& peer, const CompareOptions& options, const Workload& workload,
              const PeerSetup& setup, const SmtpSink* sink, RunResult& result) {
  result.memory_idle = read_tree_memory(peer.root_pid());
  const Reading before(peer.root_pid(), setup.directory);
  MemorySampler memory(peer.root_pid());
  const DisturbanceMeter others;
  SourceOptions load = source_options(options, workload, setup.port);
  const bool one_by_one = load.mode != SourceMode::kSequential && !peer.pipelines_behind_content();
  if (one_by_one) load.mode = SourceMode::kSequential;
  const auto source = run_source(load);
  if (!source.ok()) {
    result.problem = error_text(source.error());
    return;
  }
  take_source(*source, result);
  if (one_by_one) {
    result.remark =
        "refuses commands that come right behind content: the clients sent one command at a time";
  }
  if (sink != nullptr && result.messages > 0) {
    wait_for_drain(*sink, result.messages, options.drain_timeout);
    take_sink(sink->report(), source->first_message, result);
  }
  const Reading after(peer.root_pid(), setup.directory);
  result.memory_peak = memory.stop();
  take_usage(before, after, result);
  others.finish(result);
}

/// One idle client: greeted, EHLO answered. -1 on failure.
int open_idle_session(uint16_t port) {
  const auto endpoint = parse_endpoint(fmt::format("127.0.0.1:{}", port));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto read_reply = [fd] {
    char text[4096];
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&wait, 1, 5000) > 0 && ::recv(fd, text, sizeof text, 0) > 0;
  };
  constexpr std::string_view kHello = "EHLO idle.bench.example\r\n";
  const bool ok =
      fd >= 0 &&
      ::connect(fd, reinterpret_cast<const sockaddr*>(&endpoint->address), endpoint->length) == 0 &&
      read_reply() && ::send(fd, kHello.data(), kHello.size(), MSG_NOSIGNAL) > 0 && read_reply();
  if (ok) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

void run_idle(Peer& peer, const PeerSetup& setup, RunResult& result) {
  constexpr auto kSettle = std::chrono::milliseconds(500);
  std::this_thread::sleep_for(kSettle);
  result.memory_idle = read_tree_memory(peer.root_pid());
  std::vector<int> sessions;
  for (uint32_t i = 0; i < peer.idle_session_count(); ++i) {
    const int fd = open_idle_session(setup.port);
    if (fd < 0) {
      result.problem = fmt::format("only {} idle sessions were accepted", i);
      break;
    }
    sessions.push_back(fd);
  }
  std::this_thread::sleep_for(kSettle);
  result.memory_peak = read_tree_memory(peer.root_pid());
  if (!sessions.empty() && result.memory_peak > result.memory_idle) {
    result.session_bytes = static_cast<double>(result.memory_peak - result.memory_idle) /
                           static_cast<double>(sessions.size());
  }
  for (const int fd : sessions) ::close(fd);
}

RunResult run_peer(Peer& peer, const CompareOptions& options, const Workload& workload) {
  RunResult result;
  PeerSetup setup;
  setup.directory =
      fmt::format("{}/{}-{}-{}", options.directory, workload.key, peer.name(), make_run_name());
  setup.port = find_free_port();
  setup.destination_count = workload.destination_count;
  setup.delivers = workload.kind == Workload::Kind::kRelay;
  setup.keep_logs = options.keep_directories;
  std::error_code error;
  if (!fs::create_directories(setup.directory, error)) {
    result.problem = fmt::format("cannot make {}: {}", setup.directory, error.message());
    return result;
  }
  // The servers' own users must get through.
  fs::permissions(setup.directory, fs::perms(0755), error);

  const HeldRelay held;
  std::unique_ptr<SmtpSink> sink;
  setup.relay_port = held.port();
  if (setup.delivers) {
    auto started = start_sink();
    if (started.ok()) {
      sink = *std::move(started);
      setup.relay_port = sink->endpoints()[0].port();
    } else {
      result.problem = error_text(started.error());
    }
  }
  if (result.problem.empty()) {
    if (const absl::Status started = peer.start(setup); !started.ok()) {
      result.problem = std::string(started.message());
    } else if (workload.kind == Workload::Kind::kIdle) {
      run_idle(peer, setup, result);
    } else {
      run_load(peer, options, workload, setup, sink.get(), result);
    }
  }
  peer.stop();
  sink.reset();
  if (!options.keep_directories) fs::remove_all(setup.directory, error);
  return result;
}

}  // namespace

const std::vector<Workload>& workload_catalogue() {
  using Kind = Workload::Kind;
  static const std::vector<Workload> kCatalogue = {
      {"accept-sequential", "Accept, one command at a time", Kind::kAccept, SourceMode::kSequential,
       1},
      {"accept-pipeline", "Accept, pipelining clients", Kind::kAccept, SourceMode::kPipeline, 1},
      {"accept-bdat", "Accept, BDAT with several messages in flight", Kind::kAccept,
       SourceMode::kBdat, 1},
      {"relay-1", "End to end, one destination", Kind::kRelay, SourceMode::kPipeline, 1},
      {"relay-1000", "End to end, 1,000 destinations", Kind::kRelay, SourceMode::kPipeline, 1000},
      {"relay-1-sequential", "End to end, one destination, one command at a time", Kind::kRelay,
       SourceMode::kSequential, 1},
      {"relay-1000-sequential", "End to end, 1,000 destinations, one command at a time",
       Kind::kRelay, SourceMode::kSequential, 1000},
      {"relay-1-bdat", "End to end, one destination, BDAT clients", Kind::kRelay, SourceMode::kBdat,
       1},
      {"idle", "Memory at rest and per idle session", Kind::kIdle, SourceMode::kSequential, 1},
  };
  return kCatalogue;
}

std::optional<Workload> find_workload(const std::string& key) {
  for (const Workload& workload : workload_catalogue()) {
    if (workload.key == key) return workload;
  }
  return std::nullopt;
}

const std::vector<RunResult>* Comparison::find(const std::string& workload,
                                               const std::string& peer) const {
  const auto row = runs.find(workload);
  if (row == runs.end()) return nullptr;
  const auto cell = row->second.find(peer);
  return cell == row->second.end() ? nullptr : &cell->second;
}

void run_comparison(Comparison& comparison, std::vector<std::unique_ptr<Peer>>& peers,
                    bool with_direct, const Progress& progress) {
  const MonoTime start = mono_now();
  const CompareOptions& options = comparison.options;
  const auto stopped = [&options] { return options.stop != nullptr && options.stop->load(); };
  for (uint32_t round = 0; round < options.round_count; ++round) {
    for (const Workload& workload : comparison.workloads) {
      const bool idle = workload.kind == Workload::Kind::kIdle;
      if (idle && round > 0) continue;  // memory at rest does not vary
      auto& cells = comparison.runs[workload.key];
      const auto announce = [&](const std::string& name) {
        progress(
            fmt::format("round {}/{}  {}  {}", round + 1, options.round_count, workload.key, name));
      };
      if (with_direct && !idle && !stopped()) {
        announce(kDirect);
        cells[kDirect].push_back(run_direct(options, workload));
      }
      for (const auto& peer : peers) {
        if (stopped()) break;
        announce(peer->name());
        cells[peer->name()].push_back(run_peer(*peer, options, workload));
      }
    }
  }
  comparison.seconds = seconds_between(start, mono_now());
}

}  // namespace barid::bench
