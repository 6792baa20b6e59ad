#include "bench/smtp_sink.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>
#include <queue>
#include <thread>
#include <unordered_set>

#include "shard/net/tls_engine.h"

namespace barid::bench {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
constexpr size_t kSealedBytes = 64 * 1024;  // read from a TLS connection at once
constexpr int kEventsMax = 128;
constexpr int kAcceptsPerTurn = 64;

MonoTime mono_now() noexcept { return std::chrono::steady_clock::now(); }
WallTime wall_now() noexcept {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}

// Listeners and connections share an epoll set. A connection's tag is its address, which is even; a
// listener's is odd and holds its descriptor.
uint64_t listener_tag(int fd) noexcept { return static_cast<uint64_t>(fd) << 1 | 1; }
bool is_listener_tag(uint64_t tag) noexcept { return (tag & 1) != 0; }

}  // namespace

/// One thread: its own listening sockets, epoll set, sessions and counters. The mutex guards what
/// report() reads; it is taken once per turn and otherwise free.
class SmtpSink::Worker {
 public:
  Worker(Shared& shared, uint64_t seed)
      : shared_(shared), faults_(shared.options.faults, seed), buffer_(kBufferBytes) {
    context_ = SinkContext{.extensions = &shared.options.extensions,
                           .faults = &faults_,
                           .tracker = &tracker_,
                           .counts = &counts_,
                           .ledger = nullptr};
  }
  ~Worker();

  [[nodiscard]] Status open_ledger();
  [[nodiscard]] Status watch_listener(int fd);
  [[nodiscard]] Status watch_stop();
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  void add_to(SinkReport& report, std::vector<const SequenceTracker*>& trackers) const;
  [[nodiscard]] std::mutex& mutex() const noexcept { return mutex_; }

 private:
  struct Connection {
    Connection(int fd_in, const SinkContext& context) : fd(fd_in), session(context) {}
    const int fd;
    SinkSession session;
    std::string carry;   ///< bytes that arrived but were not used up yet
    std::string unsent;  ///< bytes for the wire that the socket did not take yet
    std::string sealed;  ///< what `tls` has for the wire
    std::unique_ptr<net::TlsEngine> tls;
    uint64_t serial = 0;  ///< tells a timer that its connection is gone
    MonoTime last_active{};
    uint32_t events = EPOLLIN;
    bool paused = false;   ///< waits for a timer
    bool closing = false;  ///< closes once `unsent` is out
  };
  struct Timer {
    MonoTime at;
    Connection* connection;
    uint64_t serial;
    bool operator>(const Timer& other) const noexcept { return at > other.at; }
  };

  void run();
  void accept_from(int listener, MonoTime now);
  void on_event(Connection& connection, uint32_t events, MonoTime now);
  void on_readable(Connection& connection, MonoTime now);
  [[nodiscard]] bool start_tls(Connection& connection);
  void on_sealed(Connection& connection, MonoTime now);
  static void seal(Connection& connection, std::string& out);
  /// Runs the session over buffer_[0, size), keeps the rest, sends the replies.
  void advance(Connection& connection, size_t size, MonoTime now);
  void apply(Connection& connection, const SinkSession::Step& step, MonoTime now);
  void flush(Connection& connection);
  void pause(Connection& connection, MonoTime until);
  void fire_timers(MonoTime now);
  void close_idle(MonoTime now);
  void set_events(Connection& connection);
  void close_connection(Connection& connection);
  [[nodiscard]] int wait_milliseconds(MonoTime now) const;

  Shared& shared_;
  FaultDecider faults_;
  SequenceTracker tracker_;
  SinkCounts counts_;
  SinkContext context_;
  std::unique_ptr<LedgerWriter> ledger_;
  uint64_t ledger_failures_ = 0;
  uint64_t tls_sessions_ = 0;
  uint64_t tls_resumed_ = 0;
  std::vector<char> buffer_;
  std::string out_;
  int epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  uint64_t serial_next_ = 1;
  uint64_t messages_published_ = 0;
  std::vector<int> listeners_;
  std::unordered_set<Connection*> connections_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  MonoTime idle_check_at_{};
  mutable std::mutex mutex_;
  std::thread thread_;
};

SmtpSink::Worker::~Worker() {
  for (Connection* connection : connections_) {
    ::close(connection->fd);
    delete connection;
  }
  for (const int listener : listeners_) ::close(listener);
  ::close(epoll_fd_);
}

Status SmtpSink::Worker::open_ledger() {
  if (shared_.options.ledger_path.empty()) return {};
  auto ledger = LedgerWriter::open(
      {.path = shared_.options.ledger_path, .sync = shared_.options.ledger_sync});
  if (!ledger.ok()) return ledger.error();
  ledger_ = *std::move(ledger);
  context_.ledger = ledger_.get();
  return {};
}

Status SmtpSink::Worker::watch_listener(int fd) {
  listeners_.push_back(fd);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = listener_tag(fd)}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return error_from_errno(errno, "cannot watch a listening socket");
  }
  return {};
}

Status SmtpSink::Worker::watch_stop() {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, shared_.stop_fd, &event) != 0) {
    return error_from_errno(errno, "cannot watch the stop event");
  }
  return {};
}

int SmtpSink::Worker::wait_milliseconds(MonoTime now) const {
  if (timers_.empty()) return 1000;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.top().at - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1000));
}

void SmtpSink::Worker::run() {
  std::array<epoll_event, kEventsMax> events;
  for (;;) {
    const int count =
        ::epoll_wait(epoll_fd_, events.data(), kEventsMax, wait_milliseconds(mono_now()));
    if (count < 0 && errno != EINTR) return;
    const MonoTime now = mono_now();
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.ptr == nullptr) return;  // stop
      if (is_listener_tag(event.data.u64))
        accept_from(static_cast<int>(event.data.u64 >> 1), now);
      else
        on_event(*static_cast<Connection*>(event.data.ptr), event.events, now);
    }
    fire_timers(now);
    if (now >= idle_check_at_) close_idle(now);
    if (counts_.messages != messages_published_) {
      const uint64_t added = counts_.messages - messages_published_;
      messages_published_ = counts_.messages;
      const uint64_t before = shared_.messages.fetch_add(added);
      const uint64_t stop = shared_.options.message_count_stop;
      if (stop > 0 && before < stop && before + added >= stop) {
        ::eventfd_write(shared_.done_fd, 1);
      }
    }
  }
}

void SmtpSink::Worker::accept_from(int listener, MonoTime now) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;  // EAGAIN; or out of descriptors: the client waits in the backlog
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++counts_.connections;
    if (shared_.connections_open.fetch_add(1) >= shared_.options.connections_max) {
      shared_.connections_open.fetch_sub(1);
      ++counts_.connections_refused;
      constexpr std::string_view kFull = "421 4.7.0 Too many connections\r\n";
      [[maybe_unused]] const ssize_t sent = ::send(fd, kFull.data(), kFull.size(), MSG_NOSIGNAL);
      ::close(fd);
      continue;
    }
    auto* connection = new Connection(fd, context_);
    connections_.insert(connection);
    connection->serial = serial_next_++;
    connection->last_active = now;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
    out_.clear();
    if (shared_.options.tls_implicit) {
      if (!start_tls(*connection)) close_connection(*connection);
      continue;  // the greeting waits for the handshake
    }
    apply(*connection, connection->session.greet(out_), now);
  }
}

void SmtpSink::Worker::on_event(Connection& connection, uint32_t events, MonoTime now) {
  connection.last_active = now;
  if ((events & EPOLLOUT) != 0 || !connection.unsent.empty()) {
    out_.clear();
    flush(connection);  // may delete the connection; then nothing else may touch it
    return;
  }
  if (connection.paused) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) close_connection(connection);
    return;
  }
  if (connection.tls != nullptr) return on_sealed(connection, now);
  on_readable(connection, now);
}

bool SmtpSink::Worker::start_tls(Connection& connection) {
  connection.tls =
      net::TlsEngine::accept(*shared_.tls, shared_.tickets, wall_now(), connection.sealed);
  return connection.tls != nullptr;
}

/// Bytes of a TLS connection: the handshake goes on, or plaintext comes out.
void SmtpSink::Worker::on_sealed(Connection& connection, MonoTime now) {
  using State = net::TlsEngine::State;
  std::array<char, kSealedBytes> raw;
  const uint32_t bytes_per_read = shared_.options.bytes_per_read;
  const size_t room =
      bytes_per_read > 0 ? std::min<size_t>(raw.size(), bytes_per_read) : raw.size();
  const ssize_t got = ::recv(connection.fd, raw.data(), room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    connection.session.on_disconnect();
    close_connection(connection);
    return;
  }
  if (bytes_per_read > 0) pause(connection, now + shared_.options.read_pause);
  const bool was_shaking = connection.tls->state() == State::kHandshake;
  size_t size = connection.carry.size();
  std::memcpy(buffer_.data(), connection.carry.data(), size);
  connection.tls->set_input({raw.data(), static_cast<size_t>(got)});
  for (size_t plain = 1; plain > 0 && size < buffer_.size(); size += plain) {
    plain = connection.tls->read(buffer_.data() + size, buffer_.size() - size);
  }
  out_.clear();
  const bool opened = was_shaking && connection.tls->state() == State::kOpen;
  if (opened) {
    ++tls_sessions_;
    if (connection.tls->resumed()) ++tls_resumed_;
    connection.session.on_secured();
    if (shared_.options.tls_implicit) {
      const SinkSession::Step step = connection.session.greet(out_);
      connection.carry.assign(buffer_.data(), size);
      return apply(connection, step, now);
    }
  }
  const State state = connection.tls->state();
  if (state == State::kFailed || state == State::kEnded) {
    connection.session.on_disconnect();
    connection.closing = true;
    return flush(connection);
  }
  connection.carry.clear();
  advance(connection, size, now);
}

/// Replaces `out` by its records, behind what else TLS has to say.
void SmtpSink::Worker::seal(Connection& connection, std::string& out) {
  constexpr size_t kRecord = net::TlsEngine::kRecordBytesMax;
  if (connection.tls->state() != net::TlsEngine::State::kHandshake) {
    for (size_t at = 0; at < out.size(); at += kRecord) {
      connection.tls->write(std::string_view(out).substr(at, kRecord));
    }
    if (connection.closing) connection.tls->close();
  }
  out.swap(connection.sealed);
  connection.sealed.clear();
}

void SmtpSink::Worker::on_readable(Connection& connection, MonoTime now) {
  const size_t carried = connection.carry.size();
  std::memcpy(buffer_.data(), connection.carry.data(), carried);
  size_t room = buffer_.size() - carried;
  const uint32_t bytes_per_read = shared_.options.bytes_per_read;
  if (bytes_per_read > 0) room = std::min<size_t>(room, bytes_per_read);
  const ssize_t got = ::recv(connection.fd, buffer_.data() + carried, room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    connection.session.on_disconnect();
    close_connection(connection);
    return;
  }
  connection.carry.clear();
  if (bytes_per_read > 0) pause(connection, now + shared_.options.read_pause);
  advance(connection, carried + static_cast<size_t>(got), now);
}

void SmtpSink::Worker::advance(Connection& connection, size_t size, MonoTime now) {
  out_.clear();
  const std::string_view in(buffer_.data(), size);
  const SinkSession::Step step = connection.session.feed(in, out_, now);
  connection.carry.assign(in.substr(step.taken));
  if (ledger_ != nullptr && !ledger_->flush().ok()) {
    // What the ledger does not hold must not be acknowledged.
    ++ledger_failures_;
    connection.session.on_disconnect();
    close_connection(connection);
    return;
  }
  apply(connection, step, now);
}

void SmtpSink::Worker::apply(Connection& connection, const SinkSession::Step& step, MonoTime now) {
  if (step.next == SinkSession::Next::kDelay) pause(connection, now + step.delay);
  if (step.next == SinkSession::Next::kClose) connection.closing = true;
  if (step.next == SinkSession::Next::kSecure) {
    connection.unsent += out_;  // in clear, before the first record
    out_.clear();
    connection.carry.clear();
    if (!start_tls(connection)) connection.closing = true;
  }
  flush(connection);
}

void SmtpSink::Worker::flush(Connection& connection) {
  if (connection.tls != nullptr) seal(connection, out_);
  if (!connection.unsent.empty()) {
    connection.unsent += out_;
    out_.swap(connection.unsent);
    connection.unsent.clear();
  }
  const std::string_view pending = out_;
  size_t sent_total = 0;
  while (sent_total < pending.size()) {
    const ssize_t sent = ::send(connection.fd, pending.data() + sent_total,
                                pending.size() - sent_total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) {
      connection.session.on_disconnect();
      return close_connection(connection);
    }
    sent_total += static_cast<size_t>(sent);
  }
  connection.unsent.assign(pending.substr(sent_total));
  if (connection.unsent.empty() && connection.closing) return close_connection(connection);
  set_events(connection);
}

/// Asks epoll only for what the connection can use now; a system call only when that changes.
void SmtpSink::Worker::set_events(Connection& connection) {
  uint32_t wanted = EPOLLIN;
  if (!connection.unsent.empty())
    wanted = EPOLLOUT;
  else if (connection.paused)
    wanted = 0;
  if (wanted == connection.events) return;
  connection.events = wanted;
  epoll_event event{.events = wanted, .data = {.ptr = &connection}};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
}

void SmtpSink::Worker::pause(Connection& connection, MonoTime until) {
  connection.paused = true;
  connection.serial = serial_next_++;  // an earlier timer of this connection no longer counts
  timers_.push(Timer{.at = until, .connection = &connection, .serial = connection.serial});
}

void SmtpSink::Worker::fire_timers(MonoTime now) {
  while (!timers_.empty() && timers_.top().at <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    if (!connections_.contains(timer.connection)) continue;
    Connection& connection = *timer.connection;
    if (connection.serial != timer.serial) continue;
    connection.paused = false;
    connection.last_active = now;
    out_.clear();
    connection.session.take_held_reply(out_);
    if (!out_.empty()) {
      std::string held;
      held.swap(out_);
      if (connection.tls != nullptr) seal(connection, held);
      connection.unsent += held;  // goes out together with what the carried bytes bring
    }
    const size_t carried = connection.carry.size();
    std::memcpy(buffer_.data(), connection.carry.data(), carried);
    connection.carry.clear();
    advance(connection, carried, now);
  }
}

void SmtpSink::Worker::close_idle(MonoTime now) {
  idle_check_at_ = now + std::chrono::seconds(1);
  std::vector<Connection*> idle;
  for (Connection* connection : connections_) {
    if (!connection->paused && now - connection->last_active > shared_.options.idle_timeout) {
      idle.push_back(connection);
    }
  }
  for (Connection* connection : idle) {
    connection->session.on_disconnect();
    close_connection(*connection);
  }
}

void SmtpSink::Worker::close_connection(Connection& connection) {
  // Closing alone is not enough: a child that was forked and has not called exec yet has it too,
  // and its events would go on.
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection.fd, nullptr);
  ::close(connection.fd);
  shared_.connections_open.fetch_sub(1);
  connections_.erase(&connection);
  delete &connection;
}

void SmtpSink::Worker::add_to(SinkReport& report,
                              std::vector<const SequenceTracker*>& trackers) const {
  report.counts.add(counts_);
  report.ledger_failures += ledger_failures_;
  report.tls_sessions += tls_sessions_;
  report.tls_resumed += tls_resumed_;
  trackers.push_back(&tracker_);
  clockid_t clock = 0;
  timespec used{};
  // native_handle() is not const, but reading a clock changes nothing.
  if (pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) == 0 &&
      clock_gettime(clock, &used) == 0) {
    report.cpu_seconds +=
        static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }
}

SmtpSink::SmtpSink() = default;

SmtpSink::~SmtpSink() {
  if (shared_.stop_fd >= 0) ::eventfd_write(shared_.stop_fd, 1);
  for (const auto& worker : workers_) worker->join();
  workers_.clear();
  if (shared_.stop_fd >= 0) ::close(shared_.stop_fd);
  if (shared_.done_fd >= 0) ::close(shared_.done_fd);
}

Result<std::unique_ptr<SmtpSink>> SmtpSink::start(const SinkOptions& options) {
  std::unique_ptr<SmtpSink> sink(new SmtpSink());
  BARID_TRY_VOID(sink->open_workers(options));
  for (const auto& worker : sink->workers_) worker->start();
  return sink;
}

Status SmtpSink::open_tls() {
  const SinkOptions& options = shared_.options;
  if (options.tls_chain_file.empty()) return {};
  std::string error;
  std::vector<std::string> warnings;
  net::TlsServerOptions tls{
      .name = "sink",
      .identity = {.chain_parameter = "--tls-chain", .chain_files = {options.tls_chain_file}},
      .cipher_parameter = "ciphers",
      .ciphers = "HIGH",
      .digest_parameter = "digest"};
  shared_.tls = net::TlsServerContext::create(tls, &error, &warnings);
  if (shared_.tls == nullptr) {
    return Error{.code = Code::kMalformed, .text = "--tls-chain: cannot be used"};
  }
  return {};
}

Status SmtpSink::open_workers(const SinkOptions& options) {
  shared_.options = options;
  BARID_TRY_VOID(open_tls());
  shared_.stop_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  shared_.done_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (shared_.stop_fd < 0 || shared_.done_fd < 0) return error_from_errno(errno, "eventfd");
  endpoints_ = options.listen;
  for (uint32_t i = 0; i < options.thread_count; ++i) {
    auto worker = std::make_unique<Worker>(shared_, options.seed + i);
    BARID_TRY_VOID(worker->open_ledger());
    for (Endpoint& endpoint : endpoints_) {
      BARID_TRY(const int fd, listen_on(endpoint, {.share_port = options.thread_count > 1,
                                                   .loopback_only = options.loopback_only}));
      endpoint = local_endpoint(fd);  // port 0 becomes a real one that all threads then share
      BARID_TRY_VOID(worker->watch_listener(fd));
    }
    BARID_TRY_VOID(worker->watch_stop());
    workers_.push_back(std::move(worker));
  }
  return {};
}

uint64_t SmtpSink::message_count() const noexcept { return shared_.messages.load(); }

SinkReport SmtpSink::report() const {
  SinkReport report;
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<const SequenceTracker*> trackers;
  for (const auto& worker : workers_) locks.emplace_back(worker->mutex());
  for (const auto& worker : workers_) worker->add_to(report, trackers);
  report.sequence = SequenceTracker::totals(trackers);
  if (report.counts.messages >= 2) {
    report.seconds =
        std::chrono::duration<double>(report.counts.last_message - report.counts.first_message)
            .count();
    if (report.seconds > 0) {
      report.messages_per_second = static_cast<double>(report.counts.messages - 1) / report.seconds;
    }
  }
  return report;
}

}  // namespace barid::bench
