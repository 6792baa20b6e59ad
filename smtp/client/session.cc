#include "smtp/client/session.h"

#include <algorithm>

#include "shard/net/tls_engine.h"
#include "smtp/proto/data_rate.h"

namespace barid::smtp {

namespace {
constexpr Duration kQuitPatience = std::chrono::seconds(1);
/// smtp_data_xfer_timeout is for each write, and a write tells nothing before it ended: with this
/// much at once, 180 s are enough for 364 bytes a second.
constexpr size_t kWriteBytesMax = 64 * 1024;
}  // namespace

ClientSession::ClientSession(rt::Reactor& reactor, const ClientSettings& settings,
                             const ClientOptions& options, net::Stream stream, EgressSource egress,
                             TlsPlan tls, std::string relay, uint32_t log_pid)
    : reactor_(reactor),
      settings_(settings),
      stream_(std::move(stream)),
      egress_(std::move(egress)),
      tls_plan_(std::move(tls)),
      machine_(options, *this),
      opened_(reactor.now()),
      stage_since_(reactor.now()),
      relay_(std::move(relay)),
      host_(options.host),
      log_pid_(log_pid) {}

Duration ClientSession::stage_timeout() const noexcept {
  const ClientTimeouts& limits = settings_.timeouts;
  switch (stage_) {
    case Stage::kGreeting:
    case Stage::kHello:
      return limits.hello;
    case Stage::kStartTls:
      return settings_.tls.timeout;
    case Stage::kIdle:
      return settings_.idle_limit;
    case Stage::kReset:
      return limits.reset;
    case Stage::kForward:
      return limits.forward;
    case Stage::kMail:
      return limits.mail;
    case Stage::kRcpt:
      return limits.rcpt;
    case Stage::kData:
      return limits.data_init;
    case Stage::kBody:
      return limits.data_transfer;
    case Stage::kEndOfData:
      return limits.data_done;
    case Stage::kQuit:
      return limits.quit;
    case Stage::kClosed:
      break;
  }
  return kQuitPatience;
}

void ClientSession::start_pending_write() {
  if (writing_) return;
  const std::span<const iovec> output = machine_.output();
  if (output.empty()) return;
  vectors_.clear();  // the stream consumes this copy in place
  write_bytes_ = 0;
  for (iovec vector : output) {
    vector.iov_len = std::min(vector.iov_len, kWriteBytesMax - write_bytes_);
    vectors_.push_back(vector);
    write_bytes_ += vector.iov_len;
    if (write_bytes_ == kWriteBytesMax) break;
  }
  writing_ = true;
  if (is_heard()) show_output();
  stream_.start_write(vectors_);
  if (!settings_.request_deadline || machine_.stage() != Stage::kBody) {
    stage_since_ = reactor_.now();
  }
}

/// Without a deadline for the whole, each write has the time of its stage.
void ClientSession::count_written() {
  const MonoTime now = reactor_.now();
  if (!settings_.request_deadline) {
    stage_since_ = now;
    return;
  }
  // The stage's time counts from here: an end without the timeout that follows.
  stage_since_ = extended_end(stage_since_, now, {}, write_bytes_, settings_.data_rate_min);
}

rt::Task<void> ClientSession::step() {
  if (tls_plan_.wrapper && !secured_ && !machine_.closed()) co_return co_await secure();
  start_pending_write();
  if (machine_.closed()) co_return;
  if (const Stage stage = machine_.stage(); stage != stage_) {
    stage_ = stage;
    stage_since_ = reactor_.now();
  }
  const auto interest =
      static_cast<uint8_t>(net::Stream::kInput | (writing_ ? net::Stream::kWritten : 0));
  const Status status = co_await stream_.wait(interest, stage_since_ + stage_timeout());
  if (writing_ && stream_.written()) {
    writing_ = false;
    machine_.on_written(write_bytes_);
    count_written();
  }
  if (const std::string_view input = stream_.input(); !input.empty()) {
    const uint64_t replies = machine_.replies_count();
    if (is_heard()) show_input(input);
    const bool notices_under_way = notices_count_ > 0;
    machine_.on_bytes(input);
    look_for_error(notices_under_way);
    stream_.consume(input.size());
    const bool any_bytes_will_do = !settings_.request_deadline;
    if (any_bytes_will_do || machine_.replies_count() != replies) stage_since_ = reactor_.now();
    if (machine_.wants_handshake()) co_return co_await secure();
    if (machine_.wants_login_answer()) co_return co_await answer_login();
  }
  if (status.ok()) co_return;
  co_await abandon_write();
  if (status.error().code == Code::kTimeout) {
    machine_.on_timeout();
  } else if (status.error().code == Code::kCancelled) {
    machine_.on_cancel();
  } else {
    machine_.on_lost();
  }
}

/// SCRAM's iterations, on the offload pool.
rt::Task<void> ClientSession::answer_login() {
  struct Answered {
    std::unique_ptr<sasl::Client> login;
    std::optional<std::string> answer;
  };
  auto work = [login = machine_.take_login(), challenge = machine_.costly_challenge()]() mutable {
    std::optional<std::string> answer = login->respond(challenge);
    return Answered{.login = std::move(login), .answer = std::move(answer)};
  };
  if (offload_ == nullptr) {
    Answered here = work();
    co_return machine_.on_login_answer(std::move(here.login), std::move(here.answer));
  }
  Result<Answered> there =
      co_await offload_->run(std::move(work), reactor_.now() + stage_timeout());
  if (!there.ok()) co_return machine_.on_login_answer(nullptr, std::nullopt);
  machine_.on_login_answer(std::move(there->login), std::move(there->answer));
}

/// The handshake, and what the machine is told about it.
rt::Task<void> ClientSession::secure() {
  const MonoTime deadline = reactor_.now() + settings_.tls.timeout;
  if (writing_) {
    const Status flushed = co_await stream_.flush(deadline);
    if (!flushed.ok()) {
      co_await abandon_write();
      co_return machine_.on_lost();
    }
    writing_ = false;
    machine_.on_written(write_bytes_);
  }
  if (!stream_.start_tls_client(*tls_plan_.context, tls_plan_.peer)) {
    handshake_problem_ = "cannot be set up";
    co_return machine_.on_tls_failed("Cannot start TLS: handshake failure");
  }
  const Status status = co_await stream_.handshake(deadline);
  if (status.ok()) co_return judge_server();
  if (status.error().code == Code::kCancelled) co_return machine_.on_cancel();
  handshake_problem_ = stream_.tls()->problem();
  if (handshake_problem_.empty()) {
    handshake_problem_ = status.error().code == Code::kTimeout ? "timeout" : "lost connection";
  }
  machine_.on_tls_failed("Cannot start TLS: handshake failure");
}

void ClientSession::judge_server() {
  secured_ = true;
  stage_since_ = reactor_.now();
  auto facts = std::make_unique<const net::TlsFacts>(stream_.tls()->facts());
  const bool proven =
      tls_plan_.peer.proof == net::TlsProof::kNone || tls_plan_.advisory || facts->peer_verified();
  const bool trusted = facts->peer_trusted;
  const bool verified = facts->peer_verified() && tls_plan_.peer.proof != net::TlsProof::kNone;
  // RFC 9266 4.2: before TLS 1.3 it binds only with an extension that the server may lack.
  const bool binds = machine_.has_login() && facts->protocol == "TLSv1.3";
  tls_facts_ = std::move(facts);
  if (proven) {
    return machine_.on_secured(
        verified ? sasl::Channel::kVerified : sasl::Channel::kEncrypted,
        binds ? stream_.tls()->export_key(sasl::kBindingLabel, sasl::kBindingBytes)
              : std::string());
  }
  machine_.on_tls_failed(trusted ? "Server certificate not verified"
                                 : "Server certificate not trusted");
}

rt::Task<void> ClientSession::abandon_write() {
  if (!writing_) co_return;
  co_await stream_.cancel_write();
  writing_ = false;
  machine_.on_written(std::min(stream_.written_bytes(), write_bytes_));
}

rt::Task<void> ClientSession::close() {
  if (!machine_.closed() && machine_.unfinished_count() == 0) machine_.quit();
  const MonoTime give_up = reactor_.now() + kQuitPatience;
  while (!machine_.closed() && reactor_.now() < give_up && !write_idle()) {
    start_pending_write();
    const Status status = co_await stream_.flush(give_up);
    if (!status.ok()) break;
    writing_ = false;
    machine_.on_written(write_bytes_);
  }
  co_await abandon_write();
  machine_.on_cancel();
  end_transcript();
  static_cast<void>(co_await stream_.close(give_up));
}

}  // namespace barid::smtp
