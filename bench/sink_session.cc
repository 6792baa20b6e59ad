#include "bench/sink_session.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace barid::bench {
namespace {

constexpr std::string_view kGreeting = "220 sink.bench.example ESMTP barid-bench\r\n";
constexpr std::string_view kTempfail = "451 4.3.0 Scripted temporary failure\r\n";
constexpr std::string_view kPermfail = "550 5.1.1 Scripted permanent failure\r\n";
constexpr std::string_view kGreylisted = "450 4.2.0 Greylisted, try again later\r\n";

bool starts_with_word(std::string_view line, std::string_view word) noexcept {
  return line.size() >= word.size() && strncasecmp(line.data(), word.data(), word.size()) == 0;
}

/// The address in "VERB WORD:<address> …"; npos-free: false when there are no angle brackets.
bool path_of(std::string_view line, std::string_view prefix, std::string_view& address,
             std::string_view& parameters) noexcept {
  if (!starts_with_word(line, prefix)) return false;
  std::string_view rest = line.substr(prefix.size());
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (rest.empty() || rest.front() != '<') return false;
  bool quoted = false;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\')
      ++i;
    else if (rest[i] == '"')
      quoted = !quoted;
    else if (rest[i] == '>' && !quoted) {
      address = rest.substr(1, i - 1);
      parameters = rest.substr(i + 1);
      return true;
    }
  }
  return false;
}

uint64_t declared_size(std::string_view parameters) noexcept {
  for (size_t at = parameters.find(' '); at != std::string_view::npos;
       at = parameters.find(' ', at + 1)) {
    const std::string_view parameter = parameters.substr(at + 1);
    if (!starts_with_word(parameter, "SIZE=")) continue;
    uint64_t size = 0;
    std::from_chars(parameter.data() + 5, parameter.data() + parameter.size(), size);
    return size;
  }
  return 0;
}

}  // namespace

void SinkCounts::add(const SinkCounts& other) noexcept {
  connections += other.connections;
  connections_refused += other.connections_refused;
  recipients += other.recipients;
  bytes += other.bytes;
  corrupt += other.corrupt;
  foreign += other.foreign;
  tempfailed += other.tempfailed;
  permfailed += other.permfailed;
  dropped += other.dropped;
  unfinished += other.unfinished;
  protocol_errors += other.protocol_errors;
  if (other.messages > 0) {
    first_message =
        messages == 0 ? other.first_message : std::min(first_message, other.first_message);
    last_message = std::max(last_message, other.last_message);
  }
  messages += other.messages;
}

void SinkSession::reset_transaction() noexcept {
  in_transaction_ = false;
  recipient_count_ = 0;
  script_refused_ = false;
  chunk_refused_ = false;
  recipients_.clear();
  content_.reset();
}

void SinkSession::reply(Stage stage, std::string_view text, std::string& out) {
  delay_ = context_.faults->delay(stage);
  (delay_ > Duration::zero() ? held_reply_ : out) += text;
}

void SinkSession::take_held_reply(std::string& out) {
  out += held_reply_;
  held_reply_.clear();
}

/// What a client sent ahead of a refusal that the script wanted is not its fault (RFC 2920 3.1).
void SinkSession::refuse(std::string_view text, std::string& out) {
  if (!script_refused_) ++context_.counts->protocol_errors;
  out += text;
}

bool SinkSession::accepted(Verdict verdict, std::string& out) {
  script_refused_ |= verdict != Verdict::kAccept;
  switch (verdict) {
    case Verdict::kAccept:
      return true;
    case Verdict::kTempfail:
      ++context_.counts->tempfailed;
      out += kTempfail;
      return false;
    case Verdict::kGreylist:
      ++context_.counts->tempfailed;
      out += kGreylisted;
      return false;
    case Verdict::kPermfail:
      ++context_.counts->permfailed;
      out += kPermfail;
      return false;
    case Verdict::kDrop:
      ++context_.counts->dropped;
      closing_ = true;
      return false;
  }
  return true;
}

SinkSession::Step SinkSession::greet(std::string& out) {
  switch (context_.faults->decide(Stage::kConnect)) {
    case Verdict::kDrop:
      ++context_.counts->dropped;
      return {.next = Next::kClose};
    case Verdict::kTempfail:
      ++context_.counts->tempfailed;
      out += "421 4.3.2 Scripted: not now\r\n";
      return {.next = Next::kClose};
    case Verdict::kPermfail:
      ++context_.counts->permfailed;
      out += "554 5.3.2 Scripted: not for you\r\n";
      return {.next = Next::kClose};
    case Verdict::kAccept:
    case Verdict::kGreylist:
      break;
  }
  reply(Stage::kConnect, kGreeting, out);
  const Duration delay = std::exchange(delay_, Duration{});
  return {.next = delay > Duration::zero() ? Next::kDelay : Next::kRead, .delay = delay};
}

SinkSession::Step SinkSession::feed(std::string_view in, std::string& out, MonoTime now) {
  Step step;
  while (!closing_ && !securing_ && delay_ == Duration::zero()) {
    const std::string_view rest = in.substr(step.taken);
    if (mode_ == Mode::kData) {
      if (rest.empty()) break;
      step.taken += dots_.decode(rest, [this](std::string_view part) { content_.feed(part); });
      if (!dots_.done()) break;
      mode_ = Mode::kCommands;
      on_message_end(out, now);
    } else if (mode_ == Mode::kChunk) {
      const size_t taken = static_cast<size_t>(std::min<uint64_t>(rest.size(), chunk_left_));
      if (!chunk_refused_) content_.feed(rest.substr(0, taken));
      step.taken += taken;
      chunk_left_ -= taken;
      if (chunk_left_ > 0) break;
      mode_ = Mode::kCommands;
      on_chunk_end(out, now);
    } else {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) {
        if (rest.size() <= kLineBytesMax) break;
        refuse("500 5.5.2 Line too long\r\n", out);
        closing_ = true;
        break;
      }
      step.taken += end + 1;
      std::string_view line = rest.substr(0, end);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      command(line, out, now);
    }
  }
  step.delay = std::exchange(delay_, Duration{});
  if (step.delay > Duration::zero())
    step.next = Next::kDelay;
  else if (closing_)
    step.next = Next::kClose;
  else if (std::exchange(securing_, false))
    step = {.taken = in.size(), .next = Next::kSecure};  // what follows in clear counts for nothing
  return step;
}

void SinkSession::on_secured() noexcept {
  secured_ = true;
  reset_transaction();
}

void SinkSession::command(std::string_view line, std::string& out, MonoTime now) {
  if (starts_with_word(line, "MAIL ")) return on_mail(line, out);
  if (starts_with_word(line, "RCPT ")) return on_rcpt(line, out, now);
  if (starts_with_word(line, "DATA")) return on_data(out);
  if (starts_with_word(line, "BDAT ")) return on_bdat(line, out);
  if (starts_with_word(line, "EHLO")) return on_hello(/*extended=*/true, out);
  if (starts_with_word(line, "HELO")) return on_hello(/*extended=*/false, out);
  if (context_.extensions->starttls && !secured_ && starts_with_word(line, "STARTTLS")) {
    securing_ = true;
    out += "220 2.0.0 Ready to start TLS\r\n";
  } else if (starts_with_word(line, "RSET")) {
    reset_transaction();
    out += "250 2.0.0 Ok\r\n";
  } else if (starts_with_word(line, "NOOP")) {
    out += "250 2.0.0 Ok\r\n";
  } else if (starts_with_word(line, "VRFY")) {
    out += "252 2.0.0 Send some mail\r\n";
  } else if (starts_with_word(line, "QUIT")) {
    out += "221 2.0.0 Bye\r\n";
    closing_ = true;
  } else {
    refuse("502 5.5.1 Command not implemented\r\n", out);
  }
}

void SinkSession::on_hello(bool extended, std::string& out) {
  reset_transaction();
  if (!accepted(context_.faults->decide(Stage::kHelo), out)) return;
  if (!extended) return reply(Stage::kHelo, "250 sink.bench.example\r\n", out);
  const SinkExtensions& offer = *context_.extensions;
  std::string text = "250-sink.bench.example\r\n";
  if (offer.pipelining) text += "250-PIPELINING\r\n";
  if (offer.size_max > 0)
    fmt::format_to(std::back_inserter(text), "250-SIZE {}\r\n", offer.size_max);
  if (offer.eight_bit_mime) text += "250-8BITMIME\r\n";
  if (offer.smtputf8) text += "250-SMTPUTF8\r\n";
  if (offer.chunking) text += "250-CHUNKING\r\n";
  if (offer.dsn) text += "250-DSN\r\n";
  if (offer.starttls && !secured_) text += "250-STARTTLS\r\n";
  if (offer.enhanced_codes) text += "250-ENHANCEDSTATUSCODES\r\n";
  text[text.rfind("250-") + 3] = ' ';
  reply(Stage::kHelo, text, out);
}

void SinkSession::on_mail(std::string_view line, std::string& out) {
  std::string_view address, parameters;
  script_refused_ = false;
  if (in_transaction_) return refuse("503 5.5.1 Nested MAIL\r\n", out);
  if (!path_of(line, "MAIL FROM:", address, parameters)) {
    return refuse("501 5.5.4 Syntax: MAIL FROM:<address>\r\n", out);
  }
  const uint64_t size_max = context_.extensions->size_max;
  if (size_max > 0 && declared_size(parameters) > size_max) {
    return refuse("552 5.3.4 Message too big\r\n", out);
  }
  if (!accepted(context_.faults->decide(Stage::kMail), out)) return;
  in_transaction_ = true;
  sender_ = address;
  reply(Stage::kMail, "250 2.1.0 Ok\r\n", out);
}

void SinkSession::on_rcpt(std::string_view line, std::string& out, MonoTime now) {
  std::string_view address, parameters;
  if (!in_transaction_) return refuse("503 5.5.1 Need MAIL\r\n", out);
  if (!path_of(line, "RCPT TO:", address, parameters) || address.empty()) {
    return refuse("501 5.5.4 Syntax: RCPT TO:<address>\r\n", out);
  }
  recipient_scratch_ = address;
  if (!accepted(context_.faults->decide_recipient(sender_, recipient_scratch_, now), out)) return;
  ++recipient_count_;
  recipients_ += address;
  recipients_ += '\n';
  reply(Stage::kRcpt, "250 2.1.5 Ok\r\n", out);
}

void SinkSession::on_data(std::string& out) {
  if (!in_transaction_) return refuse("503 5.5.1 Need MAIL\r\n", out);
  if (recipient_count_ == 0) return refuse("554 5.5.1 No valid recipients\r\n", out);
  if (!accepted(context_.faults->decide(Stage::kData), out)) return;
  mode_ = Mode::kData;
  dots_.reset();
  content_.reset();
  reply(Stage::kData, "354 End data with <CR><LF>.<CR><LF>\r\n", out);
}

void SinkSession::on_bdat(std::string_view line, std::string& out) {
  if (!context_.extensions->chunking) return refuse("502 5.5.1 Not implemented\r\n", out);
  const char* end = line.data() + line.size();
  uint64_t size = 0;
  const auto [after, error] = std::from_chars(line.data() + 5, end, size);
  const std::string_view flag(after, static_cast<size_t>(end - after));
  const bool last = flag.size() >= 5 && starts_with_word(flag, " LAST");
  if (error != std::errc() || (!flag.empty() && !last)) {
    closing_ = true;  // where the chunk ends is unknown (RFC 3030 2)
    return refuse("501 5.5.4 Syntax: BDAT size [LAST]\r\n", out);
  }
  mode_ = Mode::kChunk;
  chunk_left_ = size;
  chunk_last_ = last;
  chunk_refused_ = recipient_count_ == 0;
}

void SinkSession::on_chunk_end(std::string& out, MonoTime now) {
  if (chunk_refused_) {
    refuse("503 5.5.1 Need MAIL and RCPT\r\n", out);
    if (chunk_last_) reset_transaction();
    return;
  }
  if (!chunk_last_) {
    out += "250 2.0.0 Chunk ok\r\n";
    return;
  }
  on_message_end(out, now);
}

void SinkSession::on_message_end(std::string& out, MonoTime now) {
  const uint64_t size_max = context_.extensions->size_max;
  content_.finish();
  if (size_max > 0 && content_.bytes() > size_max) {
    refuse("552 5.3.4 Message too big\r\n", out);
  } else if (accepted(context_.faults->decide(Stage::kDot), out)) {
    count_message(now);
    if (accepted(context_.faults->decide(Stage::kReply), out)) {
      reply(Stage::kDot, "250 2.0.0 Ok: queued as SINK\r\n", out);
    }
  }
  reset_transaction();
}

void SinkSession::count_message(MonoTime now) {
  SinkCounts& counts = *context_.counts;
  if (counts.messages == 0) counts.first_message = now;
  counts.last_message = now;
  ++counts.messages;
  counts.bytes += content_.bytes();
  counts.recipients += recipient_count_;
  const Result<SequenceName> name = parse_sequence_name(content_.sequence());
  if (!name.ok())
    ++counts.foreign;
  else if (!content_.intact())
    ++counts.corrupt;

  std::string_view rest = recipients_;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view recipient = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (name.ok()) {
      context_.tracker->note(name->run, name->number, recipient_index(recipient),
                             content_.recipient_count());
    }
    if (context_.ledger != nullptr) {
      context_.ledger->add(name.ok() ? content_.sequence() : "-", recipient, content_.hash());
    }
  }
}

void SinkSession::on_disconnect() noexcept {
  if (mode_ != Mode::kCommands) ++context_.counts->unfinished;
}

}  // namespace barid::bench
