// What others ask of a shard, on its thread: settings, views, and what its guests need.
#include <ctime>

#include "tools/barid/shard_gather.h"
#include "tools/barid/shard_inside.h"

namespace barid::tools {

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
          .horizon = inside.commons().id_horizon,
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
