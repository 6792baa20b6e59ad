// The HTTP service of one shard: its listeners, its connections, and the limit on them.
// Layer: http. Shard-owned.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "http/connection.h"
#include "shard/net/listener.h"

namespace barid::http {

class Service final : private net::ConnectionHandler {
 public:
  /// `router` and `log_pids` (shared by all shards) outlive the service.
  Service(const ServiceEnv& env, ServiceSettings settings, const Router& router,
          std::atomic<uint32_t>& log_pids);
  ~Service() override;

  /// Errors: the errno of socket, bind or listen.
  Status listen(const net::SocketAddress& address);
  /// New connections get `settings`; those under way keep theirs.
  void reload(ServiceSettings settings) { settings_ = std::move(settings); }

  /// Stops listening. Requests under way are answered once the shard's StopSource is asked.
  void close_listeners();
  [[nodiscard]] bool listeners_closed() const noexcept;
  rt::Task<Code> join(MonoTime deadline) { return connections_.join(deadline); }

  [[nodiscard]] uint32_t connections_count() const noexcept { return connections_.tasks_count(); }

 private:
  void on_connection(int fd, const net::SocketAddress& peer) override;
  rt::Task<void> serve(std::unique_ptr<Connection> connection);
  rt::Task<void> turn_away(net::Stream stream);

  ServiceEnv env_;
  ServiceSettings settings_;
  const Router& router_;
  std::atomic<uint32_t>& log_pids_;
  BodyBudget budget_;
  rt::Scope connections_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace barid::http
