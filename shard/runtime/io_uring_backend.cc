#include "shard/runtime/io_uring_backend.h"

#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shard/runtime/kernel_sockets.h"

namespace barid::rt {
namespace {

constexpr uint16_t kBufferGroup = 0;
constexpr uint32_t kCancelRequested = 1;  // IoOp::backend_state

class UringBackend final : public Io {
 public:
  explicit UringBackend(const UringOptions& options) : options_(options) {}
  ~UringBackend() override;

  Status start();

  std::string_view name() const noexcept override { return "io_uring"; }

  void accept(AcceptOp& op) override { begin(op), arm_accept(op); }
  void receive(ReceiveOp& op) override { begin(op), arm_receive(op); }
  void send(SendOp& op) override {
    op.bytes_sent = 0;
    begin(op), arm_send(op);
  }
  void connect(ConnectOp& op) override;
  void poll(PollOp& op) override { begin(op), arm_poll(op); }
  void cancel(IoOp& op) override;

  Result<int> open_listener(const net::SocketAddress& address,
                            const ListenOptions& options) override {
    return kernel_open_listener(address, options, 0);
  }
  Result<int> open_socket(int family, const net::SocketAddress* source) override {
    return kernel_open_socket(family, source, 0);  // blocking: the ring waits, not the call
  }
  void close(int fd) override { ::close(fd); }
  net::SocketAddress local_address(int fd) const override { return kernel_local_address(fd); }
  net::SocketAddress peer_address(int fd) const override { return kernel_peer_address(fd); }

  void turn(Duration wait_max) override;
  void wake() noexcept override;

 private:
  class WakeOp final : public PollOp {
   public:
    void on_readable() override {
      uint64_t count = 0;
      static_cast<void>(::read(fd, &count, sizeof count));  // only resets the counter
    }
    void on_poll_end(int) override {}
  };

  static void begin(IoOp& op) {
    BARID_ASSERT(!op.active);
    op.active = true;
    op.backend_state = 0;
  }
  io_uring_sqe* take_sqe();
  void arm_accept(AcceptOp& op);
  void arm_receive(ReceiveOp& op);
  void arm_send(SendOp& op);
  void arm_poll(PollOp& op);

  void complete(IoOp& op, int result, uint32_t flags);
  void complete_accept(AcceptOp& op, int result, bool more);
  void complete_receive(ReceiveOp& op, int result, uint32_t flags, bool more);
  void complete_send(SendOp& op, int result);
  void complete_poll(PollOp& op, int result, bool more);

  char* buffer(uint16_t id) noexcept { return buffers_ + size_t{id} * options_.buffer_bytes; }
  void recycle_buffer(uint16_t id) noexcept;
  Status set_up_ring();
  Status set_up_buffers();
  Status probe_nop();

  UringOptions options_;
  io_uring ring_{};
  bool ring_ready_ = false;
  bool multishot_receive_ = true;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  size_t buffer_ring_bytes_ = 0;
  char* buffers_ = nullptr;
  int event_fd_ = -1;
  WakeOp wake_op_;
};

UringBackend::~UringBackend() {
  if (ring_ready_) {
    wake_op_.active = false;  // the ring goes away with everything in flight
    io_uring_queue_exit(&ring_);
  }
  if (buffer_ring_ != nullptr) munmap(buffer_ring_, buffer_ring_bytes_);
  if (buffers_ != nullptr) munmap(buffers_, size_t{options_.buffers_count} * options_.buffer_bytes);
  if (event_fd_ >= 0) ::close(event_fd_);
}

Status UringBackend::set_up_ring() {
  // Newest first; each step drops what an older kernel refuses with EINVAL.
  const unsigned kFlagSteps[] = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE, IORING_SETUP_CQSIZE};
  int result = -EINVAL;
  for (const unsigned flags : kFlagSteps) {
    io_uring_params params{};
    params.flags = flags;
    params.cq_entries = options_.entries * 8;
    result = io_uring_queue_init_params(options_.entries, &ring_, &params);
    if (result != -EINVAL) break;
  }
  if (result < 0) return error_from_errno(-result, "io_uring_setup");
  ring_ready_ = true;
  return {};
}

Status UringBackend::set_up_buffers() {
  buffer_ring_bytes_ = options_.buffers_count * sizeof(io_uring_buf);
  void* ring_memory =
      mmap(nullptr, buffer_ring_bytes_, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (ring_memory == MAP_FAILED) return error_from_errno(errno, "mmap");
  buffer_ring_ = static_cast<io_uring_buf_ring*>(ring_memory);
  void* slab = mmap(nullptr, size_t{options_.buffers_count} * options_.buffer_bytes,
                    PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (slab == MAP_FAILED) return error_from_errno(errno, "mmap");
  buffers_ = static_cast<char*>(slab);

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
  registration.ring_entries = options_.buffers_count;
  registration.bgid = kBufferGroup;
  const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) return error_from_errno(-result, "io_uring_register(PBUF_RING)");
  io_uring_buf_ring_init(buffer_ring_);
  for (uint32_t id = 0; id < options_.buffers_count; ++id) {
    io_uring_buf_ring_add(buffer_ring_, buffer(static_cast<uint16_t>(id)), options_.buffer_bytes,
                          static_cast<uint16_t>(id), io_uring_buf_ring_mask(options_.buffers_count),
                          static_cast<int>(id));
  }
  io_uring_buf_ring_advance(buffer_ring_, static_cast<int>(options_.buffers_count));
  return {};
}

Status UringBackend::probe_nop() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data64(sqe, 0);
  int result = io_uring_submit_and_wait(&ring_, 1);
  if (result < 0) return error_from_errno(-result, "io_uring_enter");
  io_uring_cqe* cqe = nullptr;
  result = io_uring_peek_cqe(&ring_, &cqe);
  if (result < 0) return Error{.code = Code::kUnsupported, .text = "a NOP did not complete"};
  io_uring_cqe_seen(&ring_, cqe);
  return {};
}

Status UringBackend::start() {
  BARID_TRY_VOID(set_up_ring());
  BARID_TRY_VOID(probe_nop());
  BARID_TRY_VOID(set_up_buffers());
  event_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd_ < 0) return error_from_errno(errno, "eventfd");
  wake_op_.fd = event_fd_;
  poll(wake_op_);
  return {};
}

io_uring_sqe* UringBackend::take_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {  // the turn submitted more than the queue holds: pass it on early
    io_uring_submit(&ring_);
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

void UringBackend::arm_accept(AcceptOp& op) {
  io_uring_sqe* sqe = take_sqe();
  io_uring_prep_multishot_accept(sqe, op.fd, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data(sqe, static_cast<IoOp*>(&op));
}

void UringBackend::arm_receive(ReceiveOp& op) {
  io_uring_sqe* sqe = take_sqe();
  if (multishot_receive_) {
    io_uring_prep_recv_multishot(sqe, op.fd, nullptr, 0, 0);
  } else {
    io_uring_prep_recv(sqe, op.fd, nullptr, options_.buffer_bytes, 0);
  }
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = kBufferGroup;
  io_uring_sqe_set_data(sqe, static_cast<IoOp*>(&op));
}

void UringBackend::arm_send(SendOp& op) {
  op.header = msghdr{};
  op.header.msg_iov = op.vectors;
  op.header.msg_iovlen = std::min(op.vectors_count, kVectorsPerCallMax);
  io_uring_sqe* sqe = take_sqe();
  io_uring_prep_sendmsg(sqe, op.fd, &op.header, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data(sqe, static_cast<IoOp*>(&op));
}

void UringBackend::arm_poll(PollOp& op) {
  io_uring_sqe* sqe = take_sqe();
  io_uring_prep_poll_multishot(sqe, op.fd, POLLIN);
  io_uring_sqe_set_data(sqe, static_cast<IoOp*>(&op));
}

void UringBackend::connect(ConnectOp& op) {
  begin(op);
  io_uring_sqe* sqe = take_sqe();
  io_uring_prep_connect(sqe, op.fd, op.address.raw(), op.address.size());
  io_uring_sqe_set_data(sqe, static_cast<IoOp*>(&op));
}

void UringBackend::cancel(IoOp& op) {
  if (!op.active || (op.backend_state & kCancelRequested) != 0) return;
  op.backend_state |= kCancelRequested;
  io_uring_sqe* sqe = take_sqe();
  io_uring_prep_cancel64(sqe, reinterpret_cast<uint64_t>(&op), 0);
  io_uring_sqe_set_data64(sqe, 0);
}

void UringBackend::turn(Duration wait_max) {
  if (wait_max > Duration::zero()) {
    __kernel_timespec timeout{};
    timeout.tv_sec = wait_max.count() / 1'000'000'000;
    timeout.tv_nsec = wait_max.count() % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  } else {
    io_uring_submit_and_get_events(&ring_);
  }
  end_wait();
  // A callback may submit, never reap: the head moves only here. Batches bound the turn.
  constexpr unsigned kBatch = 256;
  io_uring_cqe* cqes[kBatch];
  const unsigned count = io_uring_peek_batch_cqe(&ring_, cqes, kBatch);
  for (unsigned i = 0; i < count; ++i) {
    auto* op = static_cast<IoOp*>(io_uring_cqe_get_data(cqes[i]));
    if (op != nullptr) complete(*op, cqes[i]->res, cqes[i]->flags);
  }
  io_uring_cq_advance(&ring_, count);
}

void UringBackend::wake() noexcept {
  const uint64_t one = 1;
  static_cast<void>(::write(event_fd_, &one, sizeof one));  // cannot fail below 2^64 - 2 wake-ups
}

void UringBackend::recycle_buffer(uint16_t id) noexcept {
  io_uring_buf_ring_add(buffer_ring_, buffer(id), options_.buffer_bytes, id,
                        io_uring_buf_ring_mask(options_.buffers_count), 0);
  io_uring_buf_ring_advance(buffer_ring_, 1);
}

void UringBackend::complete(IoOp& op, int result, uint32_t flags) {
  const bool more = (flags & IORING_CQE_F_MORE) != 0;
  switch (op.kind) {
    case OpKind::kAccept:
      complete_accept(static_cast<AcceptOp&>(op), result, more);
      return;
    case OpKind::kReceive:
      complete_receive(static_cast<ReceiveOp&>(op), result, flags, more);
      return;
    case OpKind::kSend:
      complete_send(static_cast<SendOp&>(op), result);
      return;
    case OpKind::kPoll:
      complete_poll(static_cast<PollOp&>(op), result, more);
      return;
    case OpKind::kConnect: {
      auto& connect_op = static_cast<ConnectOp&>(op);
      op.active = false;
      connect_op.on_connected(result);
      return;
    }
  }
}

void UringBackend::complete_accept(AcceptOp& op, int result, bool more) {
  if (result >= 0) op.on_accept(result);
  if (more) return;
  if (result >= 0 &&
      (op.backend_state & kCancelRequested) == 0) {  // on_accept() may have cancelled
    arm_accept(op);
    return;
  }
  op.active = false;
  op.on_accept_end(result < 0 ? result : -ECANCELED);
}

void UringBackend::complete_receive(ReceiveOp& op, int result, uint32_t flags, bool more) {
  if (result > 0) {
    const auto id = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    op.on_bytes(std::string_view(buffer(id), static_cast<size_t>(result)));
    recycle_buffer(id);
    if (more) return;
    if ((op.backend_state & kCancelRequested) == 0) {  // on_bytes() may have cancelled
      arm_receive(op);
      return;
    }
    result = -ECANCELED;
  } else if (result == -ENOBUFS || (result == -EINVAL && multishot_receive_)) {
    // Buffers are back by now: every callback returns its own. EINVAL: Linux before 6.0.
    if (result == -EINVAL) multishot_receive_ = false;
    if ((op.backend_state & kCancelRequested) == 0) {
      arm_receive(op);
      return;
    }
    result = -ECANCELED;
  }
  op.active = false;
  op.on_receive_end(result);
}

void UringBackend::complete_send(SendOp& op, int result) {
  if (result >= 0) {
    advance_vectors(op, static_cast<size_t>(result));
    if (op.vectors_count > 0) {
      if ((op.backend_state & kCancelRequested) == 0) {
        arm_send(op);
        return;
      }
      result = -ECANCELED;
    } else {
      result = 0;
    }
  }
  op.active = false;
  op.on_sent(result);
}

void UringBackend::complete_poll(PollOp& op, int result, bool more) {
  if (result >= 0) op.on_readable();
  if (more) return;
  if (result >= 0 && (op.backend_state & kCancelRequested) == 0) {
    arm_poll(op);
    return;
  }
  op.active = false;
  op.on_poll_end(result < 0 ? result : -ECANCELED);
}

}  // namespace

Result<std::unique_ptr<Io>> make_uring_backend(const UringOptions& options) {
  auto backend = std::make_unique<UringBackend>(options);
  BARID_TRY_VOID(backend->start());
  return std::unique_ptr<Io>(std::move(backend));
}

}  // namespace barid::rt
