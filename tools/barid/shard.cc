#include "tools/barid/shard.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include "core/mail/seven_bit.h"
#include "deliver/queue_notices.h"
#include "deliver/session_notices.h"
#include "deliver/text_agent.h"
#include "dns/native_host_lookup.h"
#include "dns/unbound_resolver.h"
#include "http/feedback/agent.h"
#include "http/submit/suppression_gate.h"
#include "shard/queue/partition.h"
#include "shard/queue/reader.h"
#include "shard/runtime/clock.h"
#include "shard/schedule/queue_manager.h"
#include "shard/schedule/queue_operation.h"
#include "smtp/client/agent.h"
#include "smtp/server/service.h"
#include "tools/barid/http_site.h"
#include "tools/barid/shard_gather.h"
#include "tools/barid/smtp_once.h"
#include "tools/barid/tls_reporter.h"

namespace barid::tools {
namespace {

/// ETRN's flushes of different domains at a time.
constexpr size_t kFlushesMax = 8;

/// Closures from other threads; control only, never on a message's path.
using Action = std::function<void(Shard::Inside&)>;

/// The router of the present configuration: the queue manager's reference stays valid over a
/// reload.
class CurrentRouter final : public schedule::Router {
 public:
  void set(std::unique_ptr<policy::TransportRouter> router) { router_ = std::move(router); }
  schedule::Route route(const Envelope& envelope, const Recipient& recipient) const override {
    return router_->route(envelope, recipient);
  }

 private:
  std::unique_ptr<policy::TransportRouter> router_;
};

/// For servers without 8BITMIME.
class SevenBitConverter final : public smtp::ContentConverter {
 public:
  ContentRef to_7bit(const Content& content) const override { return to_seven_bit(content); }
};

}  // namespace

struct Shard::Inside final : schedule::GovernorHost,
                             private rt::TurnHook,
                             private smtp::ContentSource,
                             private http::FeedbackHost,
                             private smtp::DomainFlusher {
  Inside(Shard& owner, std::unique_ptr<rt::Io> backend)
      : shard(owner),
        io(std::move(backend)),
        reactor(clock, *io, 0x9e3779b97f4a7c15u + owner.index_),
        port(owner.commons_.mesh, owner.index_, reactor,
             static_cast<schedule::GovernorHost*>(this)),
        governors(reactor, &port),
        offload(reactor, owner.commons_.offload),
        signer(reactor, offload, counters),
        log(owner.log_format_, owner.log_buffer_),
        queue({.reactor = reactor,
               .offload = offload,
               .log = log,
               .counters = counters,
               .router = router,
               .notices = notices,
               .governors = &governors,
               .timings = &timings}),
        session_notices(reactor, queue, log),
        dialogues(reactor),
        native_lookup(offload),
        error_agent(TextAgent::Kind::kError, reactor, log),
        retry_agent(TextAgent::Kind::kRetry, reactor, log),
        discard_agent(TextAgent::Kind::kDiscard, reactor, log),
        fates({.reactor = reactor,
               .log = log,
               .counters = counters,
               .timings = timings,
               .listener = owner.commons_.webhooks,
               .suppressions = owner.commons_.suppressions}),
        gate({.reactor = reactor,
              .offload = offload,
              .filter = owner.commons_.suppressions,
              .stores = owner.commons_.stores}),
        sweeper(reactor, offload, fates, owner.commons_.event_floors),
        once({.reactor = reactor,
              .offload = offload,
              .fates = fates,
              .ledger = owner.commons_.ledger,
              .stores = owner.commons_.stores}),
        feedback_agent({.reactor = reactor,
                        .offload = offload,
                        .fates = fates,
                        .queue = queue,
                        .stores = owner.commons_.stores,
                        .host = *this}),
        scope(reactor) {
    // Distinct over all shards: log readers group a delivery's lines by it.
    log_pid = uint32_t{owner.index_} * 10'000'000;
    reactor.add_turn_hook(*this);
    log.set_time(reactor.wall_now());
  }
  ~Inside() override { reactor.remove_turn_hook(*this); }

  void on_turn_begin() override { log.set_time(reactor.wall_now()); }
  /// The turn's changes become a group, the turn's lines go to the writer.
  void on_turn_end() override {
    for (const OpenedPartition& partition : shard.partitions_) partition.store->seal();
    log.publish();
  }
  rt::Task<Result<ContentRef>> content_of(queue::Message& message) override {
    return queue.content_of(message);
  }
  rt::Task<Code> carry_out(http::FateRecorder::Order& order) override {
    return shard_carry_out(*this, order);
  }
  schedule::GovernorLink& governor_link() override { return governors; }

  const ShardCommons& commons() const noexcept { return shard.commons_; }
  std::atomic<uint32_t>& log_pids() noexcept { return shard.commons_.log_pids; }
  /// Of agents without connections.
  void set_status_filter(std::unique_ptr<const policy::StatusFilter> filter) {
    for (TextAgent* agent : {&error_agent, &retry_agent, &discard_agent}) {
      agent->set_status_filter(filter.get());
    }
    status_filter = std::move(filter);
  }
  void apply_transports(std::vector<TransportSettings> transports,
                        std::unique_ptr<policy::DestinationPolicy> rules);
  std::string open_service(const ListenSettings& listen);
  void apply_services(const std::vector<ListenSettings>& listeners);
  rt::Task<void> stop();
  rt::Task<void> end_sessions(MonoTime deadline);
  bool flush_domain(std::string_view domain) override;
  bool start_flush(const std::string& domain);
  void start_reporter(TlsReportSettings settings);

  Shard& shard;
  rt::SystemClock clock;
  std::unique_ptr<rt::Io> io;
  rt::Reactor reactor;
  rt::Mesh::Port port;
  schedule::GovernorLink governors;
  rt::ShardOffload offload;
  Counters counters;
  Timings timings{};
  policy::DkimSigner signer;
  Log log;
  rt::StopSource sessions_stop;
  rt::StopSource sessions_cut;
  CurrentRouter router;
  QueueNotices notices;
  SevenBitConverter converter;
  std::unique_ptr<policy::DestinationPolicy> site_rules;
  std::map<std::string, SettingOrigins> setting_origins;  ///< by transport
  schedule::QueueManager queue;
  std::vector<std::unique_ptr<queue::Partition>> partitions;
  std::unique_ptr<dns::UnboundResolver> resolver;
  std::unique_ptr<smtp::StsPolicies> sts;
  std::unique_ptr<policy::ArcSealer> sealer;
  SessionNotices session_notices;
  DialogueWatch dialogues;
  dns::NativeHostLookup native_lookup;
  std::unique_ptr<const policy::StatusFilter> status_filter;
  TextAgent error_agent;
  TextAgent retry_agent;
  TextAgent discard_agent;
  std::vector<std::pair<std::string, std::unique_ptr<smtp::SmtpAgent>>> smtp_agents;
  std::vector<std::pair<std::string, std::unique_ptr<smtp::SmtpService>>> services;
  std::vector<std::unique_ptr<ShardGuest>> guests;
  http::FateRecorder fates;
  http::SuppressionGate gate;
  http::Sweeper sweeper;
  SmtpOnce once;
  http::FeedbackAgent feedback_agent;
  rt::Scope scope;
  AdminFacts admin;
  ShardSuspensions suspensions;
  SuspensionFile& suspension_file = shard.commons_.suspension_file;
  std::string io_fallback_reason;
  uint32_t log_pid = 0;
  uint32_t handshakes_count = 0;    ///< TLS with clients, under way
  HttpSite* http = nullptr;         ///< one of the guests, until they end
  TlsReporter* reporter = nullptr;  ///< likewise; on the first shard
  /// ETRN's: under way, or over and not forgotten yet.
  std::vector<std::pair<std::string, std::unique_ptr<schedule::QueueOperation>>> flushes;
  uint32_t reloads = 0;
  bool draining = false;
  bool stopping = false;
  bool ended_cleanly = true;  // every session and delivery was over in time
};

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
    inside.partitions.push_back(std::make_unique<queue::Partition>(inside.reactor, *opened.store,
                                                                   inside.queue, opened.number));
    const Result<uint64_t> id_mark = queue::read_id_mark(*opened.store);
    if (!id_mark.ok()) {
      return fmt::format("partition {}: id mark: {}", opened.number,
                         code_name(id_mark.error().code));
    }
    opened.store->attach(inside.reactor);
    inside.queue.add_partition(*inside.partitions.back(), *id_mark);
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

// --- actions

void shard_reload(Shard::Inside& inside, ShardSettings settings) {
  inside.router.set(std::move(settings.router));
  inside.admin = std::move(settings.admin);
  inside.fates.set_bounce_rules(std::move(settings.bounce_rules));
  inside.feedback_agent.set_return_paths(std::move(settings.return_paths));
  inside.session_notices.set(settings.notices);
  inside.notices.set(std::move(settings.notices));
  inside.signer.set(std::move(settings.dkim));
  inside.sealer->set(std::move(settings.arc));
  inside.queue.set_policy(settings.retry, settings.limits);
  inside.set_status_filter(std::move(settings.status_filter));
  inside.apply_transports(std::move(settings.transports), std::move(settings.site_rules));
  inside.apply_services(settings.listeners);
  inside.sweeper.set_retention(settings.retention);
  if (inside.reporter != nullptr) inside.reporter->set(std::move(settings.tls_reports));
  if (inside.http != nullptr) inside.http->reload(std::move(settings.http_listeners));
  ++inside.reloads;
}

void shard_drain(Shard::Inside& inside) {
  inside.draining = true;
  inside.sessions_stop.request();
}

void shard_stop(Shard::Inside& inside) {
  if (!inside.stopping) inside.scope.spawn(inside.stop());
}

std::string_view shard_refusal(Shard::Inside& inside) {
  if (inside.draining || inside.stopping) return "421 4.3.2 Service shutting down";
  return inside.queue.refuse_mail(0);
}

namespace {

uint64_t thread_cpu_micros() noexcept {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(used.tv_nsec) / 1'000;
}

}  // namespace

ShardStatus shard_status(Shard::Inside& inside) {
  Counters& counters = inside.counters;  // gauges that others keep
  counters.set(Counter::kMessagesActive, inside.queue.active_count());
  counters.set(Counter::kConnectionsOpen, inside.queue.dispatcher().leases_count());
  counters.set(Counter::kGovernorMessages, inside.governors.messages_sent());
  ShardStatus status{.io_backend = std::string(inside.io->name()),
                     .io_fallback_reason = inside.io_fallback_reason,
                     .deliveries = inside.queue.dispatcher().leases_count(),
                     .active_messages = inside.queue.active_count(),
                     .queued_messages = inside.queue.queued_count(),
                     .content_memory_bytes = inside.queue.content_memory_bytes(),
                     .cpu_micros = thread_cpu_micros(),
                     .recovering = inside.queue.recovering(),
                     .refusal = std::string(shard_refusal(inside)),
                     .counters = counters,
                     .timings = inside.timings};
  for (const auto& [name, service] : inside.services) status.sessions += service->sessions_count();
  return status;
}

std::vector<QueueId> shard_active_ids(Shard::Inside& inside) { return inside.queue.active_ids(); }

std::vector<const queue::Store*> shard_stores(Shard::Inside& inside) {
  std::vector<const queue::Store*> stores;
  for (const std::unique_ptr<queue::Partition>& partition : inside.partitions) {
    stores.push_back(&partition->store());
  }
  return stores;
}

void shard_log(Shard::Inside& inside, LogSeverity severity, std::string_view text) {
  inside.log.write({}, LogNote{.severity = severity, .text = text});
}
void shard_log_note(Shard::Inside& inside, const LogNote& note) { inside.log.write({}, note); }
std::vector<schedule::DestinationView> shard_destinations(Shard::Inside& inside) {
  std::vector<schedule::DestinationView> views;
  const auto wall = [&inside](MonoTime when) {
    return std::chrono::time_point_cast<WallTime::duration>(inside.reactor.wall_now() +
                                                            (when - inside.reactor.now()));
  };
  inside.queue.dispatcher().for_each_destination([&](const schedule::Destination& destination) {
    schedule::DestinationView view{.transport = destination.route().transport,
                                   .nexthop = destination.route().nexthop,
                                   .waiting = destination.waiting_count(),
                                   .in_use = destination.running_count()};
    if (const schedule::Site* site = destination.site(); site != nullptr) {
      view.site = site->key();
      view.site_name = site->name();
      view.rate = site->policy().messages_per_second;
      if (site->dead_until() > inside.reactor.now()) {
        view.dead_until = wall(site->dead_until());
        view.reason = site->trouble().text;
      }
    }
    views.push_back(std::move(view));
  });
  return views;
}
std::vector<SiteWindow> shard_site_windows(Shard::Inside& inside) {
  std::vector<SiteWindow> windows;
  inside.governors.governor().for_each([&](const schedule::Governor::View& view) {
    windows.push_back({.site = std::string(view.key), .window = view.window});
  });
  return windows;
}
const ShardSuspensions& shard_suspensions(Shard::Inside& inside) { return inside.suspensions; }
void shard_set_suspensions(Shard::Inside& inside, ShardSuspensions suspensions) {
  if (suspensions.version < inside.suspensions.version) return;
  inside.suspensions = std::move(suspensions);
  inside.queue.set_suspensions(inside.suspensions.list);
}
const ProcessSettings& shard_process(Shard::Inside& inside) { return inside.commons().process; }
const AdminFacts& shard_admin_facts(Shard::Inside& inside) { return inside.admin; }
SuspensionFile& shard_suspension_file(Shard::Inside& inside) { return inside.suspension_file; }
const schedule::Router& shard_router(Shard::Inside& inside) { return inside.router; }
const policy::DestinationPolicy& shard_site_rules(Shard::Inside& inside) {
  return *inside.site_rules;
}
const SettingOrigins* shard_setting_origins(Shard::Inside& inside, const std::string& transport) {
  const auto found = inside.setting_origins.find(transport);
  return found == inside.setting_origins.end() ? nullptr : &found->second;
}
schedule::QueueManager& shard_queue(Shard::Inside& inside) { return inside.queue; }
rt::Reactor& shard_reactor(Shard::Inside& inside) { return inside.reactor; }
DialogueWatch& shard_dialogues(Shard::Inside& inside) { return inside.dialogues; }
bool shard_stopping(const Shard::Inside& inside) { return inside.stopping; }

uint32_t shard_reloads(Shard::Inside& inside) { return inside.reloads; }
rt::Offload& shard_offload(Shard::Inside& inside) { return inside.offload; }
Shard::Inside& shard_of(void* receiver) {
  return static_cast<Shard::Inside&>(*static_cast<schedule::GovernorHost*>(receiver));
}
rt::Mesh::Port& shard_port(Shard::Inside& inside) { return inside.port; }
http::ServiceEnv shard_http_env(Shard::Inside& inside, rt::StopSource& stop) {
  return {.reactor = inside.reactor,
          .log = inside.log,
          .counters = inside.counters,
          .stop = stop,
          .tickets = inside.commons().tickets,
          .handshakes_count = inside.handshakes_count};
}
http::EmailApiEnv shard_email_env(Shard::Inside& inside, http::SubmitHost& host,
                                  http::Admission& admission) {
  return {.reactor = inside.reactor,
          .offload = inside.offload,
          .queue = inside.queue,
          .log = inside.log,
          .fates = inside.fates,
          .admission = admission,
          .ledger = inside.commons().ledger,
          .timings = inside.timings,
          .suppressions = inside.commons().suppressions,
          .stores = inside.commons().stores,
          .host = host,
          .tracking_key = inside.commons().tracking_key};
}
http::TrackingApi::Env shard_tracking_env(Shard::Inside& inside, http::SubmitHost& host) {
  return {.reactor = inside.reactor,
          .offload = inside.offload,
          .fates = inside.fates,
          .ledger = inside.commons().ledger,
          .stores = inside.commons().stores,
          .host = host,
          .key = inside.commons().tracking_key};
}
http::WebhookApi::Env shard_webhook_env(Shard::Inside& inside, http::SubmitHost& host,
                                        http::Admission& admission) {
  return {.reactor = inside.reactor,
          .queue = inside.queue,
          .admission = admission,
          .host = host,
          .endpoints = inside.commons().endpoints,
          .worker = inside.commons().webhooks};
}
http::SuppressionBook::Env shard_suppression_env(Shard::Inside& inside, http::SubmitHost& host) {
  return {.reactor = inside.reactor,
          .offload = inside.offload,
          .queue = inside.queue,
          .fates = inside.fates,
          .filter = inside.commons().suppressions,
          .stores = inside.commons().stores,
          .host = host};
}
HttpSite& shard_http(Shard::Inside& inside) { return *inside.http; }
http::RequestLedger& shard_ledger(Shard::Inside& inside) { return inside.commons().ledger; }
http::WebhookWorker& shard_webhooks(Shard::Inside& inside) { return inside.commons().webhooks; }

namespace {

queue::Partition* find_partition(Shard::Inside& inside, uint16_t number) {
  for (const std::unique_ptr<queue::Partition>& partition : inside.partitions) {
    if (partition->number() == number) return partition.get();
  }
  return nullptr;
}

}  // namespace

bool shard_start_order(Shard::Inside& inside, http::FateRecorder::Order& order) {
  queue::Partition* partition = find_partition(inside, order.partition);
  if (partition == nullptr) return false;
  inside.fates.start(*partition, order);
  return true;
}

rt::Task<Code> shard_carry_out(Shard::Inside& inside, http::FateRecorder::Order& order) {
  const auto start = [&order](Shard::Inside& shard) { return shard_start_order(shard, order); };
  const auto is_done = [&order] { return order.done; };
  const bool ran = co_await run_at_owner(inside, order.partition, start, is_done);
  co_return ran ? order.code : Code::kUnavailable;
}

void shard_save_webhook(Shard::Inside& inside, uint16_t partition, std::string key,
                        std::string value) {
  queue::Partition* found = find_partition(inside, partition);
  if (found == nullptr) return;
  if (value.empty()) {
    inside.fates.erase(*found, queue::Family::kWebhooks, std::move(key));
  } else {
    inside.fates.put(*found, queue::Family::kWebhooks, std::move(key), std::move(value));
  }
}

std::atomic<uint32_t>& shard_log_pids(Shard::Inside& inside) { return inside.log_pids(); }
void shard_adopt_guest(Shard::Inside& inside, std::unique_ptr<ShardGuest> guest) {
  inside.guests.push_back(std::move(guest));
}

}  // namespace barid::tools
