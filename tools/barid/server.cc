#include "tools/barid/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/obs/log_writer.h"
#include "shard/queue/queue_directory.h"
#include "shard/runtime/kernel_sockets.h"
#include "tools/barid/control_server.h"
#include "tools/barid/file_watch.h"
#include "tools/barid/http_site.h"
#include "tools/barid/maildrop.h"
#include "tools/barid/tls_report_file.h"
#include "tools/barid/tracking_key.h"
#include "tools/barid/warmup_file.h"
#include "tools/barid/webhook_link.h"

namespace barid::tools {
namespace {

/// As ps and top show it.
void name_thread(std::thread& thread, const std::string& name) {
  static_cast<void>(::pthread_setname_np(thread.native_handle(), name.c_str()));
}

constexpr size_t kReadyLogsCount = 2;  // a partition: one being written, one while that is flushed

class Server {
 public:
  Server(const ServerOptions& options, std::FILE* err) : options_(options), err_(err) {}

  int run();

 private:
  bool load_configuration();
  bool open_queue();
  bool open_log();
  bool ports_are_free();
  [[nodiscard]] static std::string probe_port(const net::SocketAddress& address);
  [[nodiscard]] std::vector<std::string> find_taken_ports(const ShardSettings& settings,
                                                          std::vector<std::string>* services);
  bool start_shards();
  void serve_signals();
  void reload();
  void stop_shards();
  void load_counts();
  void save_warmup();
  void pick_up_mail();
  void save_tls_reports();
  [[nodiscard]] std::vector<std::string> changes_that_wait(const config::Configuration& next) const;
  void print(const config::Diagnostics& diagnostics) const;
  /// Standard error may be gone (a closed pipe, a full disk): that is no reason to end.
  void complain(std::string_view text) const {
    const std::string line = fmt::format("barid: {}\n", text);
    static_cast<void>(std::fwrite(line.data(), 1, line.size(), err_));
  }
  /// Partition numbers of shard `index`: its own first, then adopted ones.
  [[nodiscard]] std::vector<uint16_t> partitions_of(uint16_t index) const;

  const ServerOptions& options_;
  std::FILE* err_;
  std::unique_ptr<const config::Configuration> configuration_;
  std::map<std::string_view, std::string> values_at_start_;  ///< of parameters that need a restart
  ProcessSettings process_;
  queue::QueueDirectory directory_;
  SuspensionFile suspension_file_;
  std::unique_ptr<LogWriter> log_writer_;
  std::thread log_thread_;
  std::unique_ptr<rt::Mesh> mesh_;
  std::unique_ptr<rt::OffloadPool> offload_;
  smtp::ClientTable clients_;
  net::TlsTicketKeys tickets_;
  std::unique_ptr<StsStore> sts_store_;
  policy::WarmupCounts warmup_;
  smtp::TlsReportCounts tls_reports_;
  int houseworks_count_ = 0;
  std::atomic<uint32_t> log_pids_{0};
  std::vector<std::vector<OpenedPartition>> opened_;
  std::vector<ShardSettings> shard_settings_;  ///< until the shards have them
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Shard*> all_shards_;
  http::StoreDirectory all_stores_;
  http::RequestLedger ledger_;
  rt::SystemClock webhook_clock_;
  http::EndpointList endpoints_;
  http::EventFloors event_floors_;
  queue::IdHorizon id_horizon_;
  http::SuppressionFilter suppressions_;
  std::string tracking_key_;
  WebhookLink webhook_link_{all_shards_};
  http::WebhookWorker webhooks_{{.clock = webhook_clock_,
                                 .stores = all_stores_,
                                 .endpoints = endpoints_,
                                 .floors = event_floors_,
                                 .horizon = id_horizon_,
                                 .host = webhook_link_,
                                 .seed = static_cast<uint64_t>(getpid())}};
  std::thread webhook_thread_;
  std::vector<std::thread> threads_;
  FileWatch watch_;
  std::set<uint16_t> own_ports_;  ///< that shards listen on
  int pickup_rest_ = 0;           ///< turns of housework
  int signal_fd_ = -1;
};

/// What warming addresses sent is on disk, and changed files are seen, after this long, in
/// milliseconds.
constexpr int kHouseworkInterval = 1000;
/// How often a new port is looked at, and the pause in milliseconds, before it counts as taken.
constexpr int kPortPatience = 10;
constexpr int kPortPause = 50;
/// What was counted for reports on TLS is on disk after so many of them.
constexpr int kTlsReportsEvery = 10;

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

/// The kernel's table of descriptors is made this large at once. Each time it doubles in a process
/// with threads, whoever asks for a descriptor waits for an RCU grace period: 10 to 100 ms in which
/// no connection is accepted or made.
constexpr rlim_t kDescriptorTableSize = 65'536;  // 0.5 MiB of the kernel's memory

/// As many descriptors as the system allows: each session is one.
/// A core dump would be a copy of what keys and queue keep from others.
void forbid_core_dumps() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  // Where it fails the old limit stays, and is reported by accept.
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  const rlim_t size = std::min(limit.rlim_cur, kDescriptorTableSize);
  const int last = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(size) - 1);
  if (last >= 0) ::close(last);
}

/// Whoever started us reads our output to its end; what is said from here on goes to the log.
void let_go_of_terminal() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  ::close(null);
}

StsSettings sts_settings(const config::Configuration& configuration) {
  return {.ca_file = configuration.get("mta_sts_CAfile"),
          .port = static_cast<uint16_t>(configuration.get_int("mta_sts_port"))};
}

void set_tls_reports(const config::Configuration& configuration, smtp::TlsReportCounts* counts) {
  counts->set(configuration.get_bool("smtp_tlsrpt_enable"),
              configuration.get_time("tlsrpt_interval"));
}

void Server::print(const config::Diagnostics& diagnostics) const {
  for (const config::Diagnostic& warning : diagnostics.warnings)
    complain("warning: " + warning.str());
  for (const config::Diagnostic& error : diagnostics.errors) complain("fatal: " + error.str());
}

bool Server::load_configuration() {
  config::LoadResult loaded = config::Configuration::load(options_.load);
  print(loaded.diagnostics);
  if (!loaded.ok()) return false;
  configuration_ = std::move(loaded.configuration);
  process_ = build_process_settings(*configuration_);
  process_.mailbox_directory = options_.mailbox_directory;
  for (const config::Parameter& parameter : config::all_parameters()) {
    if (parameter.effect == config::Effect::kRestart) {
      values_at_start_.emplace(parameter.name, configuration_->get(parameter.name));
    }
  }
  Problems problems;
  for (uint16_t index = 0; index < process_.shards_count; ++index) {
    problems = {};
    shard_settings_.push_back(
        build_shard_settings(*configuration_, process_.shards_count, &problems));
  }
  for (const std::string& warning : problems.warnings) complain("warning: " + warning);
  for (const std::string& error : problems.errors) complain("fatal: " + error);
  watch_.set(shard_settings_.front().watched_files);
  return problems.errors.empty();
}

std::vector<uint16_t> Server::partitions_of(uint16_t index) const {
  std::vector<uint16_t> numbers{index};
  for (const uint16_t found : directory_.partitions()) {
    if (found != index && found >= process_.shards_count &&
        found % process_.shards_count == index) {
      numbers.push_back(found);
    }
  }
  return numbers;
}

bool Server::open_queue() {
  if (std::string problem = directory_.open(process_.queue_directory); !problem.empty()) {
    complain("fatal: " + problem);
    return false;
  }
  if (std::string problem = suspension_file_.load(directory_.path()); !problem.empty()) {
    complain("fatal: " + problem);
    return false;
  }
  opened_.resize(process_.shards_count);
  size_t stores_count = 0;
  for (uint16_t index = 0; index < process_.shards_count; ++index) {
    stores_count += partitions_of(index).size();
  }
  for (uint16_t index = 0; index < process_.shards_count; ++index) {
    for (const uint16_t number : partitions_of(index)) {
      queue::OpenFailure failure;
      auto store = queue::open_rocks_store({.directory = directory_.partition_path(number),
                                            .ready_logs_count = kReadyLogsCount,
                                            .flush_threads_count = static_cast<int>(stores_count)},
                                           &failure);
      if (!store) {
        complain(fmt::format("fatal: {}: cannot be opened: {}; nothing was changed",
                             directory_.partition_path(number), failure.text));
        return false;
      }
      auto flights = FlightFile::open(directory_.partition_path(number), number);
      if (!flights.ok()) {
        complain(fmt::format(
            "warning: {}/IN_FLIGHT: {}; what is on its way if the server dies "
            "will not be known",
            directory_.partition_path(number), std::strerror(flights.error().error_number)));
      }
      opened_[index].push_back(
          OpenedPartition{.number = number,
                          .store = std::move(store),
                          .flights = flights.ok() ? *std::move(flights) : nullptr});
    }
  }
  return true;
}

bool Server::open_log() {
  Result<std::unique_ptr<LogWriter>> writer = LogWriter::open({.path = process_.log_path});
  if (!writer.ok()) {
    complain(fmt::format("fatal: maillog_file: {}: {}", process_.log_path,
                         std::strerror(writer.error().error_number)));
    return false;
  }
  log_writer_ = *std::move(writer);
  return true;
}

/// Shards share a port by SO_REUSEPORT, and so would another server of this user: whoever binds
/// without it is told. Empty = free, else why not.
std::string Server::probe_port(const net::SocketAddress& address) {
  const Result<int> fd = rt::kernel_open_listener(address, {.reuse_port = false, .backlog = 1}, 0);
  if (!fd.ok()) return std::strerror(fd.error().error_number);
  ::close(*fd);
  return {};
}

bool Server::ports_are_free() {
  bool free = true;
  const auto probe = [&](const auto& listen) {
    for (const net::SocketAddress& address : listen.addresses) {
      if (!address.is_ip()) continue;
      own_ports_.insert(address.port());
      const std::string problem = probe_port(address);
      if (problem.empty()) continue;
      complain(fmt::format("fatal: {}{}: cannot listen on {}: {}", listen.place, listen.service,
                           address.text(), problem));
      free = false;
    }
  };
  for (const ListenSettings& listen : shard_settings_.front().listeners) probe(listen);
  for (const HttpListenSettings& listen : shard_settings_.front().http_listeners) probe(listen);
  return free;
}

/// At a reload: which new services cannot be had because somebody else listens there, one complaint
/// each.
std::vector<std::string> Server::find_taken_ports(const ShardSettings& settings,
                                                  std::vector<std::string>* services) {
  std::vector<std::string> complaints;
  std::set<uint16_t> ports;
  const auto look = [&](const auto& listen) {
    for (const net::SocketAddress& address : listen.addresses) {
      if (!address.is_ip()) continue;
      std::string problem;
      // A listener that the reload before this one closed may need a moment.
      for (int i = 0; i < kPortPatience && !own_ports_.contains(address.port()); ++i) {
        if (i > 0) ::poll(nullptr, 0, kPortPause);
        problem = probe_port(address);
        if (problem.empty()) break;
      }
      if (!problem.empty()) {
        services->push_back(listen.service);
        complaints.push_back(fmt::format("{}{}: cannot listen on {}: {}", listen.place,
                                         listen.service, address.text(), problem));
        return;
      }
    }
    for (const net::SocketAddress& address : listen.addresses) {
      if (address.is_ip()) ports.insert(address.port());
    }
  };
  for (const ListenSettings& listen : settings.listeners) look(listen);
  for (const HttpListenSettings& listen : settings.http_listeners) look(listen);
  own_ports_ = std::move(ports);
  return complaints;
}

bool Server::start_shards() {
  mesh_ = std::make_unique<rt::Mesh>(process_.shards_count);
  sts_store_ = std::make_unique<StsStore>(process_.queue_directory);
  sts_store_->set_settings(sts_settings(*configuration_));
  set_tls_reports(*configuration_, &tls_reports_);
  offload_ = std::make_unique<rt::OffloadPool>(process_.offload_threads, 1024);
  const ShardCommons commons{.process = process_,
                             .mesh = *mesh_,
                             .offload = *offload_,
                             .clients = clients_,
                             .sts_store = *sts_store_,
                             .tls_reports = tls_reports_,
                             .tickets = tickets_,
                             .warmup = warmup_,
                             .log_pids = log_pids_,
                             .suspension_file = suspension_file_,
                             .shards = all_shards_,
                             .stores = all_stores_,
                             .ledger = ledger_,
                             .endpoints = endpoints_,
                             .event_floors = event_floors_,
                             .id_horizon = id_horizon_,
                             .webhooks = webhooks_,
                             .suppressions = suppressions_,
                             .tracking_key = tracking_key_};
  for (const std::vector<OpenedPartition>& partitions : opened_) {
    for (const OpenedPartition& one : partitions) {
      all_stores_.stores.emplace_back(one.number, one.store.get());
      event_floors_.add_partition(one.number);
      const Result<uint64_t> id_mark = queue::read_id_mark(*one.store);
      if (!id_mark.ok()) {
        complain(fmt::format("fatal: partition {}: id mark: {}", one.number,
                             code_name(id_mark.error().code)));
        return false;
      }
      id_horizon_.add_partition(one.number, *id_mark);
      if (const Status status = suppressions_.load(*one.store); !status.ok()) {
        complain(fmt::format("fatal: suppression list of partition {}: {}", one.number,
                             code_name(status.error().code)));
        return false;
      }
    }
  }
  if (const std::string problem = webhooks_.load(); !problem.empty()) {
    complain("fatal: " + problem);
    return false;
  }
  webhooks_.set_settings(build_webhook_settings(*configuration_));
  const LogFormat format{.style = process_.log_json ? LogStyle::kJson : LogStyle::kPostfix,
                         .host_name = configuration_->get("myhostname"),
                         .syslog_name = process_.syslog_name,
                         .process_id = static_cast<uint32_t>(getpid()),
                         .delay_decimals_max = process_.delay_decimals};
  for (uint16_t index = 0; index < process_.shards_count; ++index) {
    shards_.push_back(std::make_unique<Shard>(index, commons, log_writer_->add_buffer(), format,
                                              std::move(opened_[index]),
                                              std::move(shard_settings_[index])));
    all_shards_.push_back(shards_.back().get());
  }
  shard_settings_.clear();
  log_thread_ = std::thread([this] { log_writer_->run(); });
  name_thread(log_thread_, "log");
  for (const std::unique_ptr<Shard>& shard : shards_) {
    threads_.emplace_back([&shard] { shard->run(); });
    const std::string name = fmt::format("shard-{}", threads_.size() - 1);
    name_thread(threads_.back(), name);
  }
  std::set<std::string> told;  // each shard meets the same trouble
  for (const std::unique_ptr<Shard>& shard : shards_) {
    const std::string problem = shard->wait_started();
    if (!problem.empty() && told.insert(problem).second) complain("fatal: " + problem);
  }
  const bool ok = told.empty();
  if (ok) {
    webhook_thread_ = std::thread([this] { webhooks_.run(); });
    name_thread(webhook_thread_, "webhooks");
  }
  return ok;
}

void Server::stop_shards() {
  if (webhook_thread_.joinable()) {
    webhooks_.stop();  // what it knows goes to the shards before they end
    webhook_thread_.join();
  }
  for (const std::unique_ptr<Shard>& shard : shards_) shard->post(shard_stop);
  for (std::thread& thread : threads_) thread.join();
  if (offload_) offload_->stop();
  if (log_thread_.joinable()) {
    log_writer_->stop();
    log_thread_.join();
  }
}

/// What `next` changes although the value is read only at start, one complaint each.
std::vector<std::string> Server::changes_that_wait(const config::Configuration& next) const {
  std::vector<std::string> texts;
  for (const config::Parameter& parameter : config::all_parameters()) {
    if (parameter.effect != config::Effect::kRestart) continue;
    const auto at_start = values_at_start_.find(parameter.name);
    if (at_start == values_at_start_.end() || at_start->second == next.get(parameter.name))
      continue;
    texts.push_back(fmt::format("{}{} is read at start: \"{}\" stays in use until a restart",
                                next.global().place_of(parameter.name), parameter.name,
                                at_start->second));
  }
  return texts;
}

void drop_services(const std::vector<std::string>& services, ShardSettings* settings) {
  const auto is_named = [&](const auto& listen) {
    return std::find(services.begin(), services.end(), listen.service) != services.end();
  };
  std::erase_if(settings->listeners, is_named);
  std::erase_if(settings->http_listeners, is_named);
}

/// A bad new configuration is refused as a whole; the running one stays.
void Server::reload() {
  const auto say = [this](LogSeverity severity, const std::string& text) {
    complain(text);
    shards_.front()->post(
        [severity, text](Shard::Inside& inside) { shard_log(inside, severity, text); });
  };
  config::LoadResult loaded = config::Configuration::load(options_.load);
  for (const config::Diagnostic& error : loaded.diagnostics.errors) {
    say(LogSeverity::kError, "reload refused: " + error.str());
  }
  if (!loaded.ok()) return;
  std::vector<std::shared_ptr<ShardSettings>> settings;
  Problems problems;  // the same for every shard
  for (size_t i = 0; i < shards_.size(); ++i) {
    problems = {};
    settings.push_back(std::make_shared<ShardSettings>(
        build_shard_settings(*loaded.configuration, process_.shards_count, &problems)));
    for (const std::string& error : problems.errors)
      say(LogSeverity::kError, "reload refused: " + error);
    if (!problems.errors.empty()) return;
  }
  for (const config::Diagnostic& warning : loaded.diagnostics.warnings) {
    say(LogSeverity::kWarning, warning.str());
  }
  for (const std::string& warning : problems.warnings) say(LogSeverity::kWarning, warning);
  for (const std::string& text : changes_that_wait(*loaded.configuration)) {
    say(LogSeverity::kWarning, text);
  }
  std::vector<std::string> taken;
  for (const std::string& text : find_taken_ports(*settings.front(), &taken)) {
    say(LogSeverity::kError, text);
  }
  for (const auto& one : settings) drop_services(taken, one.get());
  configuration_ = std::move(loaded.configuration);
  watch_.set(settings.front()->watched_files);
  sts_store_->set_settings(sts_settings(*configuration_));
  set_tls_reports(*configuration_, &tls_reports_);
  for (size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->post(
        [one = settings[i]](Shard::Inside& inside) { shard_reload(inside, std::move(*one)); });
  }
  webhooks_.set_settings(build_webhook_settings(*configuration_));
  static_cast<void>(log_writer_->reopen());  // the old file stays in use if that fails
  say(LogSeverity::kInfo, "reload -- configuration " + configuration_->directory());
}

void Server::serve_signals() {
  for (;;) {
    pollfd waiting{.fd = signal_fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kHouseworkInterval) == 0) {
      save_warmup();
      pick_up_mail();
      if (++houseworks_count_ % kTlsReportsEvery == 0) save_tls_reports();
      if (watch_.changed()) reload();
      continue;
    }
    signalfd_siginfo info{};
    const ssize_t got = ::read(signal_fd_, &info, sizeof info);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof info) return;
    if (info.ssi_signo == SIGHUP) {
      reload();
    } else if (info.ssi_signo == SIGUSR1) {
      for (const std::unique_ptr<Shard>& shard : shards_) {
        shard->post([](Shard::Inside& inside) { shard_drain(inside); });
      }
    } else {
      return;
    }
  }
}

/// What this host's programs left while nobody served. After a failure it rests for a while.
void Server::pick_up_mail() {
  if (pickup_rest_ > 0) {
    --pickup_rest_;
    return;
  }
  constexpr int kRestTurns = 60;
  for (const std::string& warning : pick_up_maildrop(process_.queue_directory)) {
    pickup_rest_ = kRestTurns;
    shards_.front()->post(
        [warning](Shard::Inside& inside) { shard_log(inside, LogSeverity::kWarning, warning); });
  }
}

void Server::load_counts() {
  const std::string problem = read_warmup_file(process_.queue_directory, &warmup_);
  if (!problem.empty()) complain("warning: " + problem);
  const std::string unkept = load_tracking_key(process_.queue_directory, &tracking_key_);
  if (!unkept.empty()) complain("warning: " + unkept);
  const std::string counts = read_tls_report_file(process_.queue_directory, &tls_reports_);
  if (!counts.empty()) complain("warning: " + counts);
}

void Server::save_tls_reports() {
  if (!tls_reports_.take_changed()) return;
  const std::string problem = write_tls_report_file(process_.queue_directory, tls_reports_);
  if (problem.empty()) return;
  shards_.front()->post(
      [problem](Shard::Inside& inside) { shard_log(inside, LogSeverity::kWarning, problem); });
}

void Server::save_warmup() {
  if (!warmup_.take_changed()) return;
  const std::string problem = write_warmup_file(process_.queue_directory, warmup_);
  if (problem.empty()) return;
  shards_.front()->post(
      [problem](Shard::Inside& inside) { shard_log(inside, LogSeverity::kWarning, problem); });
}

int Server::run() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(0077);  // queued mail is nobody else's to read
  signal_fd_ = signalfd(-1, &set, SFD_CLOEXEC);
  raise_descriptor_limit();
  if (!load_configuration()) return EX_CONFIG;
  if (!configuration_->get_bool("core_dump_enable")) forbid_core_dumps();
  if (!open_queue()) return EX_UNAVAILABLE;
  load_counts();
  if (!open_log()) return EX_UNAVAILABLE;  // it may be a file in the queue directory
  if (!ports_are_free()) return EX_UNAVAILABLE;
  if (!start_shards()) {
    stop_shards();
    return EX_UNAVAILABLE;
  }
  shards_.front()->post([this](Shard::Inside& inside) {
    shard_log(inside, LogSeverity::kInfo,
              fmt::format("daemon started -- version {}, configuration {}",
                          configuration_->get("mail_version"), configuration_->directory()));
    const std::string problem = start_control_server(inside, directory_.path(), all_shards_);
    if (!problem.empty()) shard_log(inside, LogSeverity::kError, problem);
    shard_http(inside).start_history();
    if (options_.on_first_shard) options_.on_first_shard(inside);
  });
  if (options_.background) let_go_of_terminal();
  if (!options_.greeting.empty()) {
    fmt::print("{}\n", options_.greeting);
    std::fflush(stdout);
  }
  serve_signals();
  shards_.front()->post([](Shard::Inside& inside) {
    shard_log(inside, LogSeverity::kInfo, "terminating on signal");
  });
  stop_shards();
  save_warmup();
  save_tls_reports();
  return 0;
}

}  // namespace

int run_server(const ServerOptions& options, std::FILE* err) { return Server(options, err).run(); }

}  // namespace barid::tools
