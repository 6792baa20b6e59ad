#include "smtp/proto/received.h"

#include <algorithm>
#include <cstring>

#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kReceived = "received";
constexpr uint8_t kMismatch = 0xff;

// A HELO argument may be any text; one with parentheses could open or close a comment.
void append_helo(std::string& out, std::string_view helo) {
  const size_t start = out.size();
  text::append_printable(out, helo);
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return c == '(' || c == ')' || c == '\\'; }, '?');
}

void append_client(std::string& out, const ReceivedFacts& facts) {
  out.append("from ");
  append_helo(out, facts.helo.empty() ? facts.client_name : facts.helo);
  out.append(" (");
  text::append_printable(out, facts.client_name);
  const bool is_ipv6 = facts.client_address.find(':') != std::string_view::npos;
  out.append(is_ipv6 ? " [IPv6:" : " [");
  text::append_printable(out, facts.client_address);
  out.append("])\r\n\t");
}

}  // namespace

void append_received(std::string& out, const ReceivedFacts& facts) {
  out.append("Received: ");
  if (facts.user) {
    out.append("by ").append(facts.hostname).append(" (").append(facts.mail_name);
    out.append(", from userid ");
    text::append_number(out, *facts.user);
    out.append(")\r\n\tid ").append(facts.queue_id).append("; ");
    text::append_date(out, facts.unix_seconds, facts.zone);
    out.append("\r\n");
    return;
  }
  if (!facts.hide_client) append_client(out, facts);
  if (!facts.tls.empty()) out.append(facts.tls).append("\r\n\t");
  if (!facts.login.empty()) {
    out.append("(Authenticated sender: ");
    append_helo(out, facts.login);
    out.append(")\r\n\t");
  }
  out.append("by ").append(facts.hostname);
  out.append(" (").append(facts.mail_name).append(") with ").append(facts.protocol);
  out.append(" id ").append(facts.queue_id);
  if (facts.recipient.empty()) {
    out.append(";\r\n\t");
  } else {
    out.append("\r\n\tfor <");
    text::append_printable(out, facts.recipient);
    out.append(">; ");
  }
  text::append_date(out, facts.unix_seconds, facts.zone);
  out.append("\r\n");
}

void ReceivedCounter::feed(std::string_view bytes) noexcept {
  const char* position = bytes.data();
  const char* const end = position + bytes.size();
  while (position != end && state_ != State::kDone) {
    if (state_ == State::kRestOfLine && !after_cr_ && *position != '\r') {
      const auto left = static_cast<size_t>(end - position);
      const void* const found = std::memchr(position, '\r', left);
      if (found == nullptr) return;
      position = static_cast<const char*>(found);
    }
    step(*position);
    ++position;
  }
}

void ReceivedCounter::step(char c) noexcept {
  switch (state_) {
    case State::kLineStart:
      matched_ = 0;
      if (c == '\r') {
        state_ = State::kEmptyLineCr;
      } else if (text::is_blank(c)) {
        state_ = State::kRestOfLine;  // a folded line
      } else {
        state_ = State::kLabel;
        step(c);
      }
      return;
    case State::kLabel:
      if (c == ':') {
        end_of_label();
      } else if (text::is_blank(c)) {
        state_ = State::kLabelBlank;
      } else if (c > ' ' && c <= '~') {
        const bool same = matched_ < kReceived.size() && text::to_lower(c) == kReceived[matched_];
        matched_ = same ? static_cast<uint8_t>(matched_ + 1) : kMismatch;
      } else {
        state_ = first_line_ ? State::kRestOfLine : State::kDone;
        after_cr_ = c == '\r';
      }
      return;
    case State::kLabelBlank:
      if (c == ':') {
        end_of_label();
      } else if (!text::is_blank(c)) {
        // Not a header, so the block has ended; but "From …" may precede the first one.
        state_ = first_line_ ? State::kRestOfLine : State::kDone;
        after_cr_ = c == '\r';
      }
      return;
    case State::kRestOfLine:
      if (c == '\n' && after_cr_) {
        state_ = State::kLineStart;
        first_line_ = false;
      }
      after_cr_ = c == '\r';
      return;
    case State::kEmptyLineCr:
      state_ = c == '\n' ? State::kDone : State::kRestOfLine;
      after_cr_ = c == '\r';
      return;
    case State::kDone:
      return;
  }
}

void ReceivedCounter::end_of_label() noexcept {
  if (matched_ == kReceived.size()) ++count_;
  state_ = State::kRestOfLine;
  after_cr_ = false;
}

}  // namespace barid::smtp
