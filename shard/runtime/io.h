// The I/O seam: one submitted operation, one (or, multishot, one final) completion.
// Back ends: io_uring (io_uring_backend.h), epoll (epoll_backend.h), and the simulated network
// (shard/sim). All above this line is the same code on each of them.
//
// Contract, tested for every back end by tests/contract:
//  - Submitting never calls back. Completions are delivered only from inside turn().
//  - An operation object is pinned from its submission to its final completion; memory that it
//    points to is too, also after cancel() or close().
//  - cancel() asks; the final completion still comes, exactly once, with -ECANCELED or with what
//    happened first.
// Layer: shard/runtime. Everything but wake() belongs to the shard's own thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "shard/net/socket_address.h"

namespace barid::rt {

enum class OpKind : uint8_t { kAccept, kReceive, kSend, kConnect, kPoll };

/// Common part of all operations. `active` is true between submission and final completion.
class IoOp {
 public:
  IoOp(const IoOp&) = delete;
  IoOp& operator=(const IoOp&) = delete;

  const OpKind kind;
  bool active = false;
  int fd = -1;
  uint32_t backend_state = 0;  ///< private to the back end
  IoOp* backend_next = nullptr;

 protected:
  explicit IoOp(OpKind op_kind) noexcept : kind(op_kind) {}
  ~IoOp() { BARID_ASSERT(!active); }
};

/// Multishot accept on a listening socket.
class AcceptOp : public IoOp {
 public:
  AcceptOp() noexcept : IoOp(OpKind::kAccept) {}
  /// A new connection; the callee owns the descriptor.
  virtual void on_accept(int accepted_fd) = 0;
  /// Final: -errno. -EMFILE and its kin are temporary: arm again later.
  virtual void on_accept_end(int error) = 0;

 protected:
  ~AcceptOp() = default;
};

/// Multishot receive on a stream socket.
class ReceiveOp : public IoOp {
 public:
  ReceiveOp() noexcept : IoOp(OpKind::kReceive) {}
  /// `bytes` is valid only during the call, and so must be copied or consumed in it.
  virtual void on_bytes(std::string_view bytes) = 0;
  /// Final: 0 = end of stream, else -errno.
  virtual void on_receive_end(int result) = 0;

 protected:
  ~ReceiveOp() = default;
};

/// One gathered write; completes when all of it is with the kernel, or on an error.
class SendOp : public IoOp {
 public:
  SendOp() noexcept : IoOp(OpKind::kSend) {}
  iovec* vectors = nullptr;  ///< consumed in place by short writes
  size_t vectors_count = 0;
  size_t bytes_sent = 0;  ///< progress, also after an error
  msghdr header{};        ///< scratch for the back end
  /// Final: 0 when everything was sent, else -errno.
  virtual void on_sent(int result) = 0;

 protected:
  ~SendOp() = default;
};

class ConnectOp : public IoOp {
 public:
  ConnectOp() noexcept : IoOp(OpKind::kConnect) {}
  net::SocketAddress address;
  /// Final: 0 when connected, else -errno.
  virtual void on_connected(int result) = 0;

 protected:
  ~ConnectOp() = default;
};

/// Multishot readiness of a foreign descriptor (libunbound's pipe, an eventfd).
class PollOp : public IoOp {
 public:
  PollOp() noexcept : IoOp(OpKind::kPoll) {}
  virtual void on_readable() = 0;
  virtual void on_poll_end(int error) = 0;

 protected:
  ~PollOp() = default;
};

struct ListenOptions {
  bool reuse_port = true;  ///< one listening socket per shard, the kernel spreads connections
  int backlog = 4096;
  bool v6_only = true;
};

/// Told when a turn's wait is over and before its completions are delivered: reads the clock, so
/// that deadlines set by a completion do not count from before the sleep.
class WaitListener {
 public:
  virtual void on_wait_end() = 0;

 protected:
  ~WaitListener() = default;
};

class Io {
 public:
  virtual ~Io() = default;
  /// At most one, which outlives the last turn.
  void set_wait_listener(WaitListener* listener) noexcept { wait_listener_ = listener; }
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  virtual void accept(AcceptOp& op) = 0;
  virtual void receive(ReceiveOp& op) = 0;
  virtual void send(SendOp& op) = 0;
  virtual void connect(ConnectOp& op) = 0;
  virtual void poll(PollOp& op) = 0;
  /// No effect on an operation that is not active.
  virtual void cancel(IoOp& op) = 0;

  /// Sockets. Errors: the errno of the failing call. The caller closes what it opened by close().
  virtual Result<int> open_listener(const net::SocketAddress& address,
                                    const ListenOptions& options) = 0;
  /// A non-blocking stream socket of `family`, bound to `source` unless that is null.
  virtual Result<int> open_socket(int family, const net::SocketAddress* source) = 0;
  virtual void close(int fd) = 0;
  [[nodiscard]] virtual net::SocketAddress local_address(int fd) const = 0;
  [[nodiscard]] virtual net::SocketAddress peer_address(int fd) const = 0;

  /// Submits what is queued, waits at most `wait_max` for a completion (0 = does not wait) and
  /// delivers all completions that are there.
  virtual void turn(Duration wait_max) = 0;
  /// Ends the waiting turn(), from any thread.
  virtual void wake() noexcept = 0;

 protected:
  void end_wait() {
    if (wait_listener_ != nullptr) wait_listener_->on_wait_end();
  }

 private:
  WaitListener* wait_listener_ = nullptr;
};

}  // namespace barid::rt
