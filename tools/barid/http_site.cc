#include "tools/barid/http_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace barid::tools {

HttpSite::HttpSite(Shard::Inside& inside, std::vector<Shard*> shards)
    : inside_(inside),
      reactor_(shard_reactor(inside)),
      admin_(inside, std::move(shards)),
      health_(inside) {}

void HttpSite::add_routes(Listening& one, uint8_t roles) {
  health_.add_probe_routes(one.router);
  if ((roles & kHttpMetrics) != 0) health_.add_metrics_routes(one.router);
  if ((roles & kHttpAdmin) != 0) admin_.add_routes(one.router);
  if ((roles & kHttpApi) != 0) one.emails->add_routes(one.router);
}

std::string HttpSite::open(std::vector<HttpListenSettings> listeners) {
  for (HttpListenSettings& listen : listeners) {
    auto one = std::make_unique<Listening>();
    one->name = listen.service;
    one->emails =
        std::make_unique<http::EmailApi>(shard_email_env(inside_, *this), std::move(listen.api));
    add_routes(*one, listen.roles);
    one->service = std::make_unique<http::Service>(shard_http_env(inside_, stop_), listen.engine,
                                                   one->router, shard_log_pids(inside_));
    for (const net::SocketAddress& address : listen.addresses) {
      const Status status = one->service->listen(address);
      if (!status.ok()) {
        return fmt::format("{}: cannot listen on {}: {}", listen.service, address.text(),
                           std::strerror(status.error().error_number));
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
      one->service->reload(listen.engine);
      one->emails->reload(std::move(listen.api));
      break;
    }
  }
}

/// Started on the shard that has the partition, and asked there until it is done: neither shard
/// touches what the other one writes.
rt::Task<Code> HttpSite::amend(schedule::QueueManager::Amendment& amendment) {
  constexpr Duration kFirstPoll = std::chrono::milliseconds(2);
  constexpr Duration kPollMax = std::chrono::milliseconds(50);
  const auto owner =
      static_cast<uint16_t>(amendment.partition % shard_port(inside_).shards_count());
  const auto start = [&amendment, owner](Shard::Inside& shard, size_t index) {
    if (index == owner) shard_queue(shard).start_amendment(amendment);
    return true;
  };
  const auto is_done = [&amendment, owner](Shard::Inside&, size_t index) {
    return index != owner || amendment.done;
  };
  std::vector<bool> started = co_await gather_each<bool>(inside_, start);
  if (!started[owner]) co_return Code::kUnavailable;
  for (Duration pause = kFirstPoll;; pause = std::min(pause * 2, kPollMax)) {
    co_await rt::Sleep(reactor_, reactor_.now() + pause);
    const std::vector<bool> done = co_await gather_each<bool>(inside_, is_done);
    if (done[owner]) co_return amendment.code;
  }
}

rt::Task<bool> HttpSite::close(MonoTime deadline) {
  for (const std::unique_ptr<Listening>& one : listening_) one->service->close_listeners();
  stop_.request();
  bool ended = true;
  for (const std::unique_ptr<Listening>& one : listening_) {
    ended = co_await one->service->join(deadline) == Code::kOk && ended;
    while (!one->service->listeners_closed())
      co_await rt::Sleep(reactor_, reactor_.now() + std::chrono::milliseconds(1));
  }
  co_return ended;
}

}  // namespace barid::tools
