#include "smtp/sasl/dovecot_server.h"

#include "core/text/ascii.h"
#include "shard/net/stream.h"
#include "smtp/sasl/dovecot_protocol.h"

namespace barid::sasl {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);
constexpr Duration kListLifetime = std::chrono::seconds(60);
constexpr size_t kLineBytesMax = 32 * 1024;
constexpr size_t kGreetingLinesMax = 256;

/// A connection that has been greeted.
class Connection {
 public:
  explicit Connection(const ExchangeEnv& env) : env_(env) {}

  /// Empty, or why there is none.
  rt::Task<std::string> open(const net::SocketAddress& socket, DovecotGreeting* greeting);
  /// The next line; nullopt when the connection is lost, or says nothing for too long.
  rt::Task<std::optional<std::string>> read_line();
  void write(std::string_view text) { stream_->write(text); }

 private:
  ExchangeEnv env_;
  std::optional<net::Stream> stream_;
};

rt::Task<std::string> Connection::open(const net::SocketAddress& socket,
                                       DovecotGreeting* greeting) {
  Result<net::Stream> stream =
      co_await net::connect(env_.reactor, socket, nullptr, env_.reactor.now() + kPatience);
  if (!stream.ok()) co_return std::string("cannot connect: ") + code_name(stream.error().code);
  stream_.emplace(*std::move(stream));
  // Dovecot wants it unlike that of every other connection at the time.
  write(dovecot_hello(static_cast<uint32_t>(env_.reactor.rng().next() >> 33)));
  for (size_t i = 0; i < kGreetingLinesMax; ++i) {
    const std::optional<std::string> line = co_await read_line();
    if (!line) co_return std::string("no greeting");
    if (!greeting->add(*line)) co_return greeting->problem();
    if (greeting->done()) co_return std::string();
  }
  co_return std::string("the greeting does not end");
}

rt::Task<std::optional<std::string>> Connection::read_line() {
  const MonoTime deadline = env_.reactor.now() + kPatience;
  for (;;) {
    const std::string_view input = stream_->input();
    const size_t end = input.find('\n');
    if (end != std::string_view::npos) {
      std::string line(input.substr(0, end));
      stream_->consume(end + 1);
      co_return line;
    }
    if (input.size() > kLineBytesMax) co_return std::nullopt;
    const Status status = co_await stream_->read(deadline);
    if (!status.ok()) co_return std::nullopt;
  }
}

class DovecotExchange final : public Exchange {
 public:
  DovecotExchange(const ExchangeEnv& env, const DovecotSettings& settings,
                  std::string_view mechanism, const Peer& peer)
      : settings_(settings), mechanism_(mechanism), peer_(peer), connection_(env) {}

  rt::Task<Step> start(std::optional<std::string> initial) override {
    if (initial && !is_base64_text(*initial)) {
      co_return step(Step::Kind::kFailure, "Invalid base64 data in initial response");
    }
    DovecotGreeting greeting;
    std::string problem = co_await connection_.open(settings_.socket, &greeting);
    if (!problem.empty()) co_return step(Step::Kind::kTemporary, std::move(problem));
    connection_.write(dovecot_auth(
        {.id = kId,
         .mechanism = mechanism_,
         .service = settings_.service,
         .initial = initial ? std::optional<std::string_view>(*initial) : std::nullopt},
        peer_));
    co_return co_await read_step();
  }

  rt::Task<Step> respond(std::string response) override {
    if (done_) co_return std::move(*done_);  // the client acknowledges the mechanism's last word
    if (!is_base64_text(response)) {
      co_return step(Step::Kind::kFailure, "Invalid base64 data in continued response");
    }
    connection_.write(dovecot_continue(kId, response));
    co_return co_await read_step();
  }

 private:
  static constexpr uint32_t kId = 1;

  static Step step(Step::Kind kind, std::string text, std::string user = {}) {
    return {.kind = kind, .text = std::move(text), .login = {.user = std::move(user)}};
  }

  rt::Task<Step> read_step() {
    for (;;) {
      const std::optional<std::string> line = co_await connection_.read_line();
      if (!line) co_return step(Step::Kind::kTemporary, "Connection lost to authentication server");
      DovecotReply reply = parse_dovecot_reply(*line);
      if (reply.id != kId) continue;
      switch (reply.kind) {
        case DovecotReply::Kind::kContinue:
          co_return step(Step::Kind::kChallenge, std::move(reply.text));
        case DovecotReply::Kind::kOk: {
          Step done = step(Step::Kind::kSuccess, {}, std::move(reply.user));
          done.login.method = mechanism_;
          if (reply.text.empty()) co_return done;
          done_ = std::move(done);
          co_return step(Step::Kind::kChallenge, std::move(reply.text));
        }
        case DovecotReply::Kind::kFail:
          if (reply.text.empty()) reply.text = "authentication failure";
          co_return step(reply.temporary ? Step::Kind::kTemporary : Step::Kind::kFailure,
                         std::move(reply.text), std::move(reply.user));
        case DovecotReply::Kind::kOther:
          break;
      }
    }
  }

  const DovecotSettings& settings_;
  const std::string mechanism_;
  const Peer peer_;
  Connection connection_;
  std::optional<Step> done_;
};

class DovecotServer final : public Server {
 public:
  explicit DovecotServer(DovecotSettings settings) : settings_(std::move(settings)) {}

  rt::Task<std::string> refresh(const ExchangeEnv& env) override {
    if (known_until_ != MonoTime{} && env.reactor.now() < known_until_) co_return std::string();
    Connection connection(env);
    DovecotGreeting greeting;
    std::string problem = co_await connection.open(settings_.socket, &greeting);
    if (!problem.empty()) co_return problem;
    mechanisms_ = greeting.mechanisms();
    known_until_ = env.reactor.now() + kListLifetime;
    co_return std::string();
  }

  std::vector<std::string> mechanisms(const Peer& peer) const override {
    const SecurityOptions options =
        peer.encrypted ? settings_.options_encrypted : settings_.options;
    std::vector<std::string> names;
    for (const DovecotMechanism& mechanism : mechanisms_) {
      if (mechanism.hidden || !mechanism.traits.fits(options)) continue;
      if (settings_.mechanism_filter && !settings_.mechanism_filter->match(mechanism.name).yes()) {
        continue;
      }
      names.push_back(mechanism.name);
    }
    return names;
  }

  std::unique_ptr<Exchange> begin(const ExchangeEnv& env, std::string_view mechanism,
                                  const Peer& peer) const override {
    return std::make_unique<DovecotExchange>(env, settings_, mechanism, peer);
  }

 private:
  DovecotSettings settings_;
  std::vector<DovecotMechanism> mechanisms_;
  MonoTime known_until_{};
};

}  // namespace

std::unique_ptr<Server> make_dovecot_server(DovecotSettings settings) {
  return std::make_unique<DovecotServer>(std::move(settings));
}

}  // namespace barid::sasl
