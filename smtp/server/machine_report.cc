// ServerMachine: replies, notes, counters, and the storage of a transaction.
#include <array>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"
#include "core/text/xtext.h"
#include "smtp/server/machine.h"
#include "smtp/server/replies.h"
#include "smtp/server/reply_footer.h"

namespace barid::smtp {
namespace {

/// RFC 5321 4.5.3.1.5: a reply line has at most 512 bytes with its CRLF.
constexpr size_t kReplyTextBytesMax = 510;
/// How much of a peer's text goes into a note.
constexpr size_t kNoteBytesMax = 512;
/// Buffers that grew beyond this are given back between transactions (memory of idle sessions).
constexpr size_t kBufferBytesKept = 4096;
constexpr size_t kRecipientsKept = 64;

void release_if_large(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kBufferBytesKept) buffer.shrink_to_fit();
}

}  // namespace

// Every reply passes here once it stands in the output from `start` on, without CRLF.
void ServerMachine::end_reply(size_t start) {
  BARID_ASSERT(output_.size() >= start + 3);
  if (policy_.soft_bounce && output_[start] == '5') {
    output_[start] = '4';
    const size_t enhanced = start + 4;
    if (output_.size() > enhanced + 1 && output_[enhanced] == '5' && output_[enhanced + 1] == '.') {
      output_[enhanced] = '4';
    }
  }
  const bool is_refusal = output_[start] == '4' || output_[start] == '5';
  if (is_refusal && !policy_.reject_filter_maps.empty()) filter_refusal(start);
  if (is_refusal && policy_.has_footer()) add_footer(start);
  const std::string_view code = std::string_view(output_).substr(start, 3);
  if (code == "421" || code == "521") closing_ = true;
  output_.append("\r\n");
  if (error_count_ >= policy_.soft_error_limit) reply_delay_ = policy_.error_sleep_time;
}

/// A refusal stays one: what is no 4xx or 5xx reply changes nothing.
void ServerMachine::filter_refusal(size_t start) {
  const lookup::LookupResult found = policy_.reject_filter_maps.find(output_.substr(start));
  if (!found.is_found()) return;
  const std::string_view text = found.value();
  const bool is_reply = text.size() > 4 && (text[0] == '4' || text[0] == '5') &&
                        text::is_digit(text[1]) && text::is_digit(text[2]) && text[3] == ' ';
  if (!is_reply) return;
  output_.resize(start);
  text::append_printable(output_, text.substr(0, kReplyTextBytesMax));
}

void ServerMachine::add_footer(size_t start) {
  const std::string reply = output_.substr(start);
  const lookup::LookupResult found = policy_.reject_footer_maps.find(reply);
  const std::string_view footer =
      found.is_found() ? found.value() : std::string_view(policy_.reject_footer);
  if (footer.empty()) return;
  append_footer(output_, start, footer,
                {.client_address = client_.address,
                 .client_port = client_.port,
                 .local_time = local_time_,
                 .server_name = policy_.hostname});
}

void ServerMachine::reply(std::string_view text) {
  const size_t start = output_.size();
  output_.append(text);
  end_reply(start);
}

void ServerMachine::reply_host(std::string_view code, std::string_view text) {
  const size_t start = output_.size();
  output_.append(code).append(" ").append(policy_.hostname).append(" ").append(text);
  end_reply(start);
}

void ServerMachine::reply_bare_newline_reject() {
  BARID_ASSERT(policy_.bare_newline_reject_code >= 500 && policy_.bare_newline_reject_code <= 599);
  const size_t start = output_.size();
  text::append_number(output_, policy_.bare_newline_reject_code);
  output_.append(replies::kBareNewlineEnhanced).append(" ").append(policy_.hostname);
  output_.append(" ").append(replies::kBareNewline);
  end_reply(start);
}

/// For text that a policy or a peer wrote: made printable, and cut to what a reply may hold.
void ServerMachine::reply_foreign(std::string_view prefix, std::string_view text) {
  const size_t start = output_.size();
  output_.append(prefix);
  text::append_printable(output_, text.substr(0, kReplyTextBytesMax - prefix.size()));
  end_reply(start);
}

void ServerMachine::finish(bool ok) {
  CommandCount& count = counts_[static_cast<size_t>(running_)];
  ++count.total;
  if (ok) {
    ++count.ok;
  } else {
    ++error_count_;
  }
}

void ServerMachine::answer(bool ok, std::string_view text) {
  reply(text);
  finish(ok);
}

void ServerMachine::count_junk() {
  if (junk_count_++ > policy_.junk_command_limit) ++error_count_;  // as Postfix counts
}

void ServerMachine::note(Note kind, std::string_view bytes) {
  BARID_ASSERT(notes_count_ < notes_.size());
  if (notes_count_ == 0) note_text_.clear();
  const size_t start = note_text_.size();
  note_text_.append(bytes.substr(0, kNoteBytesMax));
  notes_[notes_count_] = {.kind = kind,
                          .bytes = {.offset = static_cast<uint32_t>(start),
                                    .length = static_cast<uint32_t>(note_text_.size() - start)}};
  ++notes_count_;
}

void ServerMachine::note_bare_newline(std::string_view bytes) {
  if (client_.bare_newline == BareNewline::kNo) return;
  bare_newline_seen_ = true;
  note(Note::kBareNewline, bytes);
}

void ServerMachine::clear_output() noexcept { release_if_large(output_); }

/// The open message, if there is one, will be aborted by the next action.
void ServerMachine::drop_message() {
  if (message_open_) abort_pending_ = true;
  message_open_ = false;
}

void ServerMachine::reset_transaction() {
  drop_message();
  phase_ = helo_.empty() ? Phase::kConnected : Phase::kGreeted;
  release_if_large(text_);
  recipients_.clear();
  if (recipients_.capacity() > kRecipientsKept) recipients_.shrink_to_fit();
  sender_ = envid_ = once_ = {};
  verp_.clear();
  forwarded_.reset();
  candidate_ = {};
  checked_ = {};
  declared_size_ = 0;
  dsn_return_ = DsnReturn::kNotGiven;
  body_ = BodyType::k7Bit;
  smtputf8_ = false;
  priority_ = 0;
  overshoot_count_ = 0;
  content_bytes_ = 0;
}

/// What this client may use. Binary content comes in chunks only (RFC 3030 3).
KeywordSet ServerMachine::keywords() const noexcept {
  const KeywordSet set = policy_.keywords & ~client_.discarded;
  return (set & kKeywordChunking) != 0 ? set : set & ~kKeywordBinaryMime;
}

bool ServerMachine::enabled(Keyword keyword) const noexcept { return (keywords() & keyword) != 0; }

bool ServerMachine::in_transaction() const noexcept {
  return phase_ != Phase::kConnected && phase_ != Phase::kGreeted;
}

std::string_view ServerMachine::protocol() const noexcept {
  if (smtputf8_) return "UTF8SMTP";
  return extended_ ? "ESMTP" : "SMTP";
}

std::string_view ServerMachine::transport_protocol() const noexcept {
  static constexpr std::array<std::string_view, 8> kNames = {
      "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA", "UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"};
  if (!extended_) return protocol();
  return kNames[(smtputf8_ ? 4u : 0u) + (secured_ ? 2u : 0u) + (auth_.done ? 1u : 0u)];
}

std::string_view ServerMachine::recipient_address(size_t index) const noexcept {
  BARID_ASSERT(index < recipients_.size());
  return text(recipients_[index].address);
}

ServerMachine::Slice ServerMachine::since(size_t start) const noexcept {
  return {.offset = static_cast<uint32_t>(start),
          .length = static_cast<uint32_t>(text_.size() - start)};
}

ServerMachine::Slice ServerMachine::store_address(const Address& address) {
  const size_t start = text_.size();
  append_address(text_, address);
  return since(start);
}

void ServerMachine::fill_envelope(Envelope& out) const {
  out.sender = text(sender_);
  out.envid = text(envid_);
  out.verp = verp_;
  out.dsn_return = dsn_return_;
  out.body = body_;
  out.smtputf8 = smtputf8_;
  out.priority = priority_;
  out.stream = priority_ < 0 ? Stream::kBulk : policy_.default_stream;
  out.recipients.resize(recipients_.size());
  for (size_t i = 0; i < recipients_.size(); ++i) {
    out.recipients[i].address = text(recipients_[i].address);
    out.recipients[i].original = text(recipients_[i].original);
    out.recipients[i].notify = recipients_[i].notify;
  }
  fill_origin(out);
}

void ServerMachine::append_summary(std::string& out) const {
  CommandCount sum;
  const auto append_count = [&out](const CommandCount& count) {
    text::append_number(out, count.ok);
    if (count.ok == count.total) return;
    out.push_back('/');
    text::append_number(out, count.total);
  };
  for (size_t i = 0; i < kVerbCount; ++i) {
    if (counts_[i].total == 0) continue;
    text::append_lower(out, verb_name(static_cast<Verb>(i)));
    out.push_back('=');
    append_count(counts_[i]);
    out.push_back(' ');
    sum.ok += counts_[i].ok;
    sum.total += counts_[i].total;
  }
  out.append("commands=");
  append_count(sum);
  if (bare_newline_seen_) out.append(" notes=bare_lf");
}

}  // namespace barid::smtp
