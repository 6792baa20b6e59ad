// The SMTP service of one shard: its listeners, its sessions, and the limits on both.
// Layer: smtp/server. Shard-owned, but for the ClientTable, which all shards share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "shard/net/listener.h"
#include "smtp/server/client_table.h"
#include "smtp/server/session.h"

namespace barid::smtp {

class SmtpService final : private net::ConnectionHandler {
 public:
  /// `settings` may be replaced by reload(); `log_pids` is shared by all shards.
  SmtpService(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
              std::atomic<uint32_t>& log_pids);
  ~SmtpService() override;

  /// Errors: the errno of socket, bind or listen.
  Status listen(const net::SocketAddress& address);
  /// New sessions get `settings`; those under way keep theirs.
  void reload(std::shared_ptr<const ServerSettings> settings) { settings_ = std::move(settings); }

  /// Stops listening. Sessions go on until the shard's StopSource is asked and they end; with it
  /// new connections are turned away with 421.
  void close_listeners();
  rt::Task<Code> join(MonoTime deadline) { return sessions_.join(deadline); }

  [[nodiscard]] uint32_t sessions_count() const noexcept { return sessions_.tasks_count(); }

 private:
  void on_connection(int fd, const net::SocketAddress& peer) override;
  rt::Task<void> serve(std::unique_ptr<ServerSession> session, std::string client_key);
  rt::Task<void> serve_behind_proxy(net::Stream stream);
  rt::Task<void> serve_user(net::Stream stream, uint32_t uid);
  [[nodiscard]] Admission admit(const net::SocketAddress& peer);
  void warn(const Admission& admission, std::string_view what, uint32_t count,
            const lookup::IpAddress& address);

  ServerEnv env_;
  std::shared_ptr<const ServerSettings> settings_;
  std::atomic<uint32_t>& log_pids_;
  rt::Scope sessions_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace barid::smtp
