#include "deliver/notice.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/date.h"
#include "core/text/utf8.h"
#include "deliver/notice_report.h"
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
  const uint64_t bytes = total_bytes(original);
  Returned returned;
  returned.headers_only = facts.returned == ReturnedPart::kHeaders ||
                          facts.envelope->body == BodyType::kBinaryMime ||
                          bytes > facts.bounce_size_limit;
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
      : facts_(facts),
        returned_(returned),
        explanation_(notice_explanation(facts)),
        report_(notice_report(facts)) {}

  [[nodiscard]] ComposedNotice compose() const;

 private:
  void put_header(std::string& out, bool has_8bit, std::string_view boundary) const;
  void put_threading(std::string& out) const;
  [[nodiscard]] std::string_view charset() const noexcept;
  [[nodiscard]] std::string assemble(std::string_view boundary) const;

  const NoticeFacts& facts_;
  const Returned& returned_;
  const std::string explanation_;
  const std::string report_;
};

void Composer::put_header(std::string& out, bool has_8bit, std::string_view boundary) const {
  const bool to_postmaster = facts_.audience == Audience::kPostmaster;
  const NoticeTemplate& words = *facts_.words;
  std::string date;
  text::append_date(date, unix_seconds(facts_.now));
  std::string host;
  text::append_printable_ascii(host, facts_.host_name);
  const std::string notice_id = facts_.notice_id.text();
  out += "Received: by " + host + " (";
  text::append_printable_ascii(out, facts_.mail_name);
  out += ")\r\n\tid " + notice_id + "; " + date + "\r\n";
  out += "Date: " + date + "\r\nFrom: ";
  text::append_printable_ascii(out, complete_mailbox(words.from, facts_.origin));
  out += "\r\nSubject: ";
  text::append_printable_ascii(out, to_postmaster ? words.postmaster_subject : words.subject);
  out += "\r\nTo: ";
  append_notice_text(out, facts_, facts_.notice_recipient);
  out += "\r\nMessage-Id: <" + notice_id + "@" + host + ">\r\n";
  if (facts_.threaded) put_threading(out);
  out += to_postmaster ? "Auto-Submitted: auto-generated\r\n" : "Auto-Submitted: auto-replied\r\n";
  out +=
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

/// The template's, unless that is ASCII and a peer's text is not.
std::string_view Composer::charset() const noexcept {
  const std::string_view named = facts_.words->charset;
  if (!text::is_ascii(explanation_)) {
    return text::equals_ignore_case(named, "us-ascii") ? "utf-8" : named;
  }
  return facts_.audience == Audience::kPostmaster ? "us-ascii" : named;
}

void put_part_head(std::string& out, std::string_view description, std::string_view type,
                   bool is_ascii) {
  out += "Content-Description: ";
  out += description;
  out += "\r\nContent-Type: ";
  out += type;
  out += is_ascii ? "\r\n\r\n" : "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
}

std::string_view returned_type(bool global, bool headers_only) noexcept {
  if (headers_only) return global ? "message/global-headers" : "text/rfc822-headers";
  return global ? "message/global" : "message/rfc822";
}

std::string Composer::assemble(std::string_view boundary) const {
  const bool global = is_global(facts_);
  const std::string delimiter = "--" + std::string(boundary);
  std::string return_path = "Return-Path: <";
  append_notice_text(return_path, facts_, facts_.envelope->sender);
  return_path += ">\r\n";
  const bool returned_ascii = text::is_ascii(return_path) && text::is_ascii(returned_.bytes);
  const bool has_8bit =
      !returned_ascii || !text::is_ascii(explanation_) || !text::is_ascii(report_);
  std::string out;
  out.reserve(returned_.bytes.size() + explanation_.size() + report_.size() + 2048);
  put_header(out, has_8bit, boundary);
  out += "This is a MIME-encapsulated message.\r\n\r\n" + delimiter + "\r\n";
  put_part_head(out, "Notification", "text/plain; charset=" + std::string(charset()),
                text::is_ascii(explanation_));
  out += explanation_ + "\r\n" + delimiter + "\r\n";
  put_part_head(out, "Delivery report",
                global ? "message/global-delivery-status" : "message/delivery-status",
                text::is_ascii(report_));
  out += report_ + "\r\n" + delimiter + "\r\n";
  std::string description = facts_.kind == NoticeKind::kSuccess ? "Message" : "Undelivered Message";
  if (returned_.headers_only) description += " Headers";
  put_part_head(out, description, returned_type(global, returned_.headers_only), returned_ascii);
  out += return_path;
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

ComposedNotice Composer::compose() const {
  ComposedNotice notice;
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
  notice.envelope.sender = facts_.notice_sender;
  notice.envelope.recipients.push_back(Recipient{.address = std::string(facts_.notice_recipient)});
  const bool has_8bit = !text::is_ascii(notice.content);
  notice.envelope.body = has_8bit ? BodyType::k8BitMime : BodyType::k7Bit;
  // Only the notice's own header asks for SMTPUTF8; inside message/global it is 8-bit content.
  notice.envelope.smtputf8 = is_global(facts_) && !text::is_ascii(facts_.notice_recipient);
  notice.envelope.client_name = "localhost";
  notice.envelope.client_address = "127.0.0.1";
  return notice;
}

}  // namespace

ComposedNotice compose_notice(const NoticeFacts& facts,
                              std::span<const std::string_view> original) {
  BARID_ASSERT(facts.envelope != nullptr && facts.words != nullptr);
  BARID_ASSERT(!facts.recipients.empty() && !facts.notice_recipient.empty());
  const Returned returned = returned_part(facts, original);
  return Composer(facts, returned).compose();
}

}  // namespace barid
