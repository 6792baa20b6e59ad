#include "smtp/server/service.h"

#include <fmt/format.h>

namespace barid::smtp {
namespace {
constexpr uint32_t kSessionsMax = 20'000;  // of one shard and service; 8 KiB each
}

SmtpService::SmtpService(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
                         ClientTable& clients, std::atomic<uint32_t>& log_pids)
    : env_(env),
      settings_(std::move(settings)),
      clients_(clients),
      log_pids_(log_pids),
      sessions_(env.reactor) {}

SmtpService::~SmtpService() = default;

Status SmtpService::listen(const net::SocketAddress& address) {
  auto listener =
      std::make_unique<net::Listener>(env_.reactor, static_cast<net::ConnectionHandler&>(*this));
  BARID_TRY_VOID(listener->open(address));
  listeners_.push_back(std::move(listener));
  return {};
}

void SmtpService::close_listeners() {
  for (const std::unique_ptr<net::Listener>& listener : listeners_) listener->close();
}

/// What to say instead of the banner. Fills `client_key` if the client was counted.
std::string SmtpService::refusal_for(const net::SocketAddress& peer, std::string* client_key) {
  const std::string& host = settings_->protocol.hostname;
  if (draining_ || env_.stop.requested()) return "421 4.3.2 Service shutting down";
  if (sessions_.tasks_count() >= kSessionsMax) {
    env_.counters.reach(Limit::kSessions);
    return fmt::format("421 4.7.0 {} Error: too many connections", host);
  }
  const uint32_t limit = settings_->connections_per_client_max;
  const auto address = lookup::IpAddress::parse(peer.ip_text());
  if (limit == 0 || !peer.is_ip() || !address) return {};
  if (settings_->client_limit_exceptions.match(address->unmapped()).yes()) return {};
  *client_key = peer.ip_text();
  if (clients_.enter(*client_key) <= limit) return {};
  env_.counters.reach(Limit::kSessionsPerClient);
  return fmt::format("421 4.7.0 {} Error: too many connections from {}", host, *client_key);
}

void SmtpService::on_connection(int fd, const net::SocketAddress& peer) {
  std::string client_key;
  std::string refusal = refusal_for(peer, &client_key);
  auto session =
      std::make_unique<ServerSession>(env_, settings_, net::Stream(env_.reactor, fd, peer),
                                      std::move(refusal), log_pids_.fetch_add(1) + 1);
  sessions_.spawn(serve(std::move(session), std::move(client_key)));
}

rt::Task<void> SmtpService::serve(std::unique_ptr<ServerSession> session, std::string client_key) {
  co_await session->run();
  if (!client_key.empty()) clients_.leave(client_key);
}

}  // namespace barid::smtp
