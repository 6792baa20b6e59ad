#include "smtp/server/machine.h"

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"
#include "smtp/server/replies.h"

namespace barid::smtp {
namespace {

/// Replies are written out when they have grown to this, however long the pipelined group is.
constexpr size_t kOutputFlushBytes = 4096;

constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
}

bool has_control(std::string_view line) noexcept {
  for (const char c : line) {
    if (is_control(c)) return true;
  }
  return false;
}

/// "Name:" at the start of a line, as in a mail or HTTP header.
bool looks_like_header(std::string_view word) noexcept {
  const size_t colon = word.find(':');
  return colon != std::string_view::npos && colon > 0;
}

}  // namespace

ServerMachine::ServerMachine(const ServerPolicy& policy, ClientFacts client)
    : policy_(policy), client_(std::move(client)) {}

void ServerMachine::start(const Start& start) {
  BARID_ASSERT(output_.empty() && !closing_);
  if (!start.early_input.empty()) {
    note(Note::kPipelining, start.early_input);
    if (policy_.forbid_unauth_pipelining) {
      reply(replies::kSynchronization);
      closing_ = true;
      return;
    }
  }
  if (!start.refusal.empty()) {
    refused_ = true;
    reply_foreign({}, start.refusal);
    return;
  }
  output_.append(replies::kGreetingCode).append(policy_.banner).append("\r\n");
}

Action ServerMachine::next(std::string_view input, size_t* consumed) {
  BARID_ASSERT(owed_ == Ask::kNothing);
  BARID_ASSERT(!closed_);
  const size_t offered = input.size();
  Action action;
  while (!take_pending(action) && !step(input, action)) {
  }
  *consumed = offered - input.size();
  return action;
}

/// What comes before any further input, most urgent first.
bool ServerMachine::take_pending(Action& action) {
  if (take_note(action)) return true;
  if (closing_) drop_message();
  if (abort_pending_) {
    abort_pending_ = false;
    action.kind = ActionKind::kAbort;
    return true;
  }
  if (take_ask(action)) return true;
  if (reply_delay_ > Duration::zero()) {
    action.kind = ActionKind::kFlush;
    action.delay = reply_delay_;
    reply_delay_ = {};
    return true;
  }
  if (closing_) {
    closed_ = true;
    action.kind = ActionKind::kClose;
    return true;
  }
  if (output_.size() >= kOutputFlushBytes) {
    action.kind = ActionKind::kFlush;
    return true;
  }
  if (error_count_ >= policy_.hard_error_limit && !in_content()) {
    note(Note::kTooManyErrors, {});
    reply_host(replies::kTooManyErrorsCode, replies::kTooManyErrors);
    return take_pending(action);
  }
  return false;
}

bool ServerMachine::take_note(Action& action) {
  if (notes_count_ == 0) return false;
  const Slice bytes = notes_[0].bytes;
  action.kind = ActionKind::kNote;
  action.note = notes_[0].kind;
  action.bytes = std::string_view(note_text_).substr(bytes.offset, bytes.length);
  std::move(notes_.begin() + 1, notes_.end(), notes_.begin());
  --notes_count_;
  return true;
}

bool ServerMachine::take_ask(Action& action) {
  if (opening_ == Opening::kToAsk) {
    opening_ = Opening::kAsked;
    message_open_ = true;
    action.kind = ActionKind::kOpenMessage;
    return true;
  }
  if (opening_ == Opening::kAsked) {  // and was not turned down by on_open_failed()
    opening_ = Opening::kNone;
    accept_rcpt();
  }
  if (ask_ == Ask::kNothing) return false;
  static constexpr std::array kKinds = {
      ActionKind::kNeedInput,      ActionKind::kCheckHelo, ActionKind::kCheckSender,
      ActionKind::kCheckRecipient, ActionKind::kCheckData, ActionKind::kCheckVerify,
      ActionKind::kCheckEtrn,      ActionKind::kIdentify,  ActionKind::kAuth,
      ActionKind::kStartTls,       ActionKind::kCommit};
  owed_ = ask_;
  ask_ = Ask::kNothing;
  action.kind = kKinds[static_cast<size_t>(owed_)];
  return true;
}

/// Uses input. True if `action` is to be returned now.
bool ServerMachine::step(std::string_view& input, Action& action) {
  const bool chunk_complete = reading_ == Reading::kChunk && chunk_remaining_ == 0;
  if (input.empty() && !chunk_complete) {
    action.kind = ActionKind::kNeedInput;
    return true;
  }
  switch (reading_) {
    case Reading::kCommand:
    case Reading::kAuthLine:
      step_command(input);
      return false;
    case Reading::kRestOfLine:
      step_rest_of_line(input);
      return false;
    case Reading::kData:
      return step_data(input, action);
    case Reading::kChunk:
      return step_chunk(input, action);
  }
  return false;
}

// A line ends at CRLF. Whether it is too long or holds a bare LF is decided at the first byte that
// makes it so, which makes the answer independent of how the input was cut.
void ServerMachine::step_command(std::string_view& input) {
  const void* const newline = std::memchr(input.data(), '\n', input.size());
  const size_t length = newline == nullptr
                            ? input.size()
                            : static_cast<size_t>(static_cast<const char*>(newline) - input.data());
  const std::string_view head = input.substr(0, length);
  const bool after_cr = head.empty() ? line_.ends_with('\r') : head.ends_with('\r');
  const size_t line_bytes = line_.size() + head.size() - (after_cr ? 1 : 0);
  const bool in_auth = reading_ == Reading::kAuthLine;
  if (line_bytes > (in_auth ? policy_.sasl_response_limit : policy_.line_length_limit)) {
    after_cr_ = line_.ends_with('\r');
    line_.clear();
    reading_ = Reading::kRestOfLine;
    if (in_auth) {
      reply(replies::kAuthTooLong);
    } else {
      reply_host(replies::kLineCode, replies::kLineTooLong);
    }
    ++error_count_;
    return;
  }
  if (newline == nullptr) {
    line_.append(head);
    input = {};
    return;
  }
  input.remove_prefix(length + 1);
  std::string_view line = head;
  if (!line_.empty()) line = line_.append(head);
  if (after_cr && in_auth) {
    run_auth_line(line.substr(0, line_bytes));
  } else if (after_cr) {
    run_line(line.substr(0, line_bytes), input);
  } else {
    refuse_bare_newline(line);
  }
  line_.clear();
}

void ServerMachine::step_rest_of_line(std::string_view& input) {
  for (;;) {
    const void* const newline = std::memchr(input.data(), '\n', input.size());
    if (newline == nullptr) {
      after_cr_ = input.ends_with('\r');
      input = {};
      return;
    }
    const auto length = static_cast<size_t>(static_cast<const char*>(newline) - input.data());
    if (length > 0) after_cr_ = input[length - 1] == '\r';
    input.remove_prefix(length + 1);
    if (after_cr_) {
      reading_ = Reading::kCommand;
      return;
    }
    if (input.empty()) return;
  }
}

// RFC 5321 2.3.8: a bare LF ends nothing. It is answered where it stands, so that a client that
// knows no CRLF learns it at once, and the rest of the line is thrown away.
void ServerMachine::refuse_bare_newline(std::string_view line) {
  note_bare_newline(line);
  reading_ = Reading::kRestOfLine;
  after_cr_ = false;
  ++error_count_;
  if (client_.bare_newline == BareNewline::kReject) {
    reply_bare_newline_reject();
    closing_ = true;
  } else {
    reply_host(replies::kLineCode, replies::kBareNewline);
  }
}

void ServerMachine::run_line(std::string_view line, std::string_view behind) {
  const bool utf8_checked = (policy_.keywords & kKeywordSmtpUtf8) != 0;
  if (utf8_checked && !text::is_valid_utf8(line)) {
    reply(replies::kBadUtf8);
    ++error_count_;
    return;
  }
  if (!policy_.command_filter.empty() && !filter_line(line)) return;
  const CommandLine command = split_command(line);
  if (command.word.empty()) {
    reply(replies::kBadSyntax);
    ++error_count_;
    return;
  }
  if (!policy_.noop_commands.empty() && policy_.noop_commands.match(command.word).yes()) {
    reply(replies::kOk);
    count_junk();
    return;
  }
  running_ = command.verb;
  stage_ = verb_name(command.verb);
  if (command.verb == Verb::kUnknown) {
    run_unknown(command, line);
    return;
  }
  if (refuse_pipelining(command.verb, behind)) return;
  if (has_control(line)) {
    answer(false, replies::kControlCharacter);
  } else if (refused_ && command.verb != Verb::kQuit) {
    const size_t start = output_.size();
    output_.append(replies::kAccessDenied).append(client_.name);
    output_.append("[").append(client_.address).append("]");
    end_reply(start);
    finish(false);
  } else if (policy_.tls_required && !secured_ && !rule_of(command.verb).before_tls) {
    answer(false, replies::kMustStarttls);
  } else {
    dispatch(command);
  }
  if (rule_of(command.verb).junk) count_junk();
}

void ServerMachine::run_unknown(const CommandLine& command, std::string_view line) {
  if (looks_like_header(command.word) || policy_.forbidden_commands.match(command.word).yes()) {
    note(Note::kNonSmtpCommand, line);
    answer(false, replies::kNonSmtp);
    closing_ = true;
    return;
  }
  answer(false, replies::kUnknownCommand);
}

// RFC 2920 3.1: some commands must end their group, because the client has to see the answer before
// it can know what to say next; and without EHLO there are no groups. Input that already stands
// behind such a command was not written by a client that listens. BDAT is followed by its payload.
bool ServerMachine::refuse_pipelining(Verb verb, std::string_view behind) {
  if (behind.empty() || verb == Verb::kBdat) return false;
  if (extended_ && !rule_of(verb).ends_group) return false;
  if (!pipelining_noted_) note(Note::kPipelining, behind);
  pipelining_noted_ = true;
  if (!policy_.forbid_unauth_pipelining) return false;
  answer(false, replies::kSynchronization);
  closing_ = true;
  return true;
}

/// What the operator wants the client to have said. False if nobody can tell: it is answered then.
bool ServerMachine::filter_line(std::string_view& line) {
  const lookup::LookupResult found = policy_.command_filter.find(text::trim_left(line));
  if (found.is_temporary()) {
    reply_host(replies::kLocalErrorCode, replies::kLocalError);
    return false;
  }
  if (!found.is_found()) return true;
  filtered_.assign("replacing command \"").append(line).append("\" with \"");
  filtered_.append(found.value()).append("\"");
  note(Note::kReplaced, filtered_);
  filtered_ = found.value();
  line = filtered_;
  return true;
}

void ServerMachine::on_verdict(std::string_view refusal) {
  const Ask asked = owed_;
  owed_ = Ask::kNothing;
  const bool ok = refusal.empty();
  switch (asked) {
    case Ask::kHelo:
      if (ok) return accept_helo();
      break;
    case Ask::kSender:
      if (ok) return accept_mail();
      reset_transaction();
      break;
    case Ask::kRecipient:
      if (!ok) return refuse_rcpt(refusal);
      if (message_open_) return accept_rcpt();
      opening_ = Opening::kToAsk;
      return;
    case Ask::kData:
      if (running_ == Verb::kBdat) return ok ? accept_bdat() : skip_chunk(refusal);
      if (ok) return accept_data();
      break;
    case Ask::kVerify:
      if (ok) return accept_vrfy();
      text_.resize(candidate_.address.offset);
      break;
    case Ask::kEtrn:
      if (ok) return answer(true, replies::kEtrnOk);
      break;
    case Ask::kIdentity:
      return greet_again(refusal);
    case Ask::kStartTls:
      if (ok) return answer(true, replies::kStarttlsReady);
      break;
    case Ask::kNothing:
    case Ask::kAuth:
    case Ask::kCommit:
      BARID_ASSERT(false && "on_verdict() without a question");
  }
  reply_foreign({}, refusal);
  finish(false);
}

void ServerMachine::on_secured() {
  BARID_ASSERT(!secured_ && line_.empty());
  secured_ = true;
  extended_ = false;
  auth_ = {};
  helo_.clear();
  reset_transaction();
}

void ServerMachine::on_open_failed(std::string_view reply) {
  BARID_ASSERT(opening_ == Opening::kAsked);
  opening_ = Opening::kNone;
  message_open_ = false;
  refuse_rcpt(reply);
}

void ServerMachine::on_timeout() { end_session(replies::kTimeoutCode, replies::kTimeout); }

void ServerMachine::on_shutdown() { end_session(replies::kShutdownCode, replies::kShutdown); }

void ServerMachine::end_session(std::string_view code, std::string_view text) {
  BARID_ASSERT(owed_ != Ask::kCommit && ask_ != Ask::kCommit);
  owed_ = ask_ = Ask::kNothing;
  opening_ = Opening::kNone;
  reply_host(code, text);
  reply_delay_ = {};
}

}  // namespace barid::smtp
