// A listening socket of one shard.
// Layer: shard/net. Shard-owned; destroy only after on_listener_closed() or before any turn.
#pragma once

#include "shard/net/socket_address.h"
#include "shard/runtime/io.h"
#include "shard/runtime/reactor.h"

namespace barid::net {

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  /// The callee owns `fd`.
  virtual void on_connection(int fd, const SocketAddress& peer) = 0;
};

class Listener final : private rt::AcceptOp, private rt::Timer {
 public:
  Listener(rt::Reactor& reactor, ConnectionHandler& handler)
      : reactor_(reactor), handler_(handler) {}
  ~Listener();

  /// Errors: the errno of socket, bind or listen.
  Status open(const SocketAddress& address, const rt::ListenOptions& options = {});
  /// Takes over a socket that already listens (opened with privileges before threads started).
  void adopt(int listening_fd);
  /// Stops accepting; the socket closes once the kernel has let go of the accept.
  void close();
  [[nodiscard]] bool closed() const noexcept { return listening_fd_ < 0; }
  [[nodiscard]] SocketAddress local() const;

 private:
  static constexpr Duration kRetryDelay = std::chrono::milliseconds(100);

  void on_accept(int accepted_fd) override;
  void on_accept_end(int error) override;
  void on_timer() override;

  rt::Reactor& reactor_;
  ConnectionHandler& handler_;
  int listening_fd_ = -1;
  bool closing_ = false;
};

}  // namespace barid::net
