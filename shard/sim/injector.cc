#include "shard/sim/injector.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "shard/sim/sim_lines.h"

namespace barid::sim {

using rt::Task;

namespace {

bool is_positive(int code) noexcept { return code >= 200 && code < 400; }

std::string dot_stuffed(std::string_view content) {
  std::string wire;
  bool at_line_start = true;
  for (const char c : content) {
    if (at_line_start && c == '.') wire += '.';
    wire += c;
    at_line_start = c == '\n';
  }
  return wire + ".\r\n";
}

}  // namespace

Injector::Injector(World& world, World::Shard& shard, Ledger& ledger, InjectorOptions options)
    : world_(world),
      shard_(shard),
      ledger_(ledger),
      options_(std::move(options)),
      sessions_(shard.reactor),
      left_count_(options_.messages_count) {}

void Injector::start() {
  for (size_t i = 0; i < options_.sessions_count; ++i) sessions_.spawn(session());
}

Injector::Message Injector::make_message() {
  Rng& rng = world_.rng;
  Message message;
  message.token = fmt::format("{:x}-{}", world_.seed(), ++tokens_count_);
  const size_t recipients = 1 + rng.below(options_.recipients_max);
  for (size_t i = 0; i < recipients; ++i) {
    const std::string& domain = options_.domains[rng.below(options_.domains.size())];
    message.recipients.push_back(fmt::format("user{}-{}@{}", tokens_count_, i, domain));
  }
  message.content =
      fmt::format("X-Token: {}\r\nFrom: <{}>\r\nTo: <{}>\r\nSubject: simulated\r\n\r\n",
                  message.token, options_.sender, message.recipients.front());
  const size_t body_bytes = rng.below(options_.body_bytes_max + 1);
  while (message.content.size() < body_bytes) {
    if (rng.below(5) == 0) message.content += '.';  // what stuffing is for
    const size_t line_bytes = rng.below(200);
    for (size_t i = 0; i < line_bytes; ++i) {
      const auto byte = static_cast<char>(rng.below(255) + 1);
      message.content += byte == '\r' || byte == '\n' ? ' ' : byte;
    }
    message.content += "\r\n";
  }
  const uint64_t hash = content_hash(message.content);
  for (const std::string& recipient : message.recipients) {
    ledger_.offered(message.token, recipient, hash);
  }
  return message;
}

void Injector::settle(const Message& message, Outcome outcome) {
  if (outcome == Outcome::kRefused) ++refused_count_;
  if (outcome != Outcome::kAccepted) return;
  ++accepted_count_;
  for (const std::string& recipient : message.recipients)
    ledger_.accepted(message.token, recipient);
}

Task<void> Injector::session() {
  std::optional<net::Stream> stream;
  std::optional<Message> message;
  while (!stopping_) {
    if (!message.has_value()) {
      if (left_count_ == 0) break;
      --left_count_;
      message = make_message();
    }
    Outcome outcome = Outcome::kBroken;
    if (!stream.has_value()) {
      auto connected = co_await net::connect(shard_.reactor, options_.server, nullptr, deadline());
      if (connected.ok()) stream.emplace(*std::move(connected));
      const bool greeted = stream.has_value() && co_await greet(*stream);
      if (!greeted) stream.reset();
    }
    if (stream.has_value()) outcome = co_await offer(*stream, *message);
    settle(*message, outcome);
    if (outcome == Outcome::kAccepted || outcome == Outcome::kRefused) {
      message.reset();
      continue;
    }
    if (outcome == Outcome::kUnknown) {
      ++unknown_count_;
      message = make_message();
    }
    if (outcome != Outcome::kAgain) stream.reset();
    co_await rt::Sleep(shard_.reactor, shard_.reactor.now() + options_.retry_delay);
  }
  if (stream.has_value()) static_cast<void>(co_await command(*stream, "QUIT"));
}

Task<int> Injector::read_reply(net::Stream& stream) {
  for (;;) {
    const auto line = co_await read_line(stream, deadline());
    if (!line.ok()) co_return 0;
    if (line->size() > 3 && (*line)[3] == '-') continue;
    int code = 0;
    std::from_chars(line->data(), line->data() + std::min<size_t>(line->size(), 3), code);
    co_return code;
  }
}

Task<int> Injector::command(net::Stream& stream, std::string line) {
  stream.write(line);
  stream.write("\r\n");
  const Status sent = co_await stream.flush(deadline());
  if (!sent.ok()) co_return 0;
  co_return co_await read_reply(stream);
}

Task<bool> Injector::greet(net::Stream& stream) {
  const int banner = co_await read_reply(stream);
  if (banner != 220) co_return false;
  const int hello = co_await command(stream, "EHLO injector.example");
  co_return hello == 250;
}

Task<Injector::Outcome> Injector::offer(net::Stream& stream, const Message& message) {
  const auto outcome_of = [](int code) {
    if (code == 0 || code == 421) return Outcome::kBroken;
    return code >= 500 ? Outcome::kRefused : Outcome::kAgain;
  };
  std::vector<std::string> lines{fmt::format("MAIL FROM:<{}>", options_.sender)};
  for (const std::string& recipient : message.recipients) {
    lines.push_back(fmt::format("RCPT TO:<{}>", recipient));
  }
  lines.emplace_back("DATA");
  for (const std::string& line : lines) {
    const int code = co_await command(stream, line);
    if (is_positive(code)) continue;
    // All or nothing: a message some of whose recipients were refused is not sent to the others.
    if (code != 0 && code != 421) {
      const int reset = co_await command(stream, "RSET");
      if (reset == 0) co_return Outcome::kBroken;
    }
    co_return outcome_of(code);
  }
  stream.write(dot_stuffed(message.content));
  const Status sent = co_await stream.flush(deadline());
  if (!sent.ok()) co_return Outcome::kUnknown;
  const int code = co_await read_reply(stream);
  if (code == 0) co_return Outcome::kUnknown;
  co_return is_positive(code) ? Outcome::kAccepted : outcome_of(code);
}

}  // namespace barid::sim
