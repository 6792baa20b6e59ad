// ServerMachine: DATA, BDAT, and the end of a message.
#include <algorithm>
#include <cstring>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "smtp/server/machine.h"
#include "smtp/server/replies.h"

namespace barid::smtp {

void ServerMachine::run_data(std::string_view arguments) {
  if (refuse_phase(Verb::kData)) return;
  if (!arguments.empty()) return answer(false, replies::kDataUsage);
  if (body_ == BodyType::kBinaryMime) return answer(false, replies::kBinaryNeedsBdat);
  if ((policy_.checks & kCheckAtData) == 0) return accept_data();
  ask_ = Ask::kData;
}

void ServerMachine::accept_data() {
  reply(replies::kDataGo);
  begin_content();
  dots_.reset();
  reading_ = Reading::kData;
}

void ServerMachine::begin_content() {
  hops_.reset();
  content_bytes_ = 0;
  content_bare_newline_ = false;
  after_cr_ = false;
  fault_ = ContentFault::kNone;
}

bool ServerMachine::step_data(std::string_view& input, Action& action) {
  const std::string_view span = dots_.next_span(input);
  if (!span.empty()) return emit_content(span, action);
  if (!dots_.finished()) return false;
  content_bare_newline_ = dots_.bare_newline();
  end_of_content();
  return false;
}

/// Counts content and hands it out; false if it is thrown away.
bool ServerMachine::emit_content(std::string_view bytes, Action& action) {
  content_bytes_ += bytes.size();
  if (fault_ != ContentFault::kNone) return false;
  if (policy_.message_size_limit > 0 && content_bytes_ > policy_.message_size_limit) {
    fault_ = ContentFault::kTooBig;
    drop_message();
    return false;
  }
  hops_.feed(bytes);
  action.kind = ActionKind::kBodyBytes;
  action.bytes = bytes;
  return true;
}

// RFC 3030 2: the payload follows the command whatever its answer is, so once the size is known it
// is always consumed. Without a size nothing after it can be trusted: 521 and the end.
void ServerMachine::run_bdat(std::string_view arguments) {
  if (!enabled(kKeywordChunking)) return answer(false, replies::kBdatDisabled);
  BdatArguments bdat;
  if (!parse_bdat(arguments, bdat)) return answer(false, replies::kBdatUsage);
  chunk_bytes_ = chunk_remaining_ = bdat.size;
  chunk_last_ = bdat.last;
  const Refusal refusal = refusal_of(phase_, Verb::kBdat);
  if (refusal == Refusal::kAfterFault) {
    chunk_refusal_ = replies::kBdatDiscarded;
    text::append_number(chunk_refusal_, chunk_bytes_);
    chunk_refusal_.append(" bytes after earlier error");
    return skip_chunk(chunk_refusal_);
  }
  if (refusal == Refusal::kNeedRcpt) return skip_chunk(replies::kNeedRcpt);
  if (refusal == Refusal::kNoRecipients) return skip_chunk(replies::kNoRecipients);
  BARID_ASSERT(refusal == Refusal::kNone);
  if (chunk_bytes_ == 0 && !chunk_last_) return skip_chunk(replies::kBdatNull);
  if (phase_ == Phase::kRcpt) begin_content();
  if (policy_.message_size_limit > 0 &&
      chunk_bytes_ > policy_.message_size_limit - content_bytes_) {
    note(Note::kRejected, replies::kBdatTooBig);
    return skip_chunk(replies::kBdatTooBig);
  }
  if (phase_ == Phase::kChunks || (policy_.checks & kCheckAtData) == 0) return accept_bdat();
  ask_ = Ask::kData;
}

void ServerMachine::accept_bdat() { reading_ = Reading::kChunk; }

/// Consumes the payload, then says `refusal`.
void ServerMachine::skip_chunk(std::string_view refusal) {
  if (refusal.data() != chunk_refusal_.data()) chunk_refusal_ = refusal;
  fault_ = ContentFault::kRefused;
  drop_message();
  reading_ = Reading::kChunk;
}

bool ServerMachine::step_chunk(std::string_view& input, Action& action) {
  if (chunk_remaining_ == 0) {
    end_of_chunk();
    return false;
  }
  const size_t length = static_cast<size_t>(std::min<uint64_t>(chunk_remaining_, input.size()));
  const std::string_view bytes = input.substr(0, length);
  input.remove_prefix(length);
  chunk_remaining_ -= length;
  if (client_.bare_newline == BareNewline::kNote || client_.bare_newline == BareNewline::kReject) {
    scan_chunk_newlines(bytes);
  }
  return emit_content(bytes, action);
}

/// Looks for a bare LF; the payload itself is opaque and passes as it is.
void ServerMachine::scan_chunk_newlines(std::string_view bytes) {
  size_t position = 0;
  while (!content_bare_newline_) {
    const size_t newline = bytes.find('\n', position);
    if (newline == std::string_view::npos) break;
    const bool after_cr = newline == 0 ? after_cr_ : bytes[newline - 1] == '\r';
    if (!after_cr) content_bare_newline_ = true;
    position = newline + 1;
  }
  after_cr_ = bytes.ends_with('\r');
}

void ServerMachine::end_of_chunk() {
  reading_ = Reading::kCommand;
  if (fault_ == ContentFault::kRefused) {
    reply_foreign({}, chunk_refusal_);
    finish(false);
    if (chunk_last_) {
      reset_transaction();
    } else {
      phase_ = Phase::kChunkFault;
    }
    return;
  }
  if (chunk_last_) return end_of_content();
  phase_ = Phase::kChunks;
  const size_t start = output_.size();
  output_.append(replies::kOkPrefix);
  text::append_number(output_, chunk_bytes_);
  output_.append(" bytes");
  end_reply(start);
  finish(true);
}

/// The message is complete: what it is as a whole decides whether the session may commit it.
void ServerMachine::end_of_content() {
  reading_ = Reading::kCommand;
  stage_ = "END-OF-MESSAGE";
  if (content_bare_newline_) note_bare_newline({});
  if (fault_ == ContentFault::kTooBig) return refuse_content(replies::kTooBig);
  if (content_bare_newline_ && client_.bare_newline == BareNewline::kReject) {
    reply_bare_newline_reject();
    return finish_content(false);
  }
  if (hops_.count() + 1 >= policy_.hopcount_limit) {  // + 1: the one we add
    return refuse_content(replies::kTooManyHops);
  }
  ask_ = Ask::kCommit;
}

void ServerMachine::refuse_content(std::string_view text) {
  note(Note::kRejected, text);
  reply(text);
  finish_content(false);
}

void ServerMachine::finish_content(bool ok) {
  finish(ok);
  if (ok) error_count_ = junk_count_ = 0;
  reset_transaction();
}

void ServerMachine::on_committed(std::string_view queue_id) {
  BARID_ASSERT(owed_ == Ask::kCommit);
  owed_ = Ask::kNothing;
  message_open_ = false;
  const size_t start = output_.size();
  if (running_ == Verb::kBdat) {
    output_.append(replies::kOkPrefix);
    text::append_number(output_, content_bytes_);
    output_.append(" bytes queued as ");
  } else {
    output_.append(replies::kQueuedAs);
  }
  output_.append(queue_id);
  end_reply(start);
  finish_content(true);
}

void ServerMachine::on_commit_failed(std::string_view reply) {
  BARID_ASSERT(owed_ == Ask::kCommit);
  owed_ = Ask::kNothing;
  message_open_ = false;
  reply_foreign({}, reply);
  finish_content(false);
}

}  // namespace barid::smtp
