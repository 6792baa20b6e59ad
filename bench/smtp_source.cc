#include "bench/smtp_source.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <vector>

#include "bench/http_session.h"
#include "bench/source_session.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_engine.h"

namespace barid::bench {
namespace {

constexpr int kEventsMax = 128;
constexpr size_t kVectorsMax = 64;
constexpr size_t kSealedBytesMax = 256 * 1024;
constexpr size_t kReceiveBytes = 64 * 1024;
constexpr Duration kSweepInterval = std::chrono::milliseconds(200);
constexpr Duration kReconnectDelay = std::chrono::milliseconds(100);
constexpr Duration kQuitPatience = std::chrono::seconds(2);

MonoTime mono_now() noexcept { return std::chrono::steady_clock::now(); }

double thread_cpu_seconds() noexcept {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

class Generator {
 public:
  Generator(const SourceOptions& options, MessageFactory factory)
      : options_(options), factory_(std::move(factory)), buffer_(kReceiveBytes) {}
  ~Generator();

  [[nodiscard]] Status open();
  [[nodiscard]] Result<SourceReport> run();

 private:
  struct Slot {
    explicit Slot(SourceContext& context);
    std::unique_ptr<LoadSession> session;
    std::string sealed;  ///< records for the wire; before the engine that writes to it
    size_t sealed_sent = 0;
    std::unique_ptr<net::TlsEngine> tls;
    int fd = -1;
    bool connecting = false;
    bool listed_idle = false;
    uint32_t events = 0;
    MonoTime connect_at{};  ///< earliest time of the next attempt
  };

  void turn();
  void connect(Slot& slot, MonoTime now);
  void on_event(Slot& slot, uint32_t events);
  void receive(Slot& slot, MonoTime now);
  void flush(Slot& slot, MonoTime now);
  [[nodiscard]] Status make_tls();
  [[nodiscard]] bool start_tls(Slot& slot);
  [[nodiscard]] bool open_bytes(Slot& slot, std::string_view bytes, MonoTime now);
  void flush_sealed(Slot& slot, MonoTime now);
  void after(Slot& slot, MonoTime now);
  void drop(Slot& slot, MonoTime now, Duration reconnect_after);
  void dispatch_due(MonoTime now);
  void sweep(MonoTime now);
  void set_events(Slot& slot, uint32_t wanted);
  [[nodiscard]] bool finished(MonoTime now) const;
  void say_goodbye();
  [[nodiscard]] timespec wait_time(MonoTime now) const;
  void fill_report(MonoTime start, MonoTime end);

  const SourceOptions options_;
  const MessageFactory factory_;
  std::unique_ptr<WorkSupply> supply_;
  std::unique_ptr<LedgerWriter> ledger_;
  std::unique_ptr<const net::TlsClientContext> tls_;
  SourceContext context_;
  SourceReport report_;
  std::vector<char> buffer_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> idle_;
  int epoll_fd_ = -1;
  MonoTime sweep_at_{};
  MonoTime rested_at_{};  ///< last time nothing was due
};

Generator::Slot::Slot(SourceContext& context) {
  if (context.mode == SourceMode::kHttp) {
    session = std::make_unique<HttpSession>(context);
  } else {
    session = std::make_unique<SourceSession>(context);
  }
}

Generator::~Generator() {
  for (const auto& slot : slots_) {
    if (slot->fd >= 0) ::close(slot->fd);
  }
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

Status Generator::open() {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return error_from_errno(errno, "epoll");
  if (!options_.ledger_path.empty()) {
    auto ledger = LedgerWriter::open({.path = options_.ledger_path, .sync = options_.ledger_sync});
    if (!ledger.ok()) return ledger.error();
    ledger_ = *std::move(ledger);
  }
  if (options_.tls != SourceTls::kNone) BARID_TRY_VOID(make_tls());
  context_.tls = options_.tls;
  context_.factory = &factory_;
  context_.counts = &report_.counts;
  context_.latency = &report_.latency;
  context_.ledger = ledger_.get();
  context_.mode = options_.mode;
  context_.fall_back = options_.fall_back;
  context_.depth = options_.depth;
  context_.messages_per_session = options_.messages_per_session;
  context_.with_size = options_.with_size;
  context_.batch = options_.batch;
  if (!options_.api_key.empty()) context_.authorization = "Bearer " + options_.api_key;
  context_.open_loop = options_.rate > 0;
  context_.helo_name = options_.helo_name;
  context_.auth_plain = options_.auth_plain;
  for (uint32_t i = 0; i < options_.session_count; ++i) {
    slots_.push_back(std::make_unique<Slot>(context_));
  }
  idle_.reserve(slots_.size());
  return {};
}

Result<SourceReport> Generator::run() {
  const double cpu_before = thread_cpu_seconds();
  const MonoTime start = mono_now();
  supply_ =
      std::make_unique<WorkSupply>(WorkSupply::Options{.message_count = options_.message_count,
                                                       .duration = options_.duration,
                                                       .rate = options_.rate,
                                                       .retries_max = options_.retries_max,
                                                       .retry_delay = options_.retry_delay},
                                   start);
  context_.supply = supply_.get();
  context_.window_start = start + options_.warmup;
  context_.last_progress = start;
  for (const auto& slot : slots_) connect(*slot, start);
  while (report_.stopped_by.empty() && !finished(mono_now())) turn();
  const MonoTime end = mono_now();
  for (const auto& slot : slots_) {
    if (slot->fd >= 0 && slot->session->waiting()) slot->session->on_disconnect(end);
  }
  say_goodbye();
  report_.cpu_seconds = thread_cpu_seconds() - cpu_before;
  fill_report(start, end);
  return report_;
}

void Generator::fill_report(MonoTime start, MonoTime end) {
  report_.first_message = start;
  report_.fell_back = context_.fell_back;
  report_.begun = supply_->taken_count();
  // The stretch until the last reply counts: cutting it off would flatter a slow target.
  const MonoTime from = std::min(context_.window_start, end);
  const MonoTime until = std::max(from, std::min(end, context_.last_progress));
  report_.seconds = std::chrono::duration<double>(until - from).count();
  if (report_.seconds > 0) {
    report_.messages_per_second =
        static_cast<double>(report_.counts.accepted_in_window) / report_.seconds;
  }
}

bool Generator::finished(MonoTime now) const {
  return context_.in_flight == 0 && supply_->exhausted(now);
}

timespec Generator::wait_time(MonoTime now) const {
  Duration wait = std::max(Duration::zero(), sweep_at_ - now);
  if (!idle_.empty()) {
    if (const auto next = supply_->wait(now)) wait = std::min(wait, *next);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
  return timespec{.tv_sec = seconds.count(), .tv_nsec = (wait - seconds).count()};
}

void Generator::turn() {
  std::array<epoll_event, kEventsMax> events;
  const timespec wait = wait_time(mono_now());
  const int count = ::epoll_pwait2(epoll_fd_, events.data(), kEventsMax, &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    on_event(*static_cast<Slot*>(event.data.ptr), event.events);
  }
  const MonoTime now = mono_now();
  dispatch_due(now);
  if (now >= sweep_at_) sweep(now);
  if (context_.fatal != nullptr) report_.stopped_by = context_.fatal;
  if (options_.stop != nullptr && options_.stop->load()) report_.stopped_by = "interrupted";
}

void Generator::connect(Slot& slot, MonoTime now) {
  slot.fd =
      ::socket(options_.target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (slot.fd < 0) {
    ++report_.counts.connections_failed;
    slot.connect_at = now + kReconnectDelay;
    return;
  }
  const int on = 1;
  ::setsockopt(slot.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int result = ::connect(slot.fd, reinterpret_cast<const sockaddr*>(&options_.target.address),
                               options_.target.length);
  if (result != 0 && errno != EINPROGRESS) {
    ++report_.counts.connections_failed;
    ::close(slot.fd);
    slot.fd = -1;
    slot.connect_at = now + kReconnectDelay;
    return;
  }
  slot.connecting = true;
  slot.connect_at = now;
  slot.events = EPOLLOUT;
  epoll_event event{.events = EPOLLOUT, .data = {.ptr = &slot}};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, slot.fd, &event);
}

void Generator::on_event(Slot& slot, uint32_t events) {
  if (slot.fd < 0) return;
  const MonoTime now = mono_now();
  if (slot.connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(slot.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    slot.connecting = false;
    if (error != 0) {
      ++report_.counts.connections_failed;
      return drop(slot, now, kReconnectDelay);
    }
    slot.session->on_connected(now);
    set_events(slot, EPOLLIN);
    if (options_.tls != SourceTls::kImplicit) return after(slot, now);
    if (!start_tls(slot)) return drop(slot, now, kReconnectDelay);
    return flush(slot, now);
  }
  if ((events & EPOLLOUT) != 0) flush(slot, now);
  if (slot.fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) receive(slot, now);
}

void Generator::receive(Slot& slot, MonoTime now) {
  const ssize_t got = ::recv(slot.fd, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(slot, now, kReconnectDelay);
  const bool quitting = slot.session->phase() == LoadSession::Phase::kQuitting;
  const std::string_view bytes(buffer_.data(), static_cast<size_t>(got));
  if (slot.tls == nullptr) {
    slot.session->on_bytes(bytes, now);
    if (slot.session->phase() == LoadSession::Phase::kSecuring && !start_tls(slot)) {
      return drop(slot, now, kReconnectDelay);
    }
  } else if (!open_bytes(slot, bytes, now)) {
    return drop(slot, now, kReconnectDelay);
  }
  if (ledger_ != nullptr && !ledger_->flush().ok()) {
    report_.stopped_by = "the ledger cannot be written";
    return;
  }
  // An orderly end makes room for the next connection at once, a refusal waits a little.
  if (slot.session->phase() == LoadSession::Phase::kClosed) {
    const bool orderly = quitting || slot.session->left();
    return drop(slot, now, orderly ? Duration::zero() : kReconnectDelay);
  }
  after(slot, now);
}

/// What a session's step may have left to do: bytes to send, a place among the idle.
void Generator::after(Slot& slot, MonoTime now) {
  if (!slot.session->output().empty() || !slot.sealed.empty()) flush(slot, now);
  if (slot.fd >= 0 && !slot.listed_idle && slot.session->idle()) {
    slot.listed_idle = true;
    idle_.push_back(&slot);
    context_.idle_sessions = idle_.size();
  }
}

Status Generator::make_tls() {
  std::string error;
  std::vector<std::string> warnings;
  tls_ = net::TlsClientContext::create(
      {.cipher_parameter = "ciphers",
       .ciphers = "HIGH",
       .digest_parameter = "digest",
       .session_lifetime = std::chrono::hours(options_.tls_resume ? 1 : 0)},
      &error, &warnings);
  if (tls_ == nullptr) return Error{.code = Code::kUnsupported, .text = "TLS"};
  return {};
}

/// The target is measured, not judged: any certificate will do, and its sessions never grow old.
bool Generator::start_tls(Slot& slot) {
  slot.sealed.clear();
  slot.sealed_sent = 0;
  slot.tls = net::TlsEngine::connect(*tls_, {.session_key = options_.tls_resume ? "target" : ""},
                                     WallTime{}, slot.sealed);
  return slot.tls != nullptr;
}

/// False: the connection is over.
bool Generator::open_bytes(Slot& slot, std::string_view bytes, MonoTime now) {
  using State = net::TlsEngine::State;
  const bool was_shaking = slot.tls->state() == State::kHandshake;
  std::array<char, net::TlsEngine::kRecordBytesMax> plain;
  slot.tls->set_input(bytes);
  bool secured = !was_shaking;
  for (;;) {
    const size_t got = slot.tls->read(plain.data(), plain.size());
    if (!secured && slot.tls->state() == State::kOpen) {
      secured = true;
      ++report_.counts.tls_sessions;
      if (slot.tls->resumed()) ++report_.counts.tls_resumed;
      slot.session->on_secured(now);
    }
    if (got == 0) break;
    slot.session->on_bytes({plain.data(), got}, now);
  }
  const bool quitting = slot.session->phase() == LoadSession::Phase::kClosed;
  return slot.tls->state() != State::kFailed && (quitting || slot.tls->state() != State::kEnded);
}

/// Records hold what several writes would: as much as there is.
void Generator::flush_sealed(Slot& slot, MonoTime now) {
  OutputQueue& output = slot.session->output();
  std::string record;
  for (;;) {
    while (slot.tls->state() == net::TlsEngine::State::kOpen && !output.empty() &&
           slot.sealed.size() - slot.sealed_sent < kSealedBytesMax) {
      std::array<iovec, kVectorsMax> vectors;
      const size_t count = output.vectors(vectors);
      record.clear();
      for (size_t i = 0; i < count && record.size() < net::TlsEngine::kRecordBytesMax; ++i) {
        record.append(
            static_cast<const char*>(vectors[i].iov_base),
            std::min(vectors[i].iov_len, net::TlsEngine::kRecordBytesMax - record.size()));
      }
      slot.tls->write(record);
      output.consume(record.size());
    }
    if (slot.sealed_sent == slot.sealed.size()) break;
    const ssize_t sent = ::send(slot.fd, slot.sealed.data() + slot.sealed_sent,
                                slot.sealed.size() - slot.sealed_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return set_events(slot, EPOLLIN | EPOLLOUT);
    if (sent < 0) return drop(slot, now, kReconnectDelay);
    slot.sealed_sent += static_cast<size_t>(sent);
  }
  slot.sealed.clear();
  slot.sealed_sent = 0;
  set_events(slot, EPOLLIN);
}

void Generator::flush(Slot& slot, MonoTime now) {
  if (slot.tls != nullptr) return flush_sealed(slot, now);
  OutputQueue& output = slot.session->output();
  while (!output.empty()) {
    std::array<iovec, kVectorsMax> vectors;
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = output.vectors(vectors);
    const ssize_t sent = ::sendmsg(slot.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return drop(slot, now, kReconnectDelay);
    output.consume(static_cast<size_t>(sent));
  }
  set_events(slot, output.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void Generator::set_events(Slot& slot, uint32_t wanted) {
  if (slot.events == wanted) return;
  slot.events = wanted;
  epoll_event event{.events = wanted, .data = {.ptr = &slot}};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, slot.fd, &event);
}

void Generator::drop(Slot& slot, MonoTime now, Duration reconnect_after) {
  slot.session->on_disconnect(now);
  slot.tls.reset();
  slot.sealed.clear();
  slot.sealed_sent = 0;
  ::close(slot.fd);
  slot.fd = -1;
  slot.connecting = false;
  slot.connect_at = now + reconnect_after;
  if (reconnect_after == Duration::zero() && !finished(now)) connect(slot, now);
}

void Generator::dispatch_due(MonoTime now) {
  while (!idle_.empty() && context_.fatal == nullptr) {
    const auto due = supply_->next_due(now);
    if (!due || *due > now) return;
    Slot* slot = idle_.back();
    idle_.pop_back();
    context_.idle_sessions = idle_.size();
    slot->listed_idle = false;
    if (slot->fd < 0 || !slot->session->idle()) continue;
    slot->session->pump(now);
    after(*slot, now);
  }
}

/// A few times a second: deadlines, reconnects, stalls.
void Generator::sweep(MonoTime now) {
  sweep_at_ = now + kSweepInterval;
  const bool work_left = !supply_->exhausted(now);
  for (const auto& each : slots_) {
    Slot& slot = *each;
    if (slot.fd < 0) {
      if (work_left && now >= slot.connect_at) connect(slot, now);
      continue;
    }
    const MonoTime since = slot.connecting ? slot.connect_at : slot.session->last_active();
    const bool owed = slot.connecting || slot.session->waiting();
    if (owed && now - since > options_.reply_timeout) drop(slot, now, kReconnectDelay);
  }
  const auto due = supply_->next_due(now);
  const bool should_move = context_.in_flight > 0 || (due && *due <= now);
  if (!should_move) rested_at_ = now;
  const Duration stalled = now - std::max(context_.last_progress, rested_at_);
  if (stalled > options_.stall_timeout) {
    report_.stopped_by = "no message ended within the stall timeout";
  } else if (report_.counts.connections == 0 && stalled > options_.connect_timeout) {
    report_.stopped_by = "no connection could be made";
  }
}

/// A farewell on every session that is at rest, then a short wait for the replies, so that the
/// target does not log lost connections.
void Generator::say_goodbye() {
  supply_->stop();
  const MonoTime until = mono_now() + kQuitPatience;
  for (const auto& each : slots_) {
    if (each->fd < 0 || each->connecting) continue;
    each->session->quit(mono_now());
    if (each->session->phase() == LoadSession::Phase::kQuitting) flush(*each, mono_now());
  }
  const auto open = [this] {
    return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) {
      return slot->fd >= 0 && slot->session->phase() == LoadSession::Phase::kQuitting;
    });
  };
  std::array<epoll_event, kEventsMax> events;
  while (open() && mono_now() < until) {
    const int count = ::epoll_wait(epoll_fd_, events.data(), kEventsMax, 100);
    for (int i = 0; i < count; ++i) {
      Slot& slot = *static_cast<Slot*>(events[static_cast<size_t>(i)].data.ptr);
      if (slot.fd >= 0 && !slot.connecting)
        receive(slot, mono_now());
      else if (slot.fd >= 0)
        drop(slot, mono_now(), kReconnectDelay);
    }
  }
}

}  // namespace

Result<SourceReport> run_source(const SourceOptions& options) {
  const bool bounded = options.message_count > 0 || options.duration > Duration::zero();
  if (!bounded)
    return Error{.code = Code::kMalformed, .text = "give a message count or a duration"};
  if (options.session_count == 0) {
    return Error{.code = Code::kMalformed, .text = "at least one session"};
  }
  BARID_TRY(MessageFactory factory, MessageFactory::make(options.shape));
  auto generator = std::make_unique<Generator>(options, std::move(factory));
  BARID_TRY_VOID(generator->open());
  return generator->run();
}

}  // namespace barid::bench
