// Results, and the ends of sessions: who was attempted, who is in doubt, who was not touched.
#include <algorithm>

#include "core/base/assert.h"
#include "smtp/client/machine.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kEndOfData = "sending end of data -- message may be sent more than once";

}  // namespace

DsnCode ClientMachine::end_dsn(End end) noexcept {
  const bool protocol = end == End::kMalformed || end == End::kUnexpected;
  return protocol ? DsnCode{4, 5, 0} : DsnCode{4, 4, 2};
}

// ---- results ----

void ClientMachine::resolve(Transaction& t, uint32_t position, const Verdict& verdict) {
  BARID_ASSERT(t.marks[position] == Mark::kPending || t.marks[position] == Mark::kAccepted);
  t.marks[position] = Mark::kResolved;
  --t.unresolved;
  const RecipientResult result{
      .message = &t.message,
      .recipient = t.message.recipients[position],
      .fate = verdict.fate,
      .dsn = verdict.dsn,
      .try_next_server = verdict.try_next_server,
      .throttle = verdict.throttle,
      .connection_use = std::max(t.use, 1u),
      .text = verdict.text,
      .remote_mta = verdict.diagnostic.empty() ? std::string_view() : options_.host,
      .diagnostic = verdict.diagnostic,
  };
  in_sink_ = true;
  sink_.on_result(result);
  in_sink_ = false;
}

void ClientMachine::resolve_all(Transaction& t, const Verdict& verdict) {
  for (uint32_t i = 0; i < t.marks.size() && t.unresolved > 0; ++i) {
    if (t.marks[i] == Mark::kPending || t.marks[i] == Mark::kAccepted) resolve(t, i, verdict);
  }
}

/// Gives back the messages, in order, of which no byte is needed any more.
void ClientMachine::retire() {
  while (retire_index_ < answer_index_) {
    const Transaction& t = slot(retire_index_);
    const bool needed = t.content_planned && !end_was_written(t);
    if (needed && !plan_.empty()) return;
    ++retire_index_;
    in_sink_ = true;
    sink_.on_message_done(t.message);
    in_sink_ = false;
  }
}

bool ClientMachine::end_was_written(const Transaction& t) const noexcept {
  return t.end_offset != kOffsetUnknown && plan_.written_bytes() >= t.end_offset;
}

// ---- state ----

bool ClientMachine::reusable() const noexcept {
  return phase_ == Phase::kOpen && unfinished_count() == 0 && !quit_wanted_ && !protocol_error_;
}

Stage ClientMachine::stage() const noexcept {
  switch (phase_) {
    case Phase::kGreeting:
      return Stage::kGreeting;
    case Phase::kEhlo:
    case Phase::kHelo:
    case Phase::kAuth:
      return Stage::kHello;
    case Phase::kStartTls:
    case Phase::kSecuring:
      return Stage::kStartTls;
    case Phase::kClosed:
      return Stage::kClosed;
    case Phase::kOpen:
    case Phase::kWindDown:
      break;
  }
  if (answer_index_ == offer_index_) return quit_sent_ ? Stage::kQuit : Stage::kIdle;
  const Transaction& t = slot(answer_index_);
  switch (answer_of(t)) {
    case Answer::kReset:
      return Stage::kReset;
    case Answer::kForward:
      return Stage::kForward;
    case Answer::kMail:
    case Answer::kNone:
      return Stage::kMail;
    case Answer::kRcpt:
      return Stage::kRcpt;
    case Answer::kData:
      return Stage::kData;
    case Answer::kEnd:
      break;
  }
  return t.content_planned && !end_was_written(t) ? Stage::kBody : Stage::kEndOfData;
}

/// What was being done when a session ended, in the words of the log.
std::string_view ClientMachine::doing(const Transaction& t) const noexcept {
  switch (answer_of(t)) {
    case Answer::kReset:
      return "sending RSET";
    case Answer::kForward:
      return "sending XFORWARD";
    case Answer::kMail:
    case Answer::kNone:
      return "sending MAIL FROM";
    case Answer::kRcpt:
      return "sending RCPT TO";
    case Answer::kData:
      return "sending DATA command";
    case Answer::kEnd:
      break;
  }
  if (t.content_planned && !end_was_written(t)) return "sending message body";
  return kEndOfData;
}

void ClientMachine::write_end_text(End end, std::string_view doing) {
  const std::string& peer = options_.peer;
  switch (end) {
    case End::kLost:
    case End::kStale:
      text_.assign("lost connection with ").append(peer).append(" while ").append(doing);
      return;
    case End::kTimeout:
      text_.assign("conversation with ").append(peer).append(" timed out while ").append(doing);
      return;
    case End::kMalformed:
      text_.assign("Protocol error: malformed reply from ").append(peer);
      text_.append(" while ").append(doing);
      return;
    case End::kUnexpected:
      text_.assign("Protocol error: unexpected reply from ").append(peer);
      text_.append(" while ").append(doing).append(": ").append(reader_.one_line());
      return;
    case End::kCancelled:
      text_.assign("session with ").append(peer).append(" given up while ").append(doing);
      return;
  }
}

// ---- ends ----

/// The session is over, now.
void ClientMachine::end_session(End end) {
  if (phase_ == Phase::kClosed) return;
  protocol_error_ |= end == End::kMalformed || end == End::kUnexpected;
  if (!capabilities_known_) return end_handshake(end);
  bool oldest = true;
  for (uint64_t i = answer_index_; i < offer_index_; ++i) {
    Transaction& t = slot(i);
    const bool answers_due = answer_of(t) != Answer::kNone;
    if (t.unresolved > 0) end_transaction(t, end, oldest);
    if (answers_due) oldest = false;
  }
  write_end_text(end, "idle");
  set_failure(end_dsn(end));
  phase_ = Phase::kClosed;
  answer_index_ = send_index_ = offer_index_;
  plan_.drop_unstaged();
}

/// The same on the caller's word, which also means that no write is under way.
void ClientMachine::end_from_outside(End end) {
  BARID_ASSERT(!in_sink_);
  end_session(end);
  plan_.abandon();
  retire();
}

void ClientMachine::end_handshake(End end) {
  constexpr std::string_view kDoing[] = {"receiving the initial server greeting",
                                         "performing the EHLO handshake",
                                         "performing the HELO handshake",
                                         "performing the SASL authentication",
                                         "sending STARTTLS",
                                         "performing the TLS handshake"};
  const bool lhlo = options_.lmtp && phase_ == Phase::kEhlo;
  write_end_text(end, lhlo ? "performing the LHLO handshake" : kDoing[static_cast<size_t>(phase_)]);
  const bool given_up = end == End::kCancelled;
  fail_session({.fate = given_up ? Fate::kNotAttempted : Fate::kDeferred,
                .dsn = end_dsn(end),
                .try_next_server = !given_up,
                .throttle = !given_up,
                .text = text_});
}

/// Decides for one transaction that a session's end caught. `oldest`: it is the one that waited for
/// an answer, to which the end is laid.
void ClientMachine::end_transaction(Transaction& t, End end, bool oldest) {
  const bool given_up = end == End::kCancelled;
  if (end_was_written(t)) {
    // The lawful source of duplicates. Not for the next server at once: it serves the same mailbox,
    // and the first one may well be delivering.
    write_end_text(end, kEndOfData);
    set_failure(end_dsn(end));
    return resolve_all(
        t, {.fate = Fate::kInDoubt, .dsn = end_dsn(end), .throttle = !given_up, .text = text_});
  }
  write_end_text(end, doing(t));
  set_failure(end_dsn(end));
  const bool attempted = oldest && t.mail_sent && !given_up && !is_stale(t);
  resolve_all(t, {.fate = attempted ? Fate::kDeferred : Fate::kNotAttempted,
                  .dsn = end_dsn(end),
                  .try_next_server = attempted,
                  .throttle = attempted,
                  .text = text_});
}

/// Keeps text_ as the reason why the session ended, if it is the first.
void ClientMachine::set_failure(DsnCode dsn) {
  if (!failure_text_.empty()) return;
  failure_text_ = text_;
  failure_dsn_ = dsn;
}

/// The connection had served other messages and ended before this one's MAIL was answered: servers
/// close idle connections and limit how many messages they take on one. Nothing is known against
/// the destination.
bool ClientMachine::is_stale(const Transaction& t) const noexcept {
  return (t.use > 1 || t.probe) && (t.reset_due || t.forward_due > 0 || t.mail_due);
}

/// The server announced that it closes the connection (421). What it may already hold waits for its
/// answers; everything behind was not attempted.
void ClientMachine::wind_down() {
  phase_ = Phase::kWindDown;
  plan_.drop_unstaged();
  text_.assign("host ").append(options_.peer).append(" said: ").append(reader_.one_line());
  set_failure(reader_.reply().status());
  uint64_t kept_end = offer_index_;
  while (kept_end > answer_index_ && slot(kept_end - 1).end_offset == kOffsetUnknown) --kept_end;
  for (uint64_t i = kept_end; i < offer_index_; ++i) {
    Transaction& t = slot(i);
    resolve_all(t, {.fate = Fate::kNotAttempted, .dsn = failure_dsn_, .text = failure_text_});
    t.send = Step::kDone;
    t.reset_due = t.mail_due = t.data_due = false;
    t.forward_due = 0;
    t.rcpt_answered = t.rcpt_sent;
    t.end_answers_due = 0;
  }
  send_index_ = offer_index_;
}

/// After a protocol error: what is under way goes on, the rest goes elsewhere.
void ClientMachine::refuse_new_messages() {
  quit_wanted_ = true;
  for (uint64_t i = send_index_; i < offer_index_; ++i) {
    Transaction& t = slot(i);
    if (t.send > Step::kBegin) continue;
    t.send = Step::kDone;
    text_.assign("session with ").append(options_.peer).append(" not kept after a protocol error");
    resolve_all(t, {.fate = Fate::kNotAttempted, .dsn = {4, 5, 0}, .text = text_});
  }
}

}  // namespace barid::smtp
