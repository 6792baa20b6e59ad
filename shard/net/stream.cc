#include "shard/net/stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "shard/net/tls_engine.h"

namespace barid::net {

/// TLS between a connection and its wire.
struct TlsLayer {
  std::unique_ptr<TlsEngine> engine;

  // Of a start_write(), which is sealed in portions.
  std::span<iovec> unsealed;
  size_t sealed_bytes = 0;  // plaintext sealed so far
  size_t sent_bytes = 0;    // plaintext whose records are with the kernel
  struct Record {
    size_t wire_end;   // in the outbox, or in what is in flight
    size_t plain_end;  // in the whole write
  };
  std::vector<Record> queued;  // in the outbox
  std::vector<Record> flying;  // in what is in flight
};

/// Lives until its Stream is gone and the kernel has let go of both operations; then deletes
/// itself.
class Connection final : private rt::Timer {
 public:
  Connection(rt::Reactor& reactor, int fd, const SocketAddress& peer_address)
      : reactor_(reactor), fd_(fd), peer(peer_address), receiver_(*this), sender_(*this) {
    receiver_.fd = fd;
    sender_.fd = fd;
    start_receiving();
  }

  std::string_view input() const noexcept {
    if (!live_.empty()) return live_;
    return std::string_view(inbox_).substr(inbox_consumed_);
  }

  void consume(size_t bytes) noexcept {
    BARID_ASSERT(bytes <= input().size());
    if (!live_.empty()) {
      live_.remove_prefix(bytes);
      return;
    }
    inbox_consumed_ += bytes;
    if (inbox_consumed_ == inbox_.size()) {
      inbox_consumed_ = 0;
      if (inbox_.capacity() > kInboxKeepBytes) {
        inbox_ = std::string();  // an idle session keeps no buffer
      } else {
        inbox_.clear();
      }
    }
    if (paused_ && !ended_ && input().size() < kInboxBytesMax / 2) start_receiving();
  }

  // --- waiting
  bool is_ready(uint8_t interest) const noexcept {
    if (interrupted_) return true;
    if ((interest & Stream::kSecured) != 0) {
      return ended_ || write_error_ != 0 || tls_->engine->state() != TlsEngine::State::kHandshake;
    }
    if ((interest & Stream::kInput) != 0 && (fresh_input_ || ended_)) return true;
    return (interest & Stream::kWritten) != 0 && (write_idle() || write_error_ != 0);
  }
  void suspend(std::coroutine_handle<> waiter, uint8_t interest, MonoTime deadline) {
    BARID_ASSERT(!waiter_);
    waiter_ = waiter;
    interest_ = interest;
    deadline_ = deadline;
    timed_out_ = false;
    if (!armed() || due() > deadline) reactor_.timers().arm(*this, deadline);
  }
  Status take_result(uint8_t interest) noexcept {
    if (interrupted_) return Error{.code = Code::kCancelled};
    if (write_error_ != 0) return error_from_errno(write_error_);
    if (std::exchange(timed_out_, false)) return Error{.code = Code::kTimeout};
    if ((interest & Stream::kSecured) != 0) return take_handshake_result();
    if ((interest & Stream::kInput) != 0) {
      if (std::exchange(fresh_input_, false)) return {};
      if (ended_ && (interest & Stream::kWritten) != 0 && write_idle()) return {};
      if (ended_) {
        return receive_error_ == 0 ? Error{.code = Code::kClosed}
                                   : error_from_errno(receive_error_);
      }
    }
    return {};
  }
  Status take_handshake_result() const noexcept {
    const TlsEngine::State state = tls_->engine->state();
    if (state == TlsEngine::State::kOpen || state == TlsEngine::State::kEnded) return {};
    if (state == TlsEngine::State::kFailed) return Error{.code = Code::kRefused};
    return receive_error_ == 0 ? Error{.code = Code::kClosed} : error_from_errno(receive_error_);
  }
  void interrupt() noexcept {
    interrupted_ = true;
    if (waiter_) reactor_.post(std::exchange(waiter_, {}));
  }

  bool quiet() const noexcept {
    return !ended_ && !interrupted_ && write_error_ == 0 && input().empty();
  }

  // --- writing
  void write(std::string_view bytes) {
    if (tls_ == nullptr) {
      outbox_.append(bytes);
    } else {
      seal(bytes);
    }
    if (!sender_.active) send_outbox();
  }
  size_t write_backlog() const noexcept {
    return outbox_.size() + (sender_.active ? in_flight_.size() : 0);
  }
  void start_write(std::span<iovec> vectors) {
    if (tls_ != nullptr) {  // which may be sending a few words of its own
      BARID_ASSERT(tls_->unsealed.empty() && tls_->queued.empty() && tls_->flying.empty());
      tls_->unsealed = vectors;
      tls_->sealed_bytes = tls_->sent_bytes = 0;
      seal_more();
      return;
    }
    BARID_ASSERT(write_idle());
    sender_.bytes_sent = 0;
    gathered_ = true;
    sender_.vectors = vectors.data();
    sender_.vectors_count = vectors.size();
    if (write_error_ == 0) reactor_.io().send(sender_);
  }
  bool write_idle() const noexcept {
    return !sender_.active && outbox_.empty() && (tls_ == nullptr || tls_->unsealed.empty());
  }
  bool sending() const noexcept { return sender_.active; }
  size_t written_bytes() const noexcept {
    if (tls_ == nullptr) return sender_.bytes_sent;
    size_t bytes = tls_->sent_bytes;  // a record that did not leave as a whole cannot be read
    for (const TlsLayer::Record& record : tls_->flying) {
      if (record.wire_end <= sender_.bytes_sent) bytes = record.plain_end;
    }
    return bytes;
  }
  /// Sets `done` when the present write ended; what write() queued behind it may still go out.
  void cancel_write(rt::Event* done) {
    cancelled_event_ = done;
    reactor_.io().cancel(sender_);
  }

  /// Called by the Stream's end. May delete this. `closed` is set once the descriptor is closed.
  void abandon(rt::Event* closed = nullptr) {
    BARID_ASSERT(!waiter_);
    abandoned_ = true;
    closed_event_ = closed;
    rt::Timer::cancel();
    tls_.reset();  // its context goes with the owner of the stream
    if (receiver_.active) reactor_.io().cancel(receiver_);
    if (sender_.active) reactor_.io().cancel(sender_);
    delete_if_done();
  }

  /// The closing goes on unwatched.
  void forget_closed_event() noexcept { closed_event_ = nullptr; }

  // --- TLS
  bool start_tls_server(const TlsServerContext& context, TlsTicketKeys& tickets) {
    start_tls(TlsEngine::accept(context, tickets, reactor_.wall_now(), outbox_));
    return tls_ != nullptr;
  }
  bool start_tls_client(const TlsClientContext& context, TlsClientPeer wanted) {
    start_tls(TlsEngine::connect(context, std::move(wanted), reactor_.wall_now(), outbox_));
    return tls_ != nullptr;
  }
  TlsEngine* tls() const noexcept { return tls_ == nullptr ? nullptr : tls_->engine.get(); }
  void end_writing(std::string_view last) {
    if (tls_ == nullptr) return write(last);
    seal(last);
    tls_->engine->close();
    if (!sender_.active) send_outbox();
  }

  rt::Reactor& reactor() noexcept { return reactor_; }

 private:
  struct Receiver final : rt::ReceiveOp {
    explicit Receiver(Connection& o) : owner(o) {}
    void on_bytes(std::string_view bytes) override { owner.on_bytes(bytes); }
    void on_receive_end(int result) override { owner.on_receive_end(result); }
    Connection& owner;
  };
  struct Sender final : rt::SendOp {
    explicit Sender(Connection& o) : owner(o) {}
    void on_sent(int result) override { owner.on_sent(result); }
    Connection& owner;
  };
  friend struct Receiver;
  friend struct Sender;

  static constexpr size_t kInboxKeepBytes = 512;
  static constexpr size_t kOutboxKeepBytes = 512;
  static constexpr size_t kRecordBytes = TlsEngine::kRecordBytesMax;
  static constexpr size_t kSealedBytesMax = 4 * kRecordBytes;  // of a write, ahead of the kernel

  void start_receiving() {
    paused_ = false;
    if (!receiver_.active) reactor_.io().receive(receiver_);
  }

  void on_bytes(std::string_view bytes) {
    if (abandoned_) return;
    if (tls_ == nullptr) {
      deliver(bytes);
    } else {
      open_bytes(bytes);
    }
  }

  void seal(std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kRecordBytes))) {
      tls_->engine->write(bytes.substr(0, kRecordBytes));
    }
  }

  void start_tls(std::unique_ptr<TlsEngine> engine) {
    BARID_ASSERT(tls_ == nullptr);
    live_ = {};
    inbox_.clear();
    inbox_consumed_ = 0;
    fresh_input_ = false;
    if (engine == nullptr) return;
    tls_ = std::make_unique<TlsLayer>();
    tls_->engine = std::move(engine);
    if (paused_ && !ended_) start_receiving();
    if (!sender_.active) send_outbox();
  }

  /// Bytes of the wire become plaintext, record by record.
  void open_bytes(std::string_view bytes) {
    if (ended_) return;
    std::array<char, kRecordBytes>
        plain;  // not initialised: each byte is written before it is read
    tls_->engine->set_input(bytes);
    for (;;) {
      const size_t got = tls_->engine->read(plain.data(), plain.size());
      if (got == 0) break;
      deliver({plain.data(), got});
      if (abandoned_) return;
    }
    const TlsEngine::State state = tls_->engine->state();
    if (state == TlsEngine::State::kEnded || state == TlsEngine::State::kFailed) {
      ended_ = true;
      receive_error_ = state == TlsEngine::State::kFailed ? EPROTO : 0;
      if (!sender_.active) send_outbox();  // an alert leaves even if nobody stays for it
    }
    // Whoever waits goes first: the answer leaves together with the ticket of the handshake.
    if (waiter_ && is_ready(interest_)) std::exchange(waiter_, {}).resume();
    if (!abandoned_ && !sender_.active) send_outbox();
  }

  /// The next portion of a write becomes records; small pieces share one.
  void seal_more() {
    std::array<char, kRecordBytes> gathered;
    std::span<iovec>& rest = tls_->unsealed;
    size_t sealed = 0;
    while (!rest.empty() && sealed < kSealedBytesMax) {
      size_t filled = 0;
      std::string_view record;
      while (!rest.empty() && filled < kRecordBytes && record.empty()) {
        iovec& piece = rest.front();
        const size_t bytes = std::min(piece.iov_len, kRecordBytes - filled);
        const auto* start = static_cast<const char*>(piece.iov_base);
        if (bytes == kRecordBytes) {
          record = {start, bytes};
        } else {
          std::memcpy(gathered.data() + filled, start, bytes);
          filled += bytes;
        }
        piece.iov_base = static_cast<char*>(piece.iov_base) + bytes;
        piece.iov_len -= bytes;
        if (piece.iov_len == 0) rest = rest.subspan(1);
      }
      if (record.empty()) record = {gathered.data(), filled};
      tls_->engine->write(record);
      if (tls_->engine->state() == TlsEngine::State::kFailed) {
        write_error_ = EPROTO;
        on_portion_sent(-write_error_);
        return;
      }
      sealed += record.size();
      tls_->sealed_bytes += record.size();
      tls_->queued.push_back({.wire_end = outbox_.size(), .plain_end = tls_->sealed_bytes});
    }
    if (!sender_.active) send_outbox();
  }

  /// A portion left, or did not.
  void on_portion_sent(int result) {
    tls_->sent_bytes = written_bytes();
    tls_->flying.clear();
    if (result != 0) {
      tls_->unsealed = {};
      tls_->queued.clear();
    } else if (!tls_->unsealed.empty() && tls_->queued.empty()) {
      seal_more();
    }
  }

  void deliver(std::string_view bytes) {
    fresh_input_ = true;
    if (inbox_.empty() && waiter_ && (interest_ & Stream::kInput) != 0) {
      // The reader works on the kernel's buffer itself; what it leaves is kept.
      live_ = bytes;
      std::exchange(waiter_, {}).resume();
      const std::string_view rest = std::exchange(live_, {});
      if (abandoned_ || rest.empty()) return;
      inbox_.assign(rest);
      inbox_consumed_ = 0;
    } else {
      // A reader that always leaves the start of the next line must not make the inbox grow.
      inbox_.erase(0, std::exchange(inbox_consumed_, 0));
      inbox_.append(bytes);
      if (waiter_ && (interest_ & Stream::kInput) != 0) std::exchange(waiter_, {}).resume();
      if (abandoned_) return;
    }
    if (inbox_.size() - inbox_consumed_ >= kInboxBytesMax && !paused_) {
      paused_ = true;
      reactor_.io().cancel(receiver_);
    }
  }

  void on_receive_end(int result) {
    if (abandoned_) {
      delete_if_done();
      return;
    }
    if (ended_) return;  // TLS said so before
    if (result == -ECANCELED && paused_) return;
    if (result == -ECANCELED) {  // consumed again before the pause took effect
      reactor_.io().receive(receiver_);
      return;
    }
    ended_ = true;
    receive_error_ = -result;
    if (waiter_ && (interest_ & (Stream::kInput | Stream::kSecured)) != 0) {
      std::exchange(waiter_, {}).resume();
    }
  }

  void send_outbox() {
    if (outbox_.empty()) return;
    if (write_error_ != 0) {
      outbox_.clear();
      if (tls_ != nullptr) on_portion_sent(-write_error_);
      return;
    }
    std::swap(in_flight_, outbox_);
    outbox_.clear();
    if (tls_ != nullptr) std::swap(tls_->flying, tls_->queued);
    gathered_ = false;
    own_vector_ = iovec{.iov_base = in_flight_.data(), .iov_len = in_flight_.size()};
    sender_.vectors = &own_vector_;
    sender_.vectors_count = 1;
    reactor_.io().send(sender_);
  }

  void on_sent(int result) {
    if (abandoned_) {
      delete_if_done();
      return;
    }
    if (result != 0) write_error_ = -result;
    if (!gathered_ && in_flight_.capacity() > kOutboxKeepBytes) in_flight_ = std::string();
    if (cancelled_event_ != nullptr) std::exchange(cancelled_event_, nullptr)->set();
    if (tls_ != nullptr) on_portion_sent(result);
    if (!outbox_.empty() && !sender_.active) send_outbox();
    if (waiter_ && is_ready(interest_)) std::exchange(waiter_, {}).resume();
  }

  void on_timer() override {
    if (!waiter_) return;
    if (reactor_.now() < deadline_) {
      reactor_.timers().arm(*this, deadline_);
      return;
    }
    timed_out_ = true;
    std::exchange(waiter_, {}).resume();
  }

  void delete_if_done() {
    if (receiver_.active || sender_.active) return;
    reactor_.io().close(fd_);
    if (closed_event_ != nullptr) closed_event_->set();
    delete this;
  }

  rt::Reactor& reactor_;
  const int fd_;

 public:
  SocketAddress peer;

 private:
  Receiver receiver_;
  Sender sender_;
  std::string_view live_;  // the kernel's buffer, while on_bytes() runs
  std::string inbox_;
  size_t inbox_consumed_ = 0;
  std::string outbox_;
  std::string in_flight_;
  iovec own_vector_{};
  std::unique_ptr<TlsLayer> tls_;  // null: plaintext
  rt::Event* cancelled_event_ = nullptr;
  rt::Event* closed_event_ = nullptr;
  std::coroutine_handle<> waiter_;
  MonoTime deadline_{};
  int receive_error_ = 0;
  int write_error_ = 0;
  uint8_t interest_ = 0;
  bool fresh_input_ = false;
  bool timed_out_ = false;
  bool paused_ = false;
  bool ended_ = false;
  bool interrupted_ = false;
  bool abandoned_ = false;
  bool gathered_ = false;

  friend class Stream;
};

Stream::Stream(rt::Reactor& reactor, int fd, const SocketAddress& peer)
    : connection_(new Connection(reactor, fd, peer)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    if (connection_ != nullptr) connection_->abandon();
    connection_ = std::exchange(other.connection_, nullptr);
  }
  return *this;
}

Stream::~Stream() {
  if (connection_ != nullptr) connection_->abandon();
}

const SocketAddress& Stream::peer() const noexcept { return connection_->peer; }
void Stream::set_peer(const SocketAddress& peer) { connection_->peer = peer; }
SocketAddress Stream::local() const {
  return connection_->reactor().io().local_address(connection_->fd_);
}
std::string_view Stream::input() const noexcept { return connection_->input(); }
void Stream::consume(size_t bytes) noexcept { connection_->consume(bytes); }

bool Stream::Awaiter::await_ready() const noexcept { return connection.is_ready(interest); }
void Stream::Awaiter::await_suspend(std::coroutine_handle<> waiter) const {
  connection.suspend(waiter, interest, deadline);
}
Status Stream::Awaiter::await_resume() const noexcept { return connection.take_result(interest); }

Stream::Awaiter Stream::read(MonoTime deadline) noexcept { return wait(kInput, deadline); }
Stream::Awaiter Stream::flush(MonoTime deadline) noexcept { return wait(kWritten, deadline); }
Stream::Awaiter Stream::wait(uint8_t interest, MonoTime deadline) noexcept {
  return Awaiter{*connection_, interest, deadline};
}

void Stream::write(std::string_view bytes) { connection_->write(bytes); }
size_t Stream::write_backlog() const noexcept { return connection_->write_backlog(); }
void Stream::start_write(std::span<iovec> vectors) { connection_->start_write(vectors); }
bool Stream::written() const noexcept { return connection_->write_idle(); }
size_t Stream::written_bytes() const noexcept { return connection_->written_bytes(); }
bool Stream::start_tls_server(const TlsServerContext& context, TlsTicketKeys& tickets) {
  return connection_->start_tls_server(context, tickets);
}
bool Stream::start_tls_client(const TlsClientContext& context, TlsClientPeer peer) {
  return connection_->start_tls_client(context, std::move(peer));
}
const TlsEngine* Stream::tls() const noexcept { return connection_->tls(); }
void Stream::end_writing(std::string_view last) { connection_->end_writing(last); }
bool Stream::quiet() const noexcept { return connection_->quiet(); }
void Stream::interrupt() noexcept { connection_->interrupt(); }

rt::Task<void> Stream::cancel_write() {
  if (!connection_->sending()) co_return;
  rt::Event done(connection_->reactor());
  connection_->cancel_write(&done);
  // The kernel answers a cancel at once; the bound only keeps a broken one visible.
  while (co_await done.wait_for(std::chrono::seconds(5)) != Code::kOk) {
  }
}

rt::Task<Code> Stream::close(MonoTime flush_until) {
  end_writing();
  static_cast<void>(co_await flush(flush_until));
  Connection* const connection = std::exchange(connection_, nullptr);
  rt::Reactor& reactor = connection->reactor();
  const bool dropped = !connection->write_idle();
  rt::Event closed(reactor);
  connection->abandon(&closed);
  const MonoTime give_up = std::max(flush_until, reactor.now()) + kCloseMax;
  if (co_await closed.wait(give_up) == Code::kOk) co_return dropped ? Code::kTimeout : Code::kOk;
  connection->forget_closed_event();
  co_return Code::kTimeout;
}

namespace {

struct Connector final : rt::ConnectOp {
  explicit Connector(rt::Reactor& reactor) : done(reactor) {}
  void on_connected(int value) override {
    result = value;
    done.set();
  }
  rt::Event done;
  int result = -ECANCELED;
};

}  // namespace

rt::Task<Result<Stream>> connect(rt::Reactor& reactor, const SocketAddress& address,
                                 const SocketAddress* source, MonoTime deadline) {
  rt::Io& io = reactor.io();
  const Result<int> fd = io.open_socket(address.family(), source);
  if (!fd.ok()) co_return fd.error();
  Connector op(reactor);
  op.fd = *fd;
  op.address = address;
  io.connect(op);
  const Code waited = co_await op.done.wait(deadline);
  if (waited != Code::kOk) {
    io.cancel(op);
    while (op.active) static_cast<void>(co_await op.done.wait_for(std::chrono::seconds(5)));
  }
  if (op.result != 0) {
    io.close(*fd);
    if (waited != Code::kOk) co_return Error{.code = waited, .error_number = ETIMEDOUT};
    co_return error_from_errno(-op.result);
  }
  co_return Stream(reactor, *fd, address);
}

}  // namespace barid::net
