// The answer cursor: what each reply means for the oldest unanswered transaction.
#include "core/base/assert.h"
#include "smtp/client/machine.h"

namespace barid::smtp {

/// Replies that say one side broke the protocol: the session is not kept (RFC 5321 4.2.1: x0z is
/// syntax; RFC 1869 6.1: 555).
bool ClientMachine::is_protocol_trouble(const Reply& reply) noexcept {
  const bool error_class = reply.klass() == 4 || reply.klass() == 5;
  return !error_class || reply.code == 555 || (reply.code >= 500 && reply.code < 510) ||
         reply.mixed_codes;
}

ClientMachine::Answer ClientMachine::answer_of(const Transaction& t) noexcept {
  if (t.reset_due) return Answer::kReset;
  if (t.forward_due > 0) return Answer::kForward;
  if (t.mail_due) return Answer::kMail;
  if (t.rcpt_answered < t.rcpt_sent) return Answer::kRcpt;
  if (t.data_due) return Answer::kData;
  if (t.end_answers_due > 0) return Answer::kEnd;
  return Answer::kNone;
}

void ClientMachine::on_transaction_reply(Transaction& t, const Reply& reply) {
  BARID_ASSERT(outstanding_ > 0);
  --outstanding_;
  switch (answer_of(t)) {
    case Answer::kReset:
      on_reset_reply(t, reply);
      break;
    case Answer::kForward:
      on_forward_reply(t, reply);
      break;
    case Answer::kMail:
      on_mail_reply(t, reply);
      break;
    case Answer::kRcpt:
      on_rcpt_reply(t, reply);
      break;
    case Answer::kData:
      on_data_reply(t, reply);
      break;
    case Answer::kEnd:
      on_end_reply(t, reply);
      break;
    case Answer::kNone:
      BARID_ASSERT(false);
  }
  if (reply.code == 421 && phase_ == Phase::kOpen) wind_down();  // RFC 5321 3.8
  if (protocol_error_ && phase_ == Phase::kOpen) refuse_new_messages();
}

/// Moves past every transaction whose answers are all in.
void ClientMachine::move_answer_cursor() {
  while (answer_index_ < send_index_ && answer_of(slot(answer_index_)) == Answer::kNone) {
    const Transaction& t = slot(answer_index_++);
    BARID_ASSERT(t.unresolved == 0);
    if (t.use != 0) bytes_in_flight_ -= t.message.size;
  }
  if (phase_ == Phase::kWindDown && answer_index_ == offer_index_) phase_ = Phase::kClosed;
}

void ClientMachine::on_reset_reply(Transaction& t, const Reply& reply) {
  t.reset_due = false;
  if (reply.klass() == 2) return;
  if (t.probe) return end_session(End::kStale);
  protocol_error_ = true;  // MAIL's own answer says whether the transaction is a clean one
}

/// A server that does not want to know is no reason not to give it the mail.
void ClientMachine::on_forward_reply(Transaction& t, const Reply& reply) {
  --t.forward_due;
  if (reply.code == 421) resolve_all(t, judge(reply, "XFORWARD command"));
}

void ClientMachine::on_mail_reply(Transaction& t, const Reply& reply) {
  t.mail_due = false;
  if (reply.klass() == 2) return;
  Verdict verdict = judge(reply, "MAIL FROM command");
  if (reply.code == 421 && t.use > 1) {
    // The server is done with this connection, not with this message.
    verdict = {.fate = Fate::kNotAttempted, .dsn = verdict.dsn, .text = text_};
  }
  resolve_all(t, verdict);
}

void ClientMachine::on_rcpt_reply(Transaction& t, const Reply& reply) {
  const uint32_t position = t.rcpt_answered++;
  pass_unsendable(t, t.rcpt_answered);
  if (t.marks[position] != Mark::kPending)
    return;  // MAIL was refused: this answer says nothing new
  if (reply.klass() == 2) {
    t.marks[position] = Mark::kAccepted;
    return;
  }
  const Verdict verdict = judge(reply, "RCPT TO command");
  if (reply.code == 421 && t.end_offset == kOffsetUnknown) return resolve_all(t, verdict);
  resolve(t, position, verdict);
}

void ClientMachine::on_data_reply(Transaction& t, const Reply& reply) {
  t.data_due = false;
  if (reply.klass() == 3) {
    t.go = true;
    // Without an accepted recipient an LMTP server owes no reply to the dot, or one: nobody knows.
    if (options_.lmtp && t.unresolved == 0) end_session(End::kUnexpected);
    return;
  }
  if (t.unresolved > 0) resolve_all(t, judge(reply, "DATA command"));
}

void ClientMachine::on_end_reply(Transaction& t, const Reply& reply) {
  const bool refused = reply.klass() == 4 || reply.klass() == 5;
  // A refused BDAT still has its octets on the way, which the server discards (RFC 3030 2).
  const bool early = t.content_planned && t.end_offset == kOffsetUnknown && !(chunking_ && refused);
  if (early) return on_early_reply(t, reply);

  --t.end_answers_due;
  if (chunking_ && reply.klass() != 2) reset_wanted_ = true;  // RFC 3030 2
  if (t.unresolved == 0) return;
  const Verdict verdict =
      reply.klass() == 2 ? delivered(reply) : judge(reply, "end of DATA command");
  if (!options_.lmtp) return resolve_all(t, verdict);
  // RFC 2033 4.2: one reply per accepted recipient, in the order of the RCPTs.
  while (t.marks[t.lmtp_next] != Mark::kAccepted) ++t.lmtp_next;
  resolve(t, t.lmtp_next, verdict);
}

/// A reply to the end of data before the end was sent. A refusal decides the message; anything else
/// is nonsense. Either way the content cannot be completed and the session is over.
void ClientMachine::on_early_reply(Transaction& t, const Reply& reply) {
  if (reply.klass() == 4 || reply.klass() == 5) resolve_all(t, judge(reply, "end of DATA command"));
  end_session(End::kUnexpected);
}

/// What a reply other than the wanted one does to a recipient.
ClientMachine::Verdict ClientMachine::judge(const Reply& reply, std::string_view command) {
  if (is_protocol_trouble(reply)) protocol_error_ = true;
  DsnCode dsn = reply.status();
  text_.clear();
  if (reply.klass() != 4 && reply.klass() != 5) {
    text_.append("Protocol error: ");
    dsn = {5, 5, 0};
  }
  const std::string_view said = reader_.one_line();
  text_.append("host ").append(options_.peer).append(" said: ").append(said);
  text_.append(" (in reply to ").append(command).append(")");
  const bool temporary = dsn.klass == 4;
  return {.fate = temporary ? Fate::kDeferred : Fate::kFailed,
          .dsn = dsn,
          .try_next_server = temporary,
          .text = text_,
          .diagnostic = said};
}

ClientMachine::Verdict ClientMachine::delivered(const Reply& reply) {
  const std::string_view said = reader_.one_line();
  return {.fate = Fate::kDelivered, .dsn = reply.status(), .text = said, .diagnostic = said};
}

}  // namespace barid::smtp
