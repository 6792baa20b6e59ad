#include "tools/barid/http_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace barid::tools {

HttpSite::HttpSite(Shard::Inside& inside, std::vector<Shard*> shards)
    : inside_(inside),
      reactor_(shard_reactor(inside)),
      admin_(inside, std::move(shards)),
      health_(inside),
      history_(inside),
      suppressions_(shard_suppression_env(inside, *this)),
      suppression_admin_(suppressions_) {}

void HttpSite::add_guards(Listening& one, const HttpListenSettings& listen) {
  if (!listen.private_host) {
    one.admin_guard = std::make_unique<AdminGuard>(*one.admission);
    return;
  }
  one.local_admin_guard =
      std::make_unique<LocalGuard>(http::HostCheck::kAlways, nullptr, listen.host_names);
  one.local_api_guard = std::make_unique<LocalGuard>(http::HostCheck::kOfBrowsers,
                                                     one.admission.get(), listen.host_names);
}

void HttpSite::add_routes(Listening& one, const HttpListenSettings& listen) {
  const uint8_t roles = listen.roles;
  health_.add_probe_routes(one.router);
  if ((roles & kHttpMetrics) != 0) health_.add_metrics_routes(one.router);
  if ((roles & kHttpAdmin) != 0) {
    if (listen.private_host) {
      one.router.set_guard(one.local_admin_guard.get());
    } else {
      one.router.set_guard(one.admin_guard.get());
      one.router.set_head_guard(one.admission.get());
    }
    admin_.add_routes(one.router);
    add_admin_routes(one.router);
    one.webhooks->add_admin_routes(one.router);
    one.description.add_admin_routes(one.router);
    one.router.set_guard(nullptr);
    one.router.set_head_guard(nullptr);
  }
  if ((roles & kHttpConsole) != 0) console_.add_routes(one.router);
  if ((roles & kHttpApi) == 0) return;
  add_api_routes(one, one.router);
}

void HttpSite::add_api_routes(Listening& one, http::Router& router) {
  one.description.add_routes(router);
  one.tracking->add_routes(router);
  router.set_guard(one.local_api_guard.get());
  one.shims->add_routes(router);
  router.set_head_guard(one.admission.get());
  one.emails->add_routes(router);
  one.webhooks->add_routes(router);
  one.suppressions->add_routes(router);
  router.set_guard(nullptr);
  router.set_head_guard(nullptr);
}

void HttpSite::add_control_routes(http::Router& router) {
  for (const std::unique_ptr<Listening>& one : listening_) {
    if (one->name != kControlService) continue;
    add_api_routes(*one, router);
    one->webhooks->add_admin_routes(router);
  }
}

std::string HttpSite::open(std::vector<HttpListenSettings> listeners) {
  for (HttpListenSettings& listen : listeners) {
    auto one = std::make_unique<Listening>();
    one->name = listen.service;
    one->admission =
        std::make_unique<http::Admission>(shard_ledger(inside_), std::move(listen.keys));
    one->tracking = std::make_unique<http::TrackingApi>(shard_tracking_env(inside_, *this),
                                                        listen.api.tracking_base_url);
    one->emails = std::make_unique<http::EmailApi>(shard_email_env(inside_, *this, *one->admission),
                                                   std::move(listen.api));
    one->shims = std::make_unique<http::ShimApi>(*one->emails, *one->admission);
    one->webhooks = std::make_unique<http::WebhookApi>(
        shard_webhook_env(inside_, *this, *one->admission), std::move(listen.webhook_policy));
    one->suppressions = std::make_unique<http::SuppressionApi>(suppressions_, *one->admission);
    if (one->name == kControlService) {
      control_body_bytes_max_ = listen.engine.body_bytes_max;
      listening_.push_back(std::move(one));
      continue;
    }
    add_guards(*one, listen);
    add_routes(*one, listen);
    one->service = std::make_unique<http::Service>(shard_http_env(inside_, stop_), listen.engine,
                                                   one->router, shard_log_pids(inside_));
    for (const net::SocketAddress& address : listen.addresses) {
      const Status status = one->service->listen(address);
      if (!status.ok()) {
        return fmt::format("{}{}: cannot listen on {}: {}", listen.place, listen.service,
                           address.text(), std::strerror(status.error().error_number));
      }
    }
    listening_.push_back(std::move(one));
  }
  return {};
}

void HttpSite::reload(std::vector<HttpListenSettings> listeners) {
  for (HttpListenSettings& listen : listeners) {
    for (const std::unique_ptr<Listening>& one : listening_) {
      if (one->name != listen.service) continue;
      if (one->service) one->service->reload(listen.engine);
      if (one->local_admin_guard) {
        one->local_admin_guard->reload(listen.host_names);
        one->local_api_guard->reload(listen.host_names);
      }
      one->admission->reload(std::move(listen.keys));
      one->tracking->reload(listen.api.tracking_base_url);
      one->emails->reload(std::move(listen.api));
      one->webhooks->reload(std::move(listen.webhook_policy));
      break;
    }
  }
}

rt::Task<Code> HttpSite::amend(schedule::QueueManager::Amendment& amendment) {
  const auto start = [&amendment](Shard::Inside& shard) {
    shard_queue(shard).start_amendment(amendment);
    return true;
  };
  const auto is_done = [&amendment] { return amendment.done; };
  const bool ran = co_await run_at_owner(inside_, amendment.partition, start, is_done);
  co_return ran ? amendment.code : Code::kUnavailable;
}

rt::Task<Code> HttpSite::carry_out(http::FateRecorder::Order& order) {
  co_return co_await shard_carry_out(inside_, order);
}

rt::Task<bool> HttpSite::close(MonoTime deadline) {
  for (const std::unique_ptr<Listening>& one : listening_) {
    if (one->service) one->service->close_listeners();
  }
  stop_.request();
  bool ended = co_await history_.close(deadline);
  for (const std::unique_ptr<Listening>& one : listening_) {
    if (!one->service) continue;
    ended = co_await one->service->join(deadline) == Code::kOk && ended;
    while (!one->service->listeners_closed())
      co_await rt::Sleep(reactor_, reactor_.now() + std::chrono::milliseconds(1));
  }
  co_return ended;
}

}  // namespace barid::tools
