#include "shard/net/listener.h"

namespace barid::net {

Listener::~Listener() { BARID_ASSERT(listening_fd_ < 0); }

Status Listener::open(const SocketAddress& address, const rt::ListenOptions& options) {
  BARID_TRY(const int opened, reactor_.io().open_listener(address, options));
  adopt(opened);
  return {};
}

void Listener::adopt(int listening_fd) {
  BARID_ASSERT(listening_fd_ < 0);
  closing_ = false;
  listening_fd_ = listening_fd;
  AcceptOp::fd = listening_fd;
  reactor_.io().accept(*this);
}

void Listener::close() {
  if (listening_fd_ < 0 || closing_) return;
  closing_ = true;
  rt::Timer::cancel();
  if (AcceptOp::active) {
    reactor_.io().cancel(*this);
  } else {
    on_accept_end(0);
  }
}

SocketAddress Listener::local() const { return reactor_.io().local_address(listening_fd_); }

void Listener::on_accept(int accepted_fd) {
  if (closing_) {
    reactor_.io().close(accepted_fd);
    return;
  }
  handler_.on_connection(accepted_fd, reactor_.io().peer_address(accepted_fd));
}

void Listener::on_accept_end(int) {
  if (closing_) {
    reactor_.io().close(listening_fd_);
    listening_fd_ = -1;
    return;
  }
  // Out of descriptors or memory: connections wait in the backlog meanwhile.
  reactor_.timers().arm(*this, reactor_.now() + kRetryDelay);
}

void Listener::on_timer() { reactor_.io().accept(*this); }

}  // namespace barid::net
