#include "tools/barid/shard.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "shard/queue/reader.h"
#include "tools/barid/shard_inside.h"

namespace barid::tools {
namespace {

/// ETRN's flushes of different domains at a time.
constexpr size_t kFlushesMax = 8;

/// Closures from other threads; control only, never on a message's path.
using Action = std::function<void(Shard::Inside&)>;

}  // namespace

/// Runs posted closures on the shard.
class Shard::Inbox final : public rt::Mailbox {
 public:
  void attach(Inside* inside) {
    const std::lock_guard lock(mutex_);
    inside_ = inside;
  }
  void post(Action action) {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
    count_.store(actions_.size(), std::memory_order_release);
    if (inside_ != nullptr) inside_->reactor.waker().notify();
  }
  bool drain() override {
    if (!has_mail()) return false;
    std::vector<Action> actions;
    {
      const std::lock_guard lock(mutex_);
      actions.swap(actions_);
      count_.store(0, std::memory_order_release);
    }
    for (const Action& action : actions) action(*inside_);
    return true;
  }
  bool has_mail() const noexcept override { return count_.load(std::memory_order_acquire) > 0; }

 private:
  std::mutex mutex_;
  std::vector<Action> actions_;
  std::atomic<size_t> count_{0};
  Inside* inside_ = nullptr;
};

Shard::Shard(uint16_t index, const ShardCommons& commons, LogBuffer& log_buffer,
             LogFormat log_format, std::vector<OpenedPartition> partitions, ShardSettings settings)
    : index_(index),
      commons_(commons),
      log_buffer_(log_buffer),
      log_format_(std::move(log_format)),
      partitions_(std::move(partitions)),
      settings_(std::move(settings)),
      inbox_(std::make_unique<Inbox>()) {}

Shard::~Shard() {
  if (!inside_) return;
  inside_->services.clear();
  inside_->smtp_agents.clear();
}

void Shard::post(Action action) { inbox_->post(std::move(action)); }

std::string Shard::wait_started() {
  started_.wait(0, std::memory_order_acquire);
  return start_problem_;
}

void Shard::Inside::apply_transports(std::vector<TransportSettings> transports,
                                     std::unique_ptr<policy::DestinationPolicy> rules) {
  for (TransportSettings& transport : transports) {
    setting_origins[transport.name] = std::move(transport.setting_origins);
  }
  queue.dispatcher().set_site_rules(rules.get());
  site_rules = std::move(rules);
  queue.dispatcher().set_transport("feedback", feedback_agent, {});
  for (TransportSettings& transport : transports) {
    schedule::Dispatcher& dispatcher = queue.dispatcher();
    if (transport.command == "error") {
      dispatcher.set_transport(transport.name, error_agent, transport.limits);
    } else if (transport.command == "retry") {
      dispatcher.set_transport(transport.name, retry_agent, transport.limits);
    } else if (transport.command == "discard") {
      dispatcher.set_transport(transport.name, discard_agent, transport.limits);
    } else {
      transport.client.route.native = &native_lookup;
      auto found = std::find_if(smtp_agents.begin(), smtp_agents.end(),
                                [&](const auto& entry) { return entry.first == transport.name; });
      if (found != smtp_agents.end()) {
        found->second->set_settings(std::move(transport.client));
      } else {
        const smtp::AgentEnv env{.reactor = reactor,
                                 .resolver = *resolver,
                                 .contents = *this,
                                 .converter = converter,
                                 .log = log,
                                 .counters = counters,
                                 .next_log_pid = log_pid,
                                 .warmup = shard.commons_.warmup,
                                 .signer = &signer,
                                 .sealer = sealer.get(),
                                 .sts = sts.get(),
                                 .tls_reports = &shard.commons_.tls_reports,
                                 .tap = &dialogues,
                                 .offload = &offload,
                                 .transcripts = &session_notices};
        smtp_agents.emplace_back(
            transport.name, std::make_unique<smtp::SmtpAgent>(env, std::move(transport.client)));
        found = smtp_agents.end() - 1;
      }
      dispatcher.set_transport(transport.name, *found->second, transport.limits);
    }
  }
}

/// Adds a service with all its listeners; what is wrong as text.
std::string Shard::Inside::open_service(const ListenSettings& listen) {
  const smtp::ServerEnv env{.reactor = reactor,
                            .offload = offload,
                            .queue = queue,
                            .log = log,
                            .counters = counters,
                            .timings = timings,
                            .stop = sessions_stop,
                            .cut = sessions_cut,
                            .clients = shard.commons_.clients,
                            .tickets = shard.commons_.tickets,
                            .handshakes_count = handshakes_count,
                            .once = &once,
                            .flusher = this,
                            .transcripts = &session_notices,
                            .tap = &dialogues};
  services.emplace_back(listen.service, std::make_unique<smtp::SmtpService>(
                                            env, listen.server, shard.commons_.log_pids));
  smtp::SmtpService& service = *services.back().second;
  for (const net::SocketAddress& address : listen.addresses) {
    if (address.is_unix() && shard.index_ != 0) continue;
    if (address.is_unix())
      unlink(address.ip_text().c_str());  // an earlier process's: the lock is ours
    const Status status = service.listen(address);
    if (status.ok() && address.is_unix()) chmod(address.ip_text().c_str(), 0666);
    if (status.ok()) continue;
    service.close_listeners();
    services.back().first.clear();
    return fmt::format("{}{}: cannot listen on {}: {}", listen.place, listen.service,
                       address.text(), std::strerror(status.error().error_number));
  }
  return {};
}

/// After a reload: known services go on with new settings, new ones open, and those that are gone
/// stop listening while their sessions end by themselves (their name is empty from then on).
void Shard::Inside::apply_services(const std::vector<ListenSettings>& listeners) {
  for (auto& [name, service] : services) {
    const bool stays = std::any_of(listeners.begin(), listeners.end(),
                                   [&name](const auto& listen) { return listen.service == name; });
    if (stays || name.empty()) continue;
    service->close_listeners();
    name.clear();
  }
  for (const ListenSettings& listen : listeners) {
    const auto known = std::find_if(services.begin(), services.end(), [&](const auto& entry) {
      return entry.first == listen.service;
    });
    if (known != services.end()) {
      known->second->reload(listen.server);
    } else if (const std::string problem = open_service(listen);
               !problem.empty() && shard.index_ == 0) {  // the others meet the same trouble
      log.write({}, LogNote{.severity = LogSeverity::kError, .text = problem});
    }
  }
}

/// Takes it into the queue; what is wrong as text.
std::string Shard::Inside::open_partition(const OpenedPartition& opened) {
  const std::string name = fmt::format("partition {}", opened.number);
  partitions.push_back(
      std::make_unique<queue::Partition>(reactor, *opened.store, queue, opened.number));
  queue::Partition& partition = *partitions.back();
  const Result<uint64_t> id_mark = queue::read_id_mark(*opened.store);
  if (!id_mark.ok()) return fmt::format("{}: id mark: {}", name, code_name(id_mark.error().code));
  if (opened.flights) {
    queue::FlightMarks& marks = opened.flights->marks();
    if (const Status status = queue::drop_settled_flights(*opened.store, marks); !status.ok()) {
      return fmt::format("{}: {}", name, code_name(status.error().code));
    }
    if (marks.is_incomplete()) {
      shard_log(*this, LogSeverity::kWarning,
                name +
                    ": not all that was on its way when the server died is known: second copies "
                    "are possible of messages that are not told of (in doubt)");
    }
    partition.set_flight_marks(&marks);
  }
  opened.store->attach(reactor);
  partition.join(commons().id_horizon);
  queue.add_partition(partition, *id_mark);
  return {};
}

std::string Shard::set_up() {
  Result<rt::SelectedIo> selected = rt::select_io(commons_.process.io);
  if (!selected.ok()) {
    return fmt::format("io_backend: {}: {}",
                       selected.error().text != nullptr ? selected.error().text : "",
                       std::strerror(selected.error().error_number));
  }
  inside_ = std::make_unique<Inside>(*this, std::move(selected->io));
  Inside& inside = *inside_;
  inside.io_fallback_reason = selected->fallback_reason;
  inside.counters.set(
      inside.io->name() == "io_uring" ? Counter::kIoUringShards : Counter::kEpollShards, 1);
  if (index_ == 0) {
    if (!inside.io_fallback_reason.empty()) {
      shard_log(inside, LogSeverity::kWarning,
                fmt::format("io_uring is refused ({}), using epoll", inside.io_fallback_reason));
    }
  }
  dns::CreatedUnbound resolver = dns::UnboundResolver::create(inside.reactor, settings_.dns);
  if (!resolver.resolver) return "dns: " + resolver.error;
  inside.resolver = std::move(resolver.resolver);
  inside.sealer = std::make_unique<policy::ArcSealer>(inside.reactor, *inside.resolver,
                                                      inside.counters, inside.signer);
  inside.sts =
      std::make_unique<smtp::StsPolicies>(inside.reactor, *inside.resolver, inside.offload,
                                          commons_.sts_store, inside.log, commons_.tls_reports);
  inside.router.set(std::move(settings_.router));
  inside.admin = std::move(settings_.admin);
  inside.fates.set_bounce_rules(std::move(settings_.bounce_rules));
  inside.feedback_agent.set_return_paths(std::move(settings_.return_paths));
  inside.notices.set(settings_.notices);
  inside.session_notices.set(settings_.notices);
  inside.signer.set(std::move(settings_.dkim));
  inside.sealer->set(std::move(settings_.arc));
  inside.queue.set_policy(settings_.retry, settings_.limits);
  shard_set_suspensions(inside, {.list = commons_.suspension_file.loaded()});
  for (const OpenedPartition& opened : partitions_) {
    if (std::string problem = inside.open_partition(opened); !problem.empty()) return problem;
  }
  inside.set_status_filter(std::move(settings_.status_filter));
  inside.apply_transports(std::move(settings_.transports), std::move(settings_.site_rules));
  for (const ListenSettings& listen : settings_.listeners) {
    if (std::string problem = inside.open_service(listen); !problem.empty()) return problem;
  }
  inside.queue.set_fate_observer(&inside.fates);
  inside.queue.set_recipient_gate(&inside.gate);
  auto site = std::make_unique<HttpSite>(inside, commons_.shards);
  inside.http = site.get();
  inside.guests.push_back(std::move(site));
  if (std::string problem = inside.http->open(std::move(settings_.http_listeners));
      !problem.empty())
    return problem;
  inside.reactor.add_mailbox(*inbox_);
  inbox_->attach(&inside);
  inside.queue.start();
  std::vector<queue::Partition*> partitions;
  for (const std::unique_ptr<queue::Partition>& one : inside.partitions) {
    partitions.push_back(one.get());
  }
  inside.sweeper.start(std::move(partitions), settings_.retention);
  if (index_ == 0) inside.start_reporter(std::move(settings_.tls_reports));
  return {};
}

void Shard::run() {
  start_problem_ = set_up();
  const bool serve = start_problem_.empty();
  started_.store(1, std::memory_order_release);
  started_.notify_all();
  if (inside_ && !serve) {
    // What was opened is closed in the same orderly way.
    inside_->scope.spawn(inside_->stop());
  }
  if (inside_) inside_->reactor.run();
  tear_down();
}

/// For a domain one at a time: who asks again while it runs is served by it.
bool Shard::Inside::start_flush(const std::string& domain) {
  std::erase_if(flushes, [](const auto& one) { return one.second->progress().finished; });
  const bool running = std::any_of(flushes.begin(), flushes.end(),
                                   [&](const auto& one) { return one.first == domain; });
  if (running) return true;
  if (stopping || flushes.size() >= kFlushesMax) return false;
  schedule::OperationRequest request{.action = schedule::QueueAction::kFlush};
  if (!request.filter.add("domain", domain).empty()) return false;
  flushes.emplace_back(domain, std::make_unique<schedule::QueueOperation>(queue, request));
  flushes.back().second->start();
  return true;
}

bool Shard::Inside::flush_domain(std::string_view domain) {
  const std::string text(domain);
  if (!start_flush(text)) return false;
  for (Shard* other : shard.commons_.shards) {
    if (other == &shard) continue;
    other->post([text](Inside& inside) { static_cast<void>(inside.start_flush(text)); });
  }
  return true;
}

void Shard::Inside::start_reporter(TlsReportSettings settings) {
  const TlsReporter::Env env{.reactor = reactor,
                             .offload = offload,
                             .resolver = *resolver,
                             .queue = queue,
                             .log = log,
                             .counts = shard.commons_.tls_reports};
  auto made = std::make_unique<TlsReporter>(env, std::move(settings));
  reporter = made.get();
  reporter->start();
  guests.push_back(std::move(made));
}

/// Those in a transaction may finish it until `deadline`, and are told then that it is over.
rt::Task<void> Shard::Inside::end_sessions(MonoTime deadline) {
  constexpr Duration kFarewell = std::chrono::seconds(1);
  sessions_stop.request();
  for (auto& [name, service] : services) {
    Code code = co_await service->join(deadline);
    if (code == Code::kOk) continue;
    log.write({}, LogNote{.severity = LogSeverity::kWarning,
                          .text = "sessions still open at the end of shutdown_timeout"});
    sessions_cut.request();
    code = co_await service->join(reactor.now() + kFarewell);
    if (code != Code::kOk) ended_cleanly = false;
  }
}

rt::Task<void> Shard::Inside::stop() {
  stopping = true;
  const MonoTime deadline = reactor.now() + shard.commons_.process.shutdown_timeout;
  for (auto& [name, service] : services) service->close_listeners();
  co_await end_sessions(deadline);
  bool guests_ended = true;
  for (const std::unique_ptr<ShardGuest>& guest : guests)
    guests_ended = co_await guest->close(deadline) && guests_ended;
  http = nullptr;
  reporter = nullptr;
  if (guests_ended) {
    guests.clear();
  } else {
    ended_cleanly = false;
    log.write({}, LogNote{.severity = LogSeverity::kWarning,
                          .text = "HTTP requests still open at the end of shutdown_timeout"});
  }
  const Code drained = co_await queue.shut_down(deadline);
  if (drained != Code::kOk) ended_cleanly = false;
  if (drained == Code::kTimeout) {
    log.write({}, LogNote{.severity = LogSeverity::kWarning,
                          .text = "deliveries still running at the end of shutdown_timeout"});
  }
  ended_cleanly = co_await sweeper.close(deadline) && ended_cleanly;
  ended_cleanly = co_await fates.close(deadline) && ended_cleanly;
  if (resolver) co_await resolver->close();
  reactor.stop();
}

void Shard::tear_down() {
  if (!inside_) return;
  Inside& inside = *inside_;
  for (const OpenedPartition& partition : partitions_) {
    if (partition.flights) partition.flights->marks().end();
    const Status status = partition.store->close();
    if (!status.ok()) {
      shard_log(inside, LogSeverity::kError,
                fmt::format("partition {}: {} at close", partition.number,
                            code_name(status.error().code)));
    }
  }
  // What ran beyond the deadline is abandoned as it stands: the process ends, and with it all its
  // descriptors; what was acknowledged is on disk.
  if (!inside.ended_cleanly) {
    inside.log.publish();
    static_cast<void>(inside_.release());
    return;
  }
  for (int i = 0; i < 8; ++i) inside.reactor.turn(std::chrono::milliseconds(1));
  inside.log.publish();
  inbox_->attach(nullptr);
  // The rest goes with the Shard, once every shard's thread has ended: another one may still be
  // about to wake this one's reactor.
}

}  // namespace barid::tools
