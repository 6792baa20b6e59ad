#include "smtp/server/service.h"

#include <fmt/format.h>

#include "shard/net/peer_user.h"
#include "shard/net/proxy_header.h"

namespace barid::smtp {
namespace {
constexpr uint32_t kSessionsMax = 20'000;  // of one shard and service; 8 KiB each
}

SmtpService::SmtpService(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
                         std::atomic<uint32_t>& log_pids)
    : env_(env), settings_(std::move(settings)), log_pids_(log_pids), sessions_(env.reactor) {}

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

Admission SmtpService::admit(const net::SocketAddress& peer) {
  const std::string& host = settings_->protocol.hostname;
  Admission admission{.log_pid = log_pids_.fetch_add(1) + 1};
  if (env_.stop.requested()) {
    admission.refusal = "421 4.3.2 Service shutting down";
    return admission;
  }
  if (sessions_.tasks_count() >= kSessionsMax) {
    env_.counters.reach(Limit::kSessions);
    admission.refusal = fmt::format("421 4.7.0 {} Error: too many connections", host);
    return admission;
  }
  const ClientLimits& limits = settings_->client_limits;
  const auto parsed = lookup::IpAddress::parse(peer.ip_text());
  if (!peer.is_ip() || !parsed) return admission;
  const lookup::IpAddress address = parsed->unmapped();
  if (settings_->client_limit_exceptions.match(address).yes()) return admission;
  if (settings_->xclient_clients.match(address).yes()) return admission;  // a proxy for many
  const uint32_t prefix = address.is_v6 ? limits.ipv6_prefix : limits.ipv4_prefix;
  admission.client_key = fmt::format("{}:{}", settings_->service, address.network(prefix).text());
  const uint32_t open = env_.clients.enter(admission.client_key);
  const uint32_t rate = limits.connections == 0
                            ? 0
                            : env_.clients.count(admission.client_key, ClientEvent::kConnection,
                                                 env_.reactor.now(), limits.unit);
  if (limits.connections_max > 0 && open > limits.connections_max) {
    env_.counters.reach(Limit::kSessionsPerClient);
    warn(admission, "concurrency", open, address);
  } else if (rate > limits.connections) {
    env_.counters.reach(Limit::kRatePerClient);
    warn(admission, "rate", rate, address);
  } else {
    return admission;
  }
  admission.refusal =
      fmt::format("421 4.7.0 {} Error: too many connections from {}", host, peer.ip_text());
  return admission;
}

void SmtpService::warn(const Admission& admission, std::string_view what, uint32_t count,
                       const lookup::IpAddress& address) {
  const std::string text =
      fmt::format("Connection {} limit exceeded: {} from {}[{}] for service {}", what, count,
                  settings_->peer_name_lookup && address.is_loopback() ? "localhost" : "unknown",
                  address.text(), settings_->service);
  env_.log.write(
      LogOrigin{.pid = admission.log_pid, .syslog_name = settings_->syslog_name},
      LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
}

void SmtpService::on_connection(int fd, const net::SocketAddress& peer) {
  if (settings_->local) {
    const std::optional<uint32_t> uid = net::peer_user(fd);
    if (uid && sessions_.tasks_count() < kSessionsMax) {
      sessions_.spawn(serve_user(net::Stream(env_.reactor, fd, peer), *uid));
    } else {
      env_.reactor.io().close(fd);
    }
    return;
  }
  if (settings_->proxy_timeout > Duration::zero()) {
    if (sessions_.tasks_count() < kSessionsMax) {
      sessions_.spawn(serve_behind_proxy(net::Stream(env_.reactor, fd, peer)));
    } else {
      env_.counters.reach(Limit::kSessions);
      env_.reactor.io().close(fd);
    }
    return;
  }
  Admission admission = admit(peer);
  std::string client_key = admission.client_key;
  auto session = std::make_unique<ServerSession>(
      env_, settings_, net::Stream(env_.reactor, fd, peer), std::move(admission));
  sessions_.spawn(serve(std::move(session), std::move(client_key)));
}

/// The client is whom the PROXY header names: limits, log and policy never see the balancer.
rt::Task<void> SmtpService::serve_behind_proxy(net::Stream stream) {
  const std::string balancer = stream.peer().is_ip() ? stream.peer().ip_text() : "local";
  const bool taken =
      co_await net::take_proxy_header(stream, env_.reactor.now() + settings_->proxy_timeout);
  if (!taken) {
    env_.log.write(
        LogOrigin{.pid = log_pids_.fetch_add(1) + 1, .syslog_name = settings_->syslog_name},
        LogNote{.program = LogProgram::kSmtpd,
                .severity = LogSeverity::kWarning,
                .text = fmt::format("no valid PROXY header from {}", balancer)});
    co_return;
  }
  Admission admission = admit(stream.peer());
  std::string client_key = admission.client_key;
  auto session =
      std::make_unique<ServerSession>(env_, settings_, std::move(stream), std::move(admission));
  co_await serve(std::move(session), std::move(client_key));
}

/// A user of this host. Who that is is asked of the system, on another thread, if it matters.
rt::Task<void> SmtpService::serve_user(net::Stream stream, uint32_t uid) {
  Admission admission = admit(stream.peer());
  admission.uid = uid;
  const std::shared_ptr<const ServerSettings> settings = settings_;
  if (admission.refusal.empty() && !settings->anybody_may_submit) {
    const auto look_up = [uid] { return net::user_name(uid); };
    const Result<std::string> name =
        co_await env_.offload.run(look_up, env_.reactor.now() + settings->timeout);
    if (!name.ok() || settings->submitters.match(*name).is_temporary()) {
      admission.refusal = "451 4.3.0 Error: user lookup failure";
    } else if (!settings->submitters.match(*name).yes()) {
      admission.refusal =
          fmt::format("554 5.7.1 Error: user {} is not allowed to submit mail", *name);
    }
  }
  auto session =
      std::make_unique<ServerSession>(env_, settings, std::move(stream), std::move(admission));
  co_await session->run();
}

rt::Task<void> SmtpService::serve(std::unique_ptr<ServerSession> session, std::string client_key) {
  co_await session->run();
  if (!client_key.empty()) env_.clients.leave(client_key);
}

}  // namespace barid::smtp
