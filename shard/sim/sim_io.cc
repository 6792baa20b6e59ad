// One shard's operations on the simulated network.
#include <algorithm>
#include <cerrno>

#include "shard/runtime/kernel_sockets.h"
#include "shard/sim/sim_network.h"

namespace barid::sim {

namespace {
constexpr uint32_t kCancelRequested = 1;  // IoOp::backend_state
constexpr uint32_t kQueued = 2;
}  // namespace

void SimIo::begin(rt::IoOp& op) {
  BARID_ASSERT(!op.active);
  op.active = true;
  op.backend_state = 0;
}

void SimIo::begin_input(rt::IoOp& op) {
  begin(op);
  Socket& socket = network_.get(op.fd);
  BARID_ASSERT(socket.input == nullptr && socket.io == this);
  socket.input = &op;
  enqueue(op);
}

void SimIo::begin_output(rt::IoOp& op) {
  begin(op);
  Socket& socket = network_.get(op.fd);
  BARID_ASSERT(socket.output == nullptr && socket.io == this);
  socket.output = &op;
  enqueue(op);
}

void SimIo::send(rt::SendOp& op) {
  op.bytes_sent = 0;
  begin_output(op);
}

void SimIo::cancel(rt::IoOp& op) {
  if (!op.active || (op.backend_state & kCancelRequested) != 0) return;
  op.backend_state |= kCancelRequested;
  enqueue(op);
}

void SimIo::enqueue(rt::IoOp& op) {
  if ((op.backend_state & kQueued) != 0) return;
  op.backend_state |= kQueued;
  queue_.push_back(&op);
}

void SimIo::detach(rt::IoOp& op) {
  op.active = false;
  if (op.kind == rt::OpKind::kPoll) return;
  Socket& socket = network_.get(op.fd);
  if (socket.input == &op) socket.input = nullptr;
  if (socket.output == &op) socket.output = nullptr;
}

void SimIo::end(rt::IoOp& op, int result) {
  detach(op);
  switch (op.kind) {
    case rt::OpKind::kAccept:
      static_cast<rt::AcceptOp&>(op).on_accept_end(result);
      return;
    case rt::OpKind::kReceive:
      static_cast<rt::ReceiveOp&>(op).on_receive_end(result);
      return;
    case rt::OpKind::kSend:
      static_cast<rt::SendOp&>(op).on_sent(result);
      return;
    case rt::OpKind::kConnect:
      static_cast<rt::ConnectOp&>(op).on_connected(result);
      return;
    case rt::OpKind::kPoll:
      static_cast<rt::PollOp&>(op).on_poll_end(result);
      return;
  }
}

Result<int> SimIo::open_listener(const net::SocketAddress& address,
                                 const rt::ListenOptions& options) {
  return network_.open_listener(*this, address, options);
}

Result<int> SimIo::open_socket(int, const net::SocketAddress* source) {
  if (network_.descriptors_count() >= network_.descriptors_max_) return error_from_errno(EMFILE);
  Socket& socket = network_.create(this);
  if (source != nullptr) socket.local = *source;
  return socket.fd;
}

void SimIo::turn(Duration) {
  network_.deliver_due();
  std::vector<rt::IoOp*> running;
  running.swap(queue_);
  for (rt::IoOp* op : running) {
    op->backend_state &= ~kQueued;
    attempt(*op);
  }
}

void SimIo::attempt(rt::IoOp& op) {
  if ((op.backend_state & kCancelRequested) != 0) {
    // As the kernel does: what was handed over before is sent as far as there is room.
    if (op.kind == rt::OpKind::kSend && try_send(static_cast<rt::SendOp&>(op))) return;
    end(op, -ECANCELED);
    return;
  }
  switch (op.kind) {
    case rt::OpKind::kAccept:
      try_accept(static_cast<rt::AcceptOp&>(op));
      return;
    case rt::OpKind::kReceive:
      try_receive(static_cast<rt::ReceiveOp&>(op));
      return;
    case rt::OpKind::kSend:
      try_send(static_cast<rt::SendOp&>(op));
      return;
    case rt::OpKind::kConnect:
      try_connect(static_cast<rt::ConnectOp&>(op));
      return;
    case rt::OpKind::kPoll:
      return;
  }
}

void SimIo::try_accept(rt::AcceptOp& op) {
  const int listener_fd = op.fd;
  while (!network_.get(listener_fd).backlog.empty()) {
    if (network_.descriptors_count() >= network_.descriptors_max_) {
      end(op, -EMFILE);
      return;
    }
    std::deque<int>& backlog = network_.get(listener_fd).backlog;
    const int fd = backlog.front();
    backlog.pop_front();
    network_.get(fd).owned = true;
    op.on_accept(fd);
    if ((op.backend_state & kCancelRequested) != 0) return;  // queued by cancel()
  }
}

void SimIo::try_receive(rt::ReceiveOp& op) {
  for (;;) {
    Socket& socket = network_.get(op.fd);
    if (socket.inbox.empty()) break;
    const size_t most = std::min(socket.inbox.size(), network_.faults.segment_bytes_max);
    const std::string bytes = socket.inbox.substr(0, 1 + network_.rng_.below(most));
    socket.inbox.erase(0, bytes.size());
    Socket* peer = network_.find(socket.peer);
    if (peer != nullptr && !std::exchange(peer->window_told, true)) {
      network_.send_to_peer(socket, SimNetwork::Packet::Kind::kWindow);
    }
    op.on_bytes(bytes);
    if ((op.backend_state & kCancelRequested) != 0) return;  // queued by cancel()
  }
  const Socket& socket = network_.get(op.fd);
  if (socket.error != 0) {
    end(op, -socket.error);
  } else if (socket.fin_received) {
    end(op, 0);
  }
}

bool SimIo::try_send(rt::SendOp& op) {
  Socket& socket = network_.get(op.fd);
  for (;;) {
    rt::advance_vectors(op, 0);  // past empty ones
    if (op.vectors_count == 0) {
      end(op, 0);
      return true;
    }
    if (socket.error != 0 || socket.fin_sent) {
      end(op, socket.error != 0 ? -socket.error : -EPIPE);
      return true;
    }
    socket.window_told = false;
    const size_t room = std::min(network_.window_left(socket), op.vectors->iov_len);
    if (room == 0) return false;  // until a window packet comes
    const size_t most = std::min(room, network_.faults.segment_bytes_max);
    const size_t count = 1 + network_.rng_.below(most);
    if (Socket* peer = network_.find(socket.peer)) peer->on_the_way_bytes += count;
    network_.send_to_peer(socket, SimNetwork::Packet::Kind::kData,
                          std::string(static_cast<const char*>(op.vectors->iov_base), count));
    rt::advance_vectors(op, count);
  }
}

void SimIo::try_connect(rt::ConnectOp& op) {
  Socket& socket = network_.get(op.fd);
  if (!socket.connect_sent) {
    socket.remote = op.address;
    network_.start_connect(socket);
    return;
  }
  if (socket.error != 0) {
    end(op, -socket.error);
  } else if (socket.connected) {
    end(op, 0);
  }
}

}  // namespace barid::sim
