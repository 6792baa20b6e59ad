#include "http/service.h"

#include <fmt/format.h>

#include <algorithm>

namespace barid::http {
namespace {

constexpr uint32_t kTurnedAwayMax = 64;  // beyond the limit, and still told why
constexpr Duration kFarewellPatience = std::chrono::seconds(2);

}  // namespace

Service::Service(const ServiceEnv& env, ServiceSettings settings, const Router& router,
                 std::atomic<uint32_t>& log_pids)
    : env_(env),
      settings_(std::move(settings)),
      router_(router),
      log_pids_(log_pids),
      connections_(env.reactor) {}

Service::~Service() = default;

Status Service::listen(const net::SocketAddress& address) {
  auto listener =
      std::make_unique<net::Listener>(env_.reactor, static_cast<net::ConnectionHandler&>(*this));
  BARID_TRY_VOID(listener->open(address));
  listeners_.push_back(std::move(listener));
  return {};
}

void Service::close_listeners() {
  for (const std::unique_ptr<net::Listener>& listener : listeners_) listener->close();
}

bool Service::listeners_closed() const noexcept {
  return std::all_of(listeners_.begin(), listeners_.end(),
                     [](const auto& listener) { return listener->closed(); });
}

void Service::on_connection(int fd, const net::SocketAddress& peer) {
  const uint32_t open = connections_.tasks_count();
  if (open >= settings_.connections_max) {
    env_.counters.reach(Limit::kSessions);
    if (open >= settings_.connections_max + kTurnedAwayMax) {
      env_.reactor.io().close(fd);
    } else {
      connections_.spawn(turn_away(net::Stream(env_.reactor, fd, peer)));
    }
    return;
  }
  connections_.spawn(serve(std::make_unique<Connection>(env_, settings_, router_, budget_,
                                                        net::Stream(env_.reactor, fd, peer),
                                                        log_pids_.fetch_add(1) + 1)));
}

rt::Task<void> Service::serve(std::unique_ptr<Connection> connection) {
  co_await connection->run();
}

rt::Task<void> Service::turn_away(net::Stream stream) {
  if (settings_.tls != nullptr)
    co_return;  // a handshake for a refusal is more than there is room for
  const Response response = error_response({.status = 503,
                                            .name = "service_unavailable",
                                            .message = "too many connections",
                                            .retry_after_seconds = 1},
                                           "none");
  stream.write(
      fmt::format("HTTP/1.1 503 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nretry-after: 1\r\n"
                  "connection: close\r\n\r\n{}",
                  reason_phrase(503), response.content_type, response.body.size(), response.body));
  static_cast<void>(co_await stream.flush(env_.reactor.now() + kFarewellPatience));
}

}  // namespace barid::http
