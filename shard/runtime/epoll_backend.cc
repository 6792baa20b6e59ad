#include "shard/runtime/epoll_backend.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shard/runtime/kernel_sockets.h"

namespace barid::rt {
namespace {

constexpr uint32_t kCancelRequested = 1;  // IoOp::backend_state
constexpr uint32_t kQueued = 2;           // in the list of operations to try
constexpr uint32_t kConnectStarted = 4;
constexpr uint32_t kReadToEnd = 8;  // a FIN may be there already: read on to EAGAIN or the end
constexpr size_t kScratchBytes = 64 * 1024;
constexpr int kReadsPerTryMax = 4;  // then other connections get their turn
constexpr int kAcceptsPerTryMax = 64;

/// The operations that wait on one descriptor.
struct FdState {
  bool registered = false;
  IoOp* input = nullptr;   // accept, receive or poll
  IoOp* output = nullptr;  // send or connect
};

class EpollBackend final : public Io {
 public:
  ~EpollBackend() override {
    wake_op_.active = false;
    if (event_fd_ >= 0) ::close(event_fd_);
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
  }

  Status start();

  std::string_view name() const noexcept override { return "epoll"; }

  void accept(AcceptOp& op) override { begin_input(op); }
  void receive(ReceiveOp& op) override { begin_input(op); }
  void poll(PollOp& op) override { begin_input(op); }
  void send(SendOp& op) override {
    op.bytes_sent = 0;
    begin_output(op);
  }
  void connect(ConnectOp& op) override { begin_output(op); }
  void cancel(IoOp& op) override {
    if (!op.active || (op.backend_state & kCancelRequested) != 0) return;
    op.backend_state |= kCancelRequested;
    enqueue(op);
  }

  Result<int> open_listener(const net::SocketAddress& address,
                            const ListenOptions& options) override {
    return kernel_open_listener(address, options, SOCK_NONBLOCK);
  }
  Result<int> open_socket(int family, const net::SocketAddress* source) override {
    return kernel_open_socket(family, source, SOCK_NONBLOCK);
  }
  void close(int fd) override;
  net::SocketAddress local_address(int fd) const override { return kernel_local_address(fd); }
  net::SocketAddress peer_address(int fd) const override { return kernel_peer_address(fd); }

  void turn(Duration wait_max) override;
  void wake() noexcept override {
    const uint64_t one = 1;
    static_cast<void>(::write(event_fd_, &one, sizeof one));  // cannot fail below 2^64 - 2 wake-ups
  }

 private:
  class WakeOp final : public PollOp {
   public:
    void on_readable() override {
      uint64_t count = 0;
      static_cast<void>(::read(fd, &count, sizeof count));  // only resets the counter
    }
    void on_poll_end(int) override {}
  };

  FdState& state(int fd) {
    const auto index = static_cast<size_t>(fd);
    if (index >= fds_.size()) fds_.resize(index + 1);
    return fds_[index];
  }
  void begin_input(IoOp& op);
  void begin_output(IoOp& op);
  void register_fd(int fd);
  void unregister_fd(int fd);
  void enqueue(IoOp& op);
  void run_queue();

  void attempt(IoOp& op);
  void try_accept(AcceptOp& op);
  void try_receive(ReceiveOp& op);
  /// True if the operation ended; its owner may be gone then.
  bool try_send(SendOp& op);
  void try_connect(ConnectOp& op);
  void end_cancelled(IoOp& op);
  void detach(IoOp& op);

  int epoll_fd_ = -1;
  int event_fd_ = -1;
  WakeOp wake_op_;
  std::vector<FdState> fds_;
  bool delivered_ = false;  // this turn called somebody back, so it must not wait any more
  std::vector<IoOp*> queue_;
  std::vector<IoOp*> running_;
  std::vector<char> scratch_ = std::vector<char>(kScratchBytes);
};

Status EpollBackend::start() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return error_from_errno(errno, "epoll_create1");
  event_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd_ < 0) return error_from_errno(errno, "eventfd");
  wake_op_.fd = event_fd_;
  poll(wake_op_);
  return {};
}

void EpollBackend::register_fd(int fd) {
  FdState& fd_state = state(fd);
  if (fd_state.registered) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.fd = fd;
  // ENOMEM and ENOSPC are the only failures for a valid socket; the operation then fails below,
  // because its first try reports EAGAIN and its owner's deadline ends it.
  fd_state.registered = epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollBackend::unregister_fd(int fd) {
  epoll_event event{};
  // Fails only for a descriptor that is closed already, which epoll has then forgotten by itself.
  static_cast<void>(epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &event));
  state(fd).registered = false;
}

void EpollBackend::begin_input(IoOp& op) {
  BARID_ASSERT(!op.active);
  op.active = true;
  op.backend_state = kReadToEnd;  // the edge of an earlier FIN may have passed while nothing read
  register_fd(op.fd);
  FdState& fd_state = state(op.fd);
  BARID_ASSERT(fd_state.input == nullptr);
  fd_state.input = &op;
  // A poll waits for the level that epoll reports after registration; others may have data already.
  enqueue(op);
}

void EpollBackend::begin_output(IoOp& op) {
  BARID_ASSERT(!op.active);
  op.active = true;
  op.backend_state = 0;
  FdState& fd_state = state(op.fd);
  BARID_ASSERT(fd_state.output == nullptr);
  fd_state.output = &op;
  enqueue(op);
}

void EpollBackend::enqueue(IoOp& op) {
  if ((op.backend_state & kQueued) != 0) return;
  op.backend_state |= kQueued;
  queue_.push_back(&op);
}

void EpollBackend::detach(IoOp& op) {
  delivered_ = true;  // its caller delivers the final completion
  FdState& fd_state = state(op.fd);
  if (fd_state.input == &op) fd_state.input = nullptr;
  if (fd_state.output == &op) fd_state.output = nullptr;
  op.active = false;
}

void EpollBackend::close(int fd) {
  FdState& fd_state = state(fd);
  BARID_ASSERT(fd_state.input == nullptr && fd_state.output == nullptr);
  fd_state.registered = false;  // the kernel forgets a closed descriptor by itself
  ::close(fd);
}

void EpollBackend::run_queue() {
  running_.swap(queue_);
  for (IoOp* op : running_) {
    op->backend_state &= ~kQueued;
    attempt(*op);
  }
  running_.clear();
}

void EpollBackend::turn(Duration wait_max) {
  delivered_ = false;
  run_queue();
  int timeout_ms = 0;
  if (!delivered_ && queue_.empty() && wait_max > Duration::zero()) {
    // Round up, or a wait of 0.4 ms becomes a busy loop.
    timeout_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait_max).count());
  }
  constexpr int kEvents = 256;
  epoll_event events[kEvents];
  const int count = epoll_wait(epoll_fd_, events, kEvents, timeout_ms);
  end_wait();
  for (int i = 0; i < count; ++i) {
    FdState& fd_state = state(events[i].data.fd);
    const uint32_t bits = events[i].events;
    if (fd_state.input != nullptr && (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
      if ((bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        fd_state.input->backend_state |= kReadToEnd;
      }
      enqueue(*fd_state.input);
    }
    if (fd_state.output != nullptr && (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
      enqueue(*fd_state.output);
    }
  }
  run_queue();
}

void EpollBackend::attempt(IoOp& op) {
  if ((op.backend_state & kCancelRequested) != 0) {
    // What was handed over before the cancellation is sent as far as there is room, as io_uring
    // does: a last reply, and then the end.
    if (op.kind == OpKind::kSend && try_send(static_cast<SendOp&>(op))) return;
    end_cancelled(op);
    return;
  }
  switch (op.kind) {
    case OpKind::kAccept:
      try_accept(static_cast<AcceptOp&>(op));
      return;
    case OpKind::kReceive:
      try_receive(static_cast<ReceiveOp&>(op));
      return;
    case OpKind::kSend:
      try_send(static_cast<SendOp&>(op));
      return;
    case OpKind::kConnect:
      try_connect(static_cast<ConnectOp&>(op));
      return;
    case OpKind::kPoll:
      delivered_ = true;
      static_cast<PollOp&>(op).on_readable();
      return;
  }
}

void EpollBackend::end_cancelled(IoOp& op) {
  detach(op);
  switch (op.kind) {
    case OpKind::kAccept:
      static_cast<AcceptOp&>(op).on_accept_end(-ECANCELED);
      return;
    case OpKind::kReceive:
      static_cast<ReceiveOp&>(op).on_receive_end(-ECANCELED);
      return;
    case OpKind::kSend:
      static_cast<SendOp&>(op).on_sent(-ECANCELED);
      return;
    case OpKind::kConnect:
      static_cast<ConnectOp&>(op).on_connected(-ECANCELED);
      return;
    case OpKind::kPoll:
      unregister_fd(op.fd);  // its owner closes it without telling us
      static_cast<PollOp&>(op).on_poll_end(-ECANCELED);
      return;
  }
}

void EpollBackend::try_accept(AcceptOp& op) {
  for (int i = 0; i < kAcceptsPerTryMax; ++i) {
    const int fd = accept4(op.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      delivered_ = true;
      op.on_accept(fd);
      if ((op.backend_state & kCancelRequested) != 0) return;  // queued by cancel()
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    const int error = errno;
    detach(op);
    op.on_accept_end(-error);
    return;
  }
  enqueue(op);
}

void EpollBackend::try_receive(ReceiveOp& op) {
  for (int i = 0; i < kReadsPerTryMax; ++i) {
    const ssize_t got = ::recv(op.fd, scratch_.data(), scratch_.size(), 0);
    if (got > 0) {
      delivered_ = true;
      op.on_bytes(std::string_view(scratch_.data(), static_cast<size_t>(got)));
      if ((op.backend_state & kCancelRequested) != 0) return;  // queued by cancel()
      // A short read emptied the socket, and later bytes or a FIN make a new edge (epoll(7)). A FIN
      // that came with these bytes does not.
      const bool emptied = static_cast<size_t>(got) < scratch_.size();
      if (emptied && (op.backend_state & kReadToEnd) == 0) return;
      continue;
    }
    if (got < 0 && errno == EAGAIN) {
      op.backend_state &= ~kReadToEnd;
      return;
    }
    if (got < 0 && errno == EINTR) continue;
    const int result = got == 0 ? 0 : -errno;
    detach(op);
    op.on_receive_end(result);
    return;
  }
  enqueue(op);
}

bool EpollBackend::try_send(SendOp& op) {
  while (op.vectors_count > 0) {
    op.header = msghdr{};
    op.header.msg_iov = op.vectors;
    op.header.msg_iovlen = std::min(op.vectors_count, kVectorsPerCallMax);
    const ssize_t sent = ::sendmsg(op.fd, &op.header, MSG_NOSIGNAL);
    if (sent >= 0) {
      advance_vectors(op, static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      register_fd(op.fd);
      return false;
    }
    const int error = errno;
    detach(op);
    op.on_sent(-error);
    return true;
  }
  detach(op);
  op.on_sent(0);
  return true;
}

void EpollBackend::try_connect(ConnectOp& op) {
  int error = 0;
  if ((op.backend_state & kConnectStarted) == 0) {
    op.backend_state |= kConnectStarted;
    if (::connect(op.fd, op.address.raw(), op.address.size()) != 0) {
      if (errno == EINPROGRESS) {
        register_fd(op.fd);  // after connect(), or epoll reports a hang-up at once
        return;
      }
      error = errno;
    }
  } else {
    socklen_t size = sizeof error;
    if (getsockopt(op.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (error == 0 && getpeername(op.fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
      return;  // a spurious edge: still connecting
    }
  }
  detach(op);
  op.on_connected(-error);
}

}  // namespace

Result<std::unique_ptr<Io>> make_epoll_backend() {
  auto backend = std::make_unique<EpollBackend>();
  BARID_TRY_VOID(backend->start());
  return std::unique_ptr<Io>(std::move(backend));
}

}  // namespace barid::rt
