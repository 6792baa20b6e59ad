#include "tools/barid/health_api.h"

#include <fmt/format.h>

#include "core/obs/exposition.h"

namespace barid::tools {
namespace {

http::Response probe(bool good, std::string_view text) {
  http::Response response{.status = static_cast<uint16_t>(good ? 200 : 503),
                          .content_type = "text/plain; charset=utf-8",
                          .body = fmt::format("{}\n", text)};
  if (!good) response.fields.push_back({.name = "retry-after", .value = "1"});
  return response;
}

std::string exposition(const std::vector<ShardStatus>& statuses) {
  std::vector<Counters> counters;
  std::vector<Timings> timings;
  std::vector<uint64_t> sessions, deliveries, active, queued, memory, recovering;
  for (const ShardStatus& status : statuses) {
    counters.push_back(status.counters);
    timings.push_back(status.timings);
    sessions.push_back(status.sessions);
    deliveries.push_back(status.deliveries);
    active.push_back(status.active_messages);
    if (status.queued_messages) queued.push_back(*status.queued_messages);
    memory.push_back(status.content_memory_bytes);
    recovering.push_back(status.recovering ? 1 : 0);
  }
  std::string out;
  append_counters(out, counters);
  append_timings(out, timings);
  append_family(out, {.name = "sessions", .help = "SMTP sessions now", .values = sessions});
  append_family(out, {.name = "deliveries", .help = "deliveries now", .values = deliveries});
  append_family(
      out, {.name = "active_messages", .help = "messages in the schedule now", .values = active});
  // All of them or none: a sum that leaves out what is still being counted would be too small.
  if (queued.size() == statuses.size()) {
    append_family(out, {.name = "queued_messages",
                        .help = "messages in the queue now, whatever their state",
                        .values = queued});
  }
  append_family(
      out,
      {.name = "content_memory_bytes", .help = "message content kept in memory", .values = memory});
  append_family(out, {.name = "recovering",
                      .help = "1 while a shard still reads the queue of an earlier process",
                      .values = recovering});
  if (!statuses.empty()) {
    append_info(out, {.name = "io_backend_info",
                      .help = "kernel interface in use",
                      .label = "backend",
                      .text = statuses.front().io_backend});
  }
  return out;
}

void append_webhooks(std::string& out, const http::WebhookWorker::Totals& totals) {
  const auto add = [&out](std::string_view name, CounterKind kind, std::string_view help,
                          const std::atomic<uint64_t>& value) {
    append_value(
        out,
        {.name = name, .kind = kind, .help = help, .value = value.load(std::memory_order_relaxed)});
  };
  add("webhook_events_delivered_total", CounterKind::kCounter, "events that webhooks took",
      totals.taken);
  add("webhook_failures_total", CounterKind::kCounter, "failed attempts to send events",
      totals.failed);
  add("webhook_events_dead_total", CounterKind::kCounter, "events given up after all retries",
      totals.dead);
  add("webhook_events_waiting", CounterKind::kGauge, "events taken up and not settled",
      totals.waiting);
  add("webhook_endpoints", CounterKind::kGauge, "webhooks that there are", totals.endpoints);
}

}  // namespace

void HealthApi::add_probe_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/livez", http::handler<&HealthApi::live>(*this));
  router.add(Method::kGet, "/readyz", http::handler<&HealthApi::ready>(*this));
  router.add(Method::kGet, "/startupz", http::handler<&HealthApi::startup>(*this));
}

void HealthApi::add_metrics_routes(http::Router& router) {
  router.add(http::Method::kGet, "/metrics", http::handler<&HealthApi::metrics>(*this));
}

rt::Task<void> HealthApi::live(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  co_await exchange.answer(probe(true, fmt::format("ok: {} shards turn", statuses.size())));
}

rt::Task<void> HealthApi::ready(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  std::string refusal;
  for (const ShardStatus& status : statuses) {
    if (refusal.empty()) refusal = status.refusal;
  }
  co_await exchange.answer(probe(refusal.empty(), refusal.empty() ? "ok" : refusal));
}

rt::Task<void> HealthApi::startup(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  bool recovering = false;
  for (const ShardStatus& status : statuses) recovering = recovering || status.recovering;
  co_await exchange.answer(probe(!recovering, recovering ? "the queue is being read" : "ok"));
}

rt::Task<void> HealthApi::metrics(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  std::string body = exposition(statuses);
  append_webhooks(body, shard_webhooks(inside_).totals());
  co_await exchange.answer(
      {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(body)});
}

}  // namespace barid::tools
