#include "tools/barid/admin_api.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/text/json.h"
#include "tools/barid/admin_facts.h"

namespace barid::tools {
namespace {

/// The value of a parameter; empty if there is none of that name.
std::string_view fact(const AdminFacts& facts, std::string_view name) noexcept {
  const auto found = std::find_if(facts.settings.begin(), facts.settings.end(),
                                  [name](const SettingFacts& one) { return one.name == name; });
  return found == facts.settings.end() ? std::string_view() : std::string_view(found->value);
}

void append_shard(std::string& body, const ShardStatus& status) {
  body += fmt::format(
      "{{\"io_backend\":\"{}\",\"sessions\":{},\"deliveries\":{},\"active_messages\":{},"
      "\"content_memory_bytes\":{},\"recovering\":{},\"cpu_micros\":{},\"accepted\":{},"
      "\"delivered\":{},\"refusal\":",
      status.io_backend, status.sessions, status.deliveries, status.active_messages,
      status.content_memory_bytes, status.recovering, status.cpu_micros,
      status.counters.get(Counter::kMessagesAccepted), status.counters.get(Counter::kDelivered));
  if (status.refusal.empty()) {
    body += "null}";
  } else {
    text::append_json_string(body, status.refusal);
    body += '}';
  }
}

}  // namespace

void AdminApi::add_routes(http::Router& router) {
  using http::Method;
  queue_.add_routes(router);
  suspensions_.add_routes(router);
  settings_.add_routes(router);
  shape_.add_routes(router);
  trace_.add_routes(router);
  overview_.add_routes(router);
  mailbox_.add_routes(router);
  emails_.add_routes(router);
  router.add(Method::kGet, "/admin/v1/status", http::handler<&AdminApi::show_status>(*this));
  router.add(Method::kPost, "/admin/v1/drain", http::handler<&AdminApi::drain>(*this));
  router.add(Method::kPost, "/admin/v1/reload", http::handler<&AdminApi::reload>(*this));
  router.add(Method::kPost, "/admin/v1/stop", http::handler<&AdminApi::stop>(*this));
}

rt::Task<void> AdminApi::drain(http::Exchange& exchange) {
  for (Shard* shard : shards_) shard->post([](Shard::Inside& one) { shard_drain(one); });
  co_await exchange.answer({.body = "{\"draining\":true}\n"});
}

/// Answers once every shard has the new settings, or after a while when they were refused.
rt::Task<void> AdminApi::reload(http::Exchange& exchange) {
  constexpr Duration kPatience = std::chrono::seconds(10);
  constexpr Duration kPause = std::chrono::milliseconds(10);
  const std::vector<uint32_t> before = co_await gather(inside_, shard_reloads);
  kill(getpid(), SIGHUP);
  const MonoTime end = exchange.reactor().now() + kPatience;
  const auto has_new = [](uint32_t was, uint32_t is) { return is != was; };
  for (bool waits = true; waits && exchange.reactor().now() < end && !shard_stopping(inside_);) {
    co_await rt::Sleep(exchange.reactor(), exchange.reactor().now() + kPause);
    const std::vector<uint32_t> now = co_await gather(inside_, shard_reloads);
    waits = !std::equal(before.begin(), before.end(), now.begin(), now.end(), has_new);
  }
  co_await exchange.answer({.status = 202, .body = "{}\n"});
}

rt::Task<void> AdminApi::stop(http::Exchange& exchange) {
  co_await exchange.answer({.status = 202, .body = "{}\n"});
  kill(getpid(), SIGTERM);
}

rt::Task<void> AdminApi::show_status(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  std::string body = fmt::format("{{\"pid\":{},\"hostname\":", getpid());
  text::append_json_string(body, fact(shard_admin_facts(inside_), "myhostname"));
  body += ",\"version\":";
  text::append_json_string(body, fact(shard_admin_facts(inside_), "mail_version"));
  body += fmt::format(",\"mailbox\":{},\"shards\":[",
                      !shard_process(inside_).mailbox_directory.empty());
  Counters total;
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (i > 0) body += ',';
    append_shard(body, statuses[i]);
    total += statuses[i].counters;
  }
  body += "],\"counters\":{";
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    body += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", counter_info(counter).name,
                        total.get(counter));
  }
  body += "}}\n";
  co_await exchange.answer({.body = std::move(body)});
}

}  // namespace barid::tools
