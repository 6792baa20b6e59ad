// The send cursor: which command goes next, and when it has to wait.
#include "core/base/assert.h"
#include "smtp/client/machine.h"
#include "smtp/client/machine_commands.h"

namespace barid::smtp {

/// Plans whatever may be sent now. Called after every event.
void ClientMachine::plan() {
  move_answer_cursor();
  while (send_index_ < offer_index_ && advance(slot(send_index_))) {
    ++send_index_;
    move_answer_cursor();
  }
  if (quit_wanted_ && !quit_sent_ && send_index_ == offer_index_ && put("QUIT\r\n")) {
    quit_sent_ = true;
  }
}

/// Sends of one transaction what may be sent; true when there is nothing left to send of it.
bool ClientMachine::advance(Transaction& t) {
  for (;;) {
    bool sent = false;
    switch (t.send) {
      case Step::kChecks:
        check_message(t);
        continue;
      case Step::kBegin:
        if (!may_begin(t)) return false;
        begin(t);
        continue;
      case Step::kReset:
        sent = send_reset(t);
        break;
      case Step::kForward:
        sent = send_forward(t);
        break;
      case Step::kMail:
        sent = send_mail(t);
        break;
      case Step::kRcpt:
        sent = send_rcpt(t);
        break;
      case Step::kData:
        sent = send_data(t);
        break;
      case Step::kGo:
        sent = send_body(t);
        break;
      case Step::kDone:
        return true;
    }
    if (!sent) return false;
  }
}

/// How far the send cursor may run ahead of the answer cursor (the banner of machine.h).
bool ClientMachine::may_begin(const Transaction& t) const noexcept {
  if (answer_index_ == send_index_) return true;
  if (!pipelining_) return false;
  if (!chunking_ || options_.lmtp) return true;  // the transaction before has given out its content
  return bytes_in_flight_ + t.message.size <= options_.pipeline_bytes_limit;
}

void ClientMachine::begin(Transaction& t) {
  const bool behind_unanswered = answer_index_ != send_index_;
  t.probe = probe_wanted_ && !behind_unanswered;
  t.reset = reset_wanted_ || probe_wanted_ || (chunking_ && behind_unanswered);
  probe_wanted_ = reset_wanted_ = false;
  t.use = ++uses_;
  bytes_in_flight_ += t.message.size;
  t.send = t.reset ? Step::kReset : Step::kForward;
}

/// Plans one command line, unless it has to wait for an answer or for room.
bool ClientMachine::put(std::string_view command) {
  if (!pipelining_ && outstanding_ > 0) return false;
  if (!plan_.has_room(command.size())) return false;
  plan_.add_command(command);
  ++outstanding_;
  return true;
}

bool ClientMachine::send_reset(Transaction& t) {
  if (!put("RSET\r\n")) return false;
  t.reset_due = true;
  t.send = Step::kForward;
  return true;
}

/// XFORWARD is about the next MAIL. Whatever the server answers, that goes its way.
bool ClientMachine::send_forward(Transaction& t) {
  if (!options_.send_xforward || !capabilities_.has(Feature::kXforward)) t.forward_sent = 2;
  if (t.forward_sent == 2) {
    t.send = Step::kMail;
    return true;
  }
  if (!pipelining_ && outstanding_ > 0) return false;
  CommandLine line;
  write_xforward(*t.message.envelope, t.message.id, t.forward_sent, capabilities_, line);
  if (line.size() > 0) {
    if (!put(line.view())) return false;
    ++t.forward_due;
  }
  ++t.forward_sent;
  return true;
}

bool ClientMachine::send_mail(Transaction& t) {
  if (!pipelining_ && outstanding_ > 0) return false;
  CommandLine line;
  write_mail(*t.message.envelope,
             {.sender = t.verp_sender.empty() ? std::string_view(t.message.envelope->sender)
                                              : std::string_view(t.verp_sender),
              .size = t.message.size,
              .has_8bit = t.message.has_8bit,
              .utf8 = t.utf8},
             capabilities_, line);
  if (!put(line.view())) return false;
  t.mail_sent = t.mail_due = true;
  t.send = Step::kRcpt;
  return true;
}

bool ClientMachine::send_rcpt(Transaction& t) {
  if (t.unresolved == 0) {  // MAIL was refused meanwhile
    finish_sending(t);
    return true;
  }
  if (t.rcpt_sent == t.marks.size()) {
    t.send = Step::kData;
    return true;
  }
  if (!pipelining_ && outstanding_ > 0) return false;
  CommandLine line;
  const Recipient& recipient = t.message.envelope->recipients[t.message.recipients[t.rcpt_sent]];
  write_rcpt(recipient, t.utf8, capabilities_, line);
  if (!put(line.view())) return false;
  ++t.rcpt_sent;
  pass_unsendable(t, t.rcpt_sent);
  return true;
}

bool ClientMachine::envelope_answered(const Transaction& t) const noexcept {
  return !t.mail_due && t.rcpt_answered == t.rcpt_sent;
}

bool ClientMachine::send_data(Transaction& t) {
  if (t.unresolved == 0) {  // nobody is left to receive it
    finish_sending(t);
    return true;
  }
  if (chunking_) return send_bdat(t);
  if (!put("DATA\r\n")) return false;
  t.data_due = true;
  t.send = Step::kGo;
  return true;
}

/// RFC 3030 2. One chunk holds the whole content. It goes ahead of the recipients' answers unless
/// the content is large, the connection may be stale (its loss would leave the message in doubt),
/// or LMTP has to know how many replies will come.
bool ClientMachine::send_bdat(Transaction& t) {
  const bool may_guess =
      pipelining_ && !options_.lmtp && !t.probe && t.message.size <= options_.speculative_bytes_max;
  if (!may_guess && !envelope_answered(t)) return false;
  CommandLine line;
  line.add("BDAT ").add(t.message.size).add(" LAST\r\n");
  if (!put(line.view())) return false;
  plan_.add_content(t.message.content, &t.end_offset);
  t.content_planned = true;
  t.end_answers_due = options_.lmtp ? t.unresolved : 1;
  outstanding_ += t.end_answers_due - 1;
  t.send = Step::kDone;
  return true;
}

/// Behind the answer to DATA.
bool ClientMachine::send_body(Transaction& t) {
  if (t.data_due) return false;
  if (!t.go) {
    finish_sending(t);
    return true;
  }
  if (t.unresolved == 0) {  // RFC 2920 3.1: all recipients refused, and yet a 354
    if (!put(".\r\n")) return false;
    t.end_answers_due = 1;
  } else {
    plan_.add_stuffed(DotStuffer(t.message.content, t.scan, options_.line_length_max),
                      &t.end_offset);
    t.content_planned = true;
    t.end_answers_due = options_.lmtp ? t.unresolved : 1;
    outstanding_ += t.end_answers_due;
  }
  t.send = Step::kDone;
  return true;
}

/// The transaction ends without content. If MAIL went out the server may still hold it open.
void ClientMachine::finish_sending(Transaction& t) noexcept {
  if (t.mail_sent) reset_wanted_ = true;
  t.send = Step::kDone;
}

void ClientMachine::pass_unsendable(const Transaction& t, uint32_t& position) const noexcept {
  while (position < t.marks.size() && t.marks[position] == Mark::kUnsendable) ++position;
}

}  // namespace barid::smtp
