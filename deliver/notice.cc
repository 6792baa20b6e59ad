#include "deliver/notice.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/date.h"
#include "core/text/utf8.h"
#include "deliver/notice_text.h"

namespace barid {
namespace {

constexpr size_t kHeaderBytesMax = 128 * 1024;  // of the original, when headers only come back
constexpr size_t kBoundaryBytesMax = 70;        // RFC 2046 5.1.1

/// What of the original goes back.
struct Returned {
  std::string bytes;
  bool headers_only = false;
};

uint64_t total_bytes(std::span<const std::string_view> pieces) noexcept {
  uint64_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  return bytes;
}

// A binary original returns its headers only: the notice could not pass a server that lacks
// BINARYMIME (RFC 3030 3), and a notice has no way to be bounced itself.
Returned returned_part(const NoticeFacts& facts, std::span<const std::string_view> original) {
  const Envelope& envelope = *facts.envelope;
  const uint64_t bytes = total_bytes(original);
  Returned returned;
  returned.headers_only = envelope.dsn_return == DsnReturn::kHeaders ||
                          envelope.body == BodyType::kBinaryMime || bytes > facts.bounce_size_limit;
  const uint64_t bytes_max = returned.headers_only ? kHeaderBytesMax : bytes;
  returned.bytes.reserve(static_cast<size_t>(std::min(bytes, bytes_max)));
  for (const std::string_view piece : original) {
    const size_t room = static_cast<size_t>(bytes_max) - returned.bytes.size();
    returned.bytes.append(piece.substr(0, room));
    if (room < piece.size()) break;
  }
  if (returned.headers_only) returned.bytes.resize(header_bytes(returned.bytes));
  return returned;
}

// QUEUEID.SECONDS/HOST, within the length that RFC 2046 allows.
std::string first_boundary(const NoticeFacts& facts) {
  std::string boundary = facts.queue_id.text();
  boundary += '.';
  boundary += std::to_string(unix_seconds(facts.now));
  boundary += '/';
  for (const char c : facts.host_name) {
    const bool allowed = text::kAlnum.has(c) || c == '.' || c == '-';
    boundary += allowed ? c : '_';
  }
  boundary.resize(std::min(boundary.size(), kBoundaryBytesMax));
  return boundary;
}

class Composer {
 public:
  Composer(const NoticeFacts& facts, const Returned& returned)
      : facts_(facts), returned_(returned) {
    for (const FailedRecipient& failed : facts.recipients) {
      if (wants_failure_notice(*failed.recipient)) reported_.push_back(&failed);
    }
  }

  [[nodiscard]] bool anything_to_report() const noexcept { return !reported_.empty(); }

  [[nodiscard]] Notice compose();

 private:
  [[nodiscard]] bool global() const noexcept { return facts_.envelope->smtputf8; }
  [[nodiscard]] std::string explanation() const;
  [[nodiscard]] std::string delivery_status() const;
  void put_recipient_status(std::string& out, const FailedRecipient& failed) const;
  void put_address(std::string& out, std::string_view name, std::string_view address) const;
  void put_text(std::string& out, std::string_view value) const;
  void put_header(std::string& out, bool has_8bit, std::string_view boundary) const;
  void put_threading(std::string& out) const;
  [[nodiscard]] std::string assemble(std::string_view boundary) const;

  const NoticeFacts& facts_;
  const Returned& returned_;
  std::vector<const FailedRecipient*> reported_;
  std::string explanation_;
  std::string status_;
};

/// Text for the parts that must be ASCII unless the message is internationalised (RFC 6533).
void Composer::put_text(std::string& out, std::string_view value) const {
  if (global()) {
    text::append_printable(out, value);
  } else {
    text::append_printable_ascii(out, value);
  }
}

std::string Composer::explanation() const {
  std::string out;
  out += "This is the mail server ";
  text::append_printable_ascii(out, facts_.host_name);
  out +=
      ".\r\n\r\n"
      "Your message did not reach everyone it was addressed to. The addresses\r\n"
      "below have failed, each with its reason, and no further attempt will be\r\n"
      "made for them. Please check the address, or ask the recipient's side.\r\n\r\n"
      "Technical details and your message, or its headers, are attached. If you\r\n"
      "need help, send this whole notice to postmaster@";
  text::append_printable_ascii(out, facts_.origin);
  out += ".\r\n";
  for (const FailedRecipient* failed : reported_) {
    std::string line = "<";
    text::append_printable(line, failed->recipient->address);
    line += '>';
    if (!failed->expanded_from.empty() &&
        !text::equals_ignore_case(failed->expanded_from, failed->recipient->address)) {
      line += " (expanded from <";
      text::append_printable(line, failed->expanded_from);
      line += ">)";
    }
    line += ": ";
    text::append_printable(line, failed->outcome->text);
    out += "\r\n";
    append_wrapped(out, line);
  }
  return out;
}

// RFC 6533 3: an address type of its own for what is not ASCII.
void Composer::put_address(std::string& out, std::string_view name,
                           std::string_view address) const {
  out += name;
  out += global() && !text::is_ascii(address) ? ": utf-8; " : ": rfc822; ";
  put_text(out, address);
  out += "\r\n";
}

std::string Composer::delivery_status() const {
  std::string out = "Reporting-MTA: dns; ";
  text::append_printable_ascii(out, facts_.host_name);
  out += "\r\n";
  if (!facts_.envelope->envid.empty()) {
    out += "Original-Envelope-Id: ";
    text::append_printable_ascii(out, facts_.envelope->envid);
    out += "\r\n";
  }
  std::string prefix = "X-";
  text::append_printable_ascii(prefix, facts_.mail_name);
  std::replace_if(
      prefix.begin(), prefix.end(), [](char c) { return c == ' ' || c == ':'; }, '-');
  out += prefix + "-Queue-ID: " + facts_.queue_id.text() + "\r\n";
  put_address(out, prefix + "-Sender", facts_.envelope->sender);
  out += "Arrival-Date: ";
  text::append_date(out, unix_seconds(facts_.arrival_time));
  out += "\r\n";
  for (const FailedRecipient* failed : reported_) put_recipient_status(out, *failed);
  return out;
}

void Composer::put_recipient_status(std::string& out, const FailedRecipient& failed) const {
  const Recipient& recipient = *failed.recipient;
  const Outcome& outcome = *failed.outcome;
  out += "\r\n";
  put_address(out, "Final-Recipient", recipient.address);
  if (recipient.original.empty()) {
    const bool aliased = !failed.expanded_from.empty();
    put_address(out, "Original-Recipient", aliased ? failed.expanded_from : recipient.address);
  } else {
    out += "Original-Recipient: ";
    put_text(out, recipient.original);
    out += "\r\n";
  }
  out += "Action: failed\r\nStatus: " + outcome.dsn.text() + "\r\n";
  if (!outcome.remote_mta.empty()) {
    out += "Remote-MTA: dns; ";
    text::append_printable_ascii(out, outcome.remote_mta);
    out += "\r\n";
  }
  std::string diagnostic = "Diagnostic-Code: ";
  if (!outcome.diagnostic.empty()) {
    diagnostic += "smtp; ";
    put_text(diagnostic, outcome.diagnostic);
  } else {
    diagnostic += "X-";
    text::append_printable_ascii(diagnostic, facts_.mail_name);
    diagnostic += "; ";
    put_text(diagnostic, outcome.text);
  }
  append_wrapped(out, diagnostic);
}

void Composer::put_header(std::string& out, bool has_8bit, std::string_view boundary) const {
  std::string date;
  text::append_date(date, unix_seconds(facts_.now));
  std::string host;
  text::append_printable_ascii(host, facts_.host_name);
  const std::string notice_id = facts_.notice_id.text();
  out += "Received: by " + host + " (";
  text::append_printable_ascii(out, facts_.mail_name);
  out += ")\r\n\tid " + notice_id + "; " + date + "\r\n";
  out += "Date: " + date + "\r\nFrom: Mail Delivery System <MAILER-DAEMON@";
  text::append_printable_ascii(out, facts_.origin);
  out += ">\r\nSubject: Undelivered Mail Returned to Sender\r\nTo: ";
  put_text(out, facts_.envelope->sender);
  out += "\r\nMessage-Id: <" + notice_id + "@" + host + ">\r\n";
  if (facts_.threaded) put_threading(out);
  out +=
      "Auto-Submitted: auto-replied\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"";
  out += boundary;
  out += has_8bit ? "\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                  : "\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n";
}

// The reader's mail program shows the notice under the message it is about.
void Composer::put_threading(std::string& out) const {
  const std::string_view headers =
      std::string_view(returned_.bytes).substr(0, header_bytes(returned_.bytes));
  const std::string message_id = header_value(headers, "message-id");
  if (message_id.empty()) return;
  const std::string references = header_value(headers, "references");
  std::string line = "References: ";
  text::append_printable_ascii(line, references);
  if (!references.empty()) line += ' ';
  text::append_printable_ascii(line, message_id);
  append_wrapped(out, line);
  line = "In-Reply-To: ";
  text::append_printable_ascii(line, message_id);
  append_wrapped(out, line);
}

void put_part_head(std::string& out, std::string_view description, std::string_view type,
                   std::string_view content) {
  out += "Content-Description: ";
  out += description;
  out += "\r\nContent-Type: ";
  out += type;
  out += text::is_ascii(content) ? "\r\n\r\n" : "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
}

std::string Composer::assemble(std::string_view boundary) const {
  const std::string delimiter = "--" + std::string(boundary);
  std::string returned = "Return-Path: <";
  put_text(returned, facts_.envelope->sender);
  returned += ">\r\n";
  const bool has_8bit = !text::is_ascii(explanation_) || !text::is_ascii(status_) ||
                        !text::is_ascii(returned) || !text::is_ascii(returned_.bytes);
  std::string out;
  out.reserve(returned_.bytes.size() + explanation_.size() + status_.size() + 2048);
  put_header(out, has_8bit, boundary);
  out += "This is a MIME-encapsulated message.\r\n\r\n" + delimiter + "\r\n";
  put_part_head(
      out, "Notification",
      text::is_ascii(explanation_) ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
      explanation_);
  out += explanation_ + "\r\n" + delimiter + "\r\n";
  put_part_head(out, "Delivery report",
                global() ? "message/global-delivery-status" : "message/delivery-status", status_);
  out += status_ + "\r\n" + delimiter + "\r\n";
  if (returned_.headers_only) {
    put_part_head(out, "Undelivered Message Headers",
                  global() ? "message/global-headers" : "text/rfc822-headers",
                  text::is_ascii(returned) ? returned_.bytes : returned);
  } else {
    put_part_head(out, "Undelivered Message", global() ? "message/global" : "message/rfc822",
                  text::is_ascii(returned) ? returned_.bytes : returned);
  }
  out += returned;
  out += returned_.bytes;
  if (!returned_.bytes.ends_with("\r\n")) out += "\r\n";
  out += "\r\n" + delimiter + "--\r\n";
  return out;
}

size_t count_occurrences(std::string_view text, std::string_view word) noexcept {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

Notice Composer::compose() {
  explanation_ = explanation();
  status_ = delivery_status();
  Notice notice;
  // Three parts and an end; more means that the original contains the boundary. Then another one,
  // until it does not: it ends because each costs the original bytes that it has not.
  std::string boundary = first_boundary(facts_);
  for (uint32_t suffix = 1;; ++suffix) {
    notice.content = assemble(boundary);
    if (count_occurrences(notice.content, "--" + boundary) == 4) break;
    const std::string end = '.' + std::to_string(suffix);
    boundary = first_boundary(facts_);
    boundary.resize(std::min(boundary.size(), kBoundaryBytesMax - end.size()));
    boundary += end;
  }
  const Envelope& original = *facts_.envelope;
  notice.envelope.recipients.push_back(Recipient{.address = original.sender});
  const bool has_8bit = !text::is_ascii(notice.content);
  notice.envelope.body = has_8bit ? BodyType::k8BitMime : BodyType::k7Bit;
  // Only the notice's own header asks for SMTPUTF8; inside message/global it is 8-bit content.
  notice.envelope.smtputf8 = original.smtputf8 && !text::is_ascii(original.sender);
  notice.envelope.client_name = "localhost";
  notice.envelope.client_address = "127.0.0.1";
  return notice;
}

}  // namespace

bool wants_failure_notice(const Recipient& recipient) noexcept {
  if ((recipient.notify & kNotifyNever) != 0) return false;
  return recipient.notify == 0 || (recipient.notify & kNotifyFailure) != 0;
}

std::optional<Notice> compose_failure_notice(const NoticeFacts& facts,
                                             std::span<const std::string_view> original) {
  BARID_ASSERT(facts.envelope != nullptr);
  if (facts.envelope->sender.empty()) return std::nullopt;
  const Returned returned = returned_part(facts, original);
  Composer composer(facts, returned);
  if (!composer.anything_to_report()) return std::nullopt;
  return composer.compose();
}

}  // namespace barid
