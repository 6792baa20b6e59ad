#include "bench/source_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>

namespace barid::bench {
namespace {

constexpr size_t kReplyLineBytesMax = 4096;
constexpr uint16_t kShuttingDown = 421;

bool is_positive(uint16_t code) noexcept { return code >= 200 && code < 300; }
bool is_temporary(uint16_t code) noexcept { return code >= 400 && code < 500; }

}  // namespace

SourceSession::SourceSession(SourceContext& context) : LoadSession(context) {
  flights_.resize(context.mode == SourceMode::kBdat ? std::max<uint32_t>(1, context.depth) : 2);
}

void SourceSession::on_connected(MonoTime now) {
  secured_ = false;
  phase_ = Phase::kGreeting;
  resetting_ = collateral_ = false;
  begun_count_ = 0;
  last_active_ = now;
  carry_.clear();
  output_.clear();
  ++context_.counts->connections;
}

void SourceSession::on_bytes(std::string_view bytes, MonoTime now) {
  last_active_ = now;
  while (!bytes.empty() && phase_ != Phase::kClosed) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      carry_ += bytes;
      if (carry_.size() > kReplyLineBytesMax) phase_ = Phase::kClosed;
      break;
    }
    std::string_view line = bytes.substr(0, end + 1);
    bytes.remove_prefix(end + 1);
    if (!carry_.empty()) {
      carry_ += line;
      scratch_.swap(carry_);
      carry_.clear();
      line = scratch_;
    }
    line.remove_suffix(1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    on_line(line, now);
  }
}

void SourceSession::on_line(std::string_view line, MonoTime now) {
  uint16_t code = 0;
  const auto parsed =
      std::from_chars(line.data(), line.data() + std::min<size_t>(3, line.size()), code);
  const bool last = line.size() == 3 || (line.size() > 3 && line[3] == ' ');
  const bool more = line.size() > 3 && line[3] == '-';
  if (parsed.ec != std::errc() || code < 200 || code > 599 || (!last && !more)) {
    phase_ = Phase::kClosed;  // not SMTP
    return;
  }
  if (phase_ == Phase::kHello && line.size() > 4) {
    const std::string_view keyword = line.substr(4);
    if (keyword.starts_with("PIPELINING")) offers_pipelining_ = true;
    if (keyword.starts_with("CHUNKING")) offers_chunking_ = true;
    if (keyword.starts_with("STARTTLS")) offers_starttls_ = true;
    if (keyword.starts_with("AUTH ") && keyword.find(" PLAIN") != std::string_view::npos) {
      offers_auth_plain_ = true;
    }
  }
  if (last) on_reply(code, line, now);
}

void SourceSession::on_reply(uint16_t code, std::string_view line, MonoTime now) {
  switch (phase_) {
    case Phase::kGreeting:
      if (is_positive(code)) {
        return say_hello();
      }
      ++context_.counts->connections_failed;
      ++context_.counts->replies_refusing[code];
      if (context_.counts->first_refusal.empty()) context_.counts->first_refusal = line;
      phase_ = Phase::kClosed;
      return;
    case Phase::kHello:
      return on_hello_reply(code, now);
    case Phase::kStarttls:
      phase_ = is_positive(code) ? Phase::kSecuring : Phase::kClosed;
      if (phase_ == Phase::kClosed) ++context_.counts->connections_failed;
      return;
    case Phase::kSecuring:
      return;
    case Phase::kAuth:
      return on_auth_reply(code, line, now);
    case Phase::kQuitting:
    case Phase::kClosed:
      phase_ = Phase::kClosed;
      return;
    case Phase::kReady:
      break;
  }
  if (code == kShuttingDown) {
    if (flight_count_ > 0) note_refusal(front(), code, line);
    phase_ = Phase::kClosed;
    return;
  }
  if (resetting_) {
    resetting_ = false;
    return pump(now);
  }
  if (flight_count_ == 0) {  // a reply nobody asked for
    phase_ = Phase::kClosed;
    return;
  }
  on_flight_reply(front(), code, line, now);
}

void SourceSession::say_hello() {
  phase_ = Phase::kHello;
  offers_pipelining_ = offers_chunking_ = offers_starttls_ = offers_auth_plain_ = false;
  fmt::format_to(std::back_inserter(output_.text()), "EHLO {}\r\n", context_.helo_name);
}

void SourceSession::on_secured(MonoTime now) {
  secured_ = true;
  last_active_ = now;
  carry_.clear();
  if (phase_ == Phase::kSecuring) say_hello();
}

void SourceSession::on_hello_reply(uint16_t code, MonoTime now) {
  if (!is_positive(code)) {
    ++context_.counts->connections_failed;
    ++context_.counts->replies_refusing[code];
    phase_ = Phase::kClosed;
    return;
  }
  if (context_.tls == SourceTls::kStarttls && !secured_) {
    if (!offers_starttls_) {
      context_.fatal = "the target does not offer STARTTLS";
      return;
    }
    phase_ = Phase::kStarttls;
    output_.text() += "STARTTLS\r\n";
    return;
  }
  if (!context_.auth_plain.empty()) {
    if (!offers_auth_plain_) {
      context_.fatal = "the target does not offer AUTH PLAIN";
      return;
    }
    phase_ = Phase::kAuth;
    output_.text().append("AUTH PLAIN ").append(context_.auth_plain).append("\r\n");
    return;
  }
  become_ready(now);
}

void SourceSession::on_auth_reply(uint16_t code, std::string_view line, MonoTime now) {
  if (is_positive(code)) return become_ready(now);
  ++context_.counts->connections_failed;
  ++context_.counts->replies_refusing[code];
  if (context_.counts->first_refusal.empty()) context_.counts->first_refusal = line;
  if (!is_temporary(code)) context_.fatal = "the target refuses the login";
  phase_ = Phase::kClosed;
}

void SourceSession::become_ready(MonoTime now) {
  const bool needs_pipelining = context_.mode != SourceMode::kSequential;
  const bool needs_chunking = context_.mode == SourceMode::kBdat;
  if ((needs_pipelining && !offers_pipelining_) || (needs_chunking && !offers_chunking_)) {
    if (context_.fall_back) {
      context_.mode = SourceMode::kSequential;
      context_.fell_back = true;
    } else {
      context_.fatal = needs_chunking ? "the target does not offer CHUNKING with PIPELINING"
                                      : "the target does not offer PIPELINING";
    }
  }
  phase_ = Phase::kReady;
  pump(now);
}

void SourceSession::note_refusal(Flight& flight, uint16_t code, std::string_view line) {
  if (flight.refusal == 0) flight.refusal = code;
  if (context_.counts->first_refusal.empty()) context_.counts->first_refusal = line;
}

void SourceSession::on_flight_reply(Flight& flight, uint16_t code, std::string_view line,
                                    MonoTime now) {
  switch (flight.step) {
    case Step::kMail:
      if (!is_positive(code)) note_refusal(flight, code, line);
      return on_mail_reply(flight, now);
    case Step::kRcpt:
      // A refused recipient decides only if no other is accepted: see on_rcpt_reply.
      if (!is_positive(code) && flight.rcpt_accepted == 0 &&
          context_.counts->first_refusal.empty()) {
        context_.counts->first_refusal = line;
      }
      return on_rcpt_reply(flight, code, now);
    case Step::kData:
      if (code != 354) note_refusal(flight, code, line);
      return on_data_reply(flight, code, now);
    case Step::kFinal:
      break;
  }
  if (!is_positive(code)) note_refusal(flight, code, line);
  const bool transaction_open = flight.rcpt_accepted == 0;  // nothing ended it on the other side
  if (flight.refusal == 0)
    on_accepted(flight, now);
  else
    on_refused(flight, now);
  if (context_.mode == SourceMode::kBdat && transaction_open) collateral_ = true;
  end_flight(now);
}

void SourceSession::on_mail_reply(Flight& flight, MonoTime now) {
  if (context_.mode != SourceMode::kSequential) {
    flight.step = Step::kRcpt;
    return;
  }
  if (flight.refusal != 0) {
    on_refused(flight, now);
    return end_flight(now);
  }
  flight.step = Step::kRcpt;
  context_.factory->append_rcpt(flight.work.sequence, 0, output_.text());
}

void SourceSession::on_rcpt_reply(Flight& flight, uint16_t code, MonoTime now) {
  const uint32_t count = context_.factory->shape().recipient_count;
  if (is_positive(code)) {
    flight.accepted[flight.rcpt_replies] = true;
    ++flight.rcpt_accepted;
  }
  ++flight.rcpt_replies;
  const bool all = flight.rcpt_replies == count;
  if (all && flight.rcpt_accepted == 0 && flight.refusal == 0) flight.refusal = code;
  if (context_.mode != SourceMode::kSequential) {
    if (all) flight.step = context_.mode == SourceMode::kBdat ? Step::kFinal : Step::kData;
    return;
  }
  if (!all) {
    context_.factory->append_rcpt(flight.work.sequence, flight.rcpt_replies, output_.text());
  } else if (flight.refusal == 0) {
    flight.step = Step::kData;
    output_.text() += "DATA\r\n";
  } else {
    on_refused(flight, now);
    reset_transaction();
    end_flight(now);
  }
}

void SourceSession::on_data_reply(Flight& flight, uint16_t code, MonoTime now) {
  if (code != 354) {
    on_refused(flight, now);
    reset_transaction();
    return end_flight(now);
  }
  flight.step = Step::kFinal;
  flight.content_sent = true;
  if (flight.refusal != 0) {
    output_.text() += ".\r\n";  // RFC 2920 3.1: DATA was accepted although nobody will get it
    return;
  }
  context_.factory->append_head(flight.work.sequence, output_.text());
  output_.borrow(context_.factory->tail(flight.work.sequence).dotted);
  pump(now);  // the next envelope rides along
}

void SourceSession::on_accepted(Flight& flight, MonoTime now) {
  context_.counts->recipients_refused += flight.rcpt_replies - flight.rcpt_accepted;
  count_accepted(flight.work, flight.accepted, now);
}

void SourceSession::on_refused(Flight& flight, MonoTime now) {
  SourceCounts& counts = *context_.counts;
  if (collateral_) return context_.supply->give_back(flight.work);
  ++counts.replies_refusing[flight.refusal];
  if (is_temporary(flight.refusal)) {
    if (!try_again(flight.work, now)) ++counts.tempfailed;
  } else {
    ++counts.permfailed;
  }
}

void SourceSession::settle_broken(Flight& flight, MonoTime now) {
  SourceCounts& counts = *context_.counts;
  if (flight.refusal != 0) return on_refused(flight, now);
  const bool doubtful = flight.content_sent && output_.empty();
  if (!try_again(flight.work, now)) ++(doubtful ? counts.in_doubt : counts.lost);
}

void SourceSession::end_flight(MonoTime now) {
  flight_first_ = (flight_first_ + 1) % static_cast<uint32_t>(flights_.size());
  --flight_count_;
  --context_.in_flight;
  context_.last_progress = now;
  if (flight_count_ == 0 && collateral_) {
    collateral_ = false;
    reset_transaction();
  }
  // In a closed loop a pipelined message's turn begins when the one before it is done.
  if (context_.mode == SourceMode::kPipeline && !context_.open_loop && flight_count_ > 0) {
    front().work.start = now;
  }
  pump(now);
}

void SourceSession::reset_transaction() {
  output_.text() += "RSET\r\n";
  resetting_ = true;
}

bool SourceSession::may_begin() const noexcept {
  if (phase_ != Phase::kReady || resetting_ || context_.fatal != nullptr) return false;
  if (context_.messages_per_session > 0 && begun_count_ >= context_.messages_per_session) {
    return false;
  }
  switch (context_.mode) {
    case SourceMode::kSequential:
      return flight_count_ == 0;
    case SourceMode::kPipeline:
      if (flight_count_ == 0) return true;
      // Running ahead makes sense only while no other session could take the message at once.
      return flight_count_ == 1 && flights_[flight_first_].content_sent &&
             flights_[flight_first_].refusal == 0 && context_.idle_sessions == 0;
    case SourceMode::kBdat:
      return !collateral_ && flight_count_ < flights_.size();
    case SourceMode::kHttp:
      break;
  }
  return false;
}

bool SourceSession::begin(MonoTime now) {
  const std::optional<Work> work = context_.supply->take(now);
  if (!work) return false;
  Flight& flight = flight_at(flight_count_);
  const MessageFactory& factory = *context_.factory;
  flight.work = *work;
  flight.step = Step::kMail;
  flight.content_sent = false;
  flight.refusal = 0;
  flight.rcpt_replies = flight.rcpt_accepted = 0;
  flight.accepted.assign(factory.shape().recipient_count, false);
  ++flight_count_;
  ++begun_count_;
  ++context_.in_flight;
  if (flight_count_ == 1) last_active_ = now;

  std::string& text = output_.text();
  factory.append_mail(work->sequence, context_.with_size, text);
  if (context_.mode == SourceMode::kSequential) return true;
  for (uint32_t i = 0; i < factory.shape().recipient_count; ++i) {
    factory.append_rcpt(work->sequence, i, text);
  }
  if (context_.mode == SourceMode::kPipeline) {
    text += "DATA\r\n";
    return true;
  }
  fmt::format_to(std::back_inserter(text), "BDAT {} LAST\r\n",
                 factory.message_bytes(work->sequence));
  factory.append_head(work->sequence, text);
  output_.borrow(factory.tail(work->sequence).plain);
  flight.content_sent = true;
  return true;
}

void SourceSession::pump(MonoTime now) {
  while (may_begin() && begin(now)) {
  }
  const bool used_up =
      context_.messages_per_session > 0 && begun_count_ >= context_.messages_per_session;
  if (used_up) quit(now);
}

void SourceSession::quit(MonoTime now) {
  if (!idle()) return;
  output_.text() += "QUIT\r\n";
  phase_ = Phase::kQuitting;
  last_active_ = now;
}

void SourceSession::on_disconnect(MonoTime now) {
  if (flight_count_ > 0) ++context_.counts->connections_broken;
  collateral_ = false;
  while (flight_count_ > 0) {
    settle_broken(front(), now);
    flight_first_ = (flight_first_ + 1) % static_cast<uint32_t>(flights_.size());
    --flight_count_;
    --context_.in_flight;
  }
  phase_ = Phase::kClosed;
  output_.clear();
}

}  // namespace barid::bench
