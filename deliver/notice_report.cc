#include "deliver/notice_report.h"

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/date.h"
#include "core/text/utf8.h"
#include "deliver/notice_text.h"

namespace barid {
namespace {

constexpr std::string_view kActions[] = {"failed", "delayed", "delivered", "relayed"};

std::string extension_prefix(const NoticeFacts& facts) {
  std::string prefix = "X-";
  text::append_printable_ascii(prefix, facts.mail_name);
  std::replace_if(
      prefix.begin(), prefix.end(), [](char c) { return c == ' ' || c == ':'; }, '-');
  return prefix;
}

// RFC 6533 3: an address type of its own for what is not ASCII.
void append_address(std::string& out, const NoticeFacts& facts, std::string_view field,
                    std::string_view address) {
  out += field;
  out += is_global(facts) && !text::is_ascii(address) ? ": utf-8; " : ": rfc822; ";
  append_notice_text(out, facts, address);
  out += "\r\n";
}

void append_date_field(std::string& out, std::string_view field, WallTime time) {
  out += field;
  out += ": ";
  text::append_date(out, unix_seconds(time));
  out += "\r\n";
}

/// What is only late is of class 4, whatever was said (RFC 3464 2.3.4; soft_bounce).
DsnCode status_of(const NoticeRecipient& about) noexcept {
  DsnCode dsn = about.dsn;
  if (about.action == NoticeAction::kDelayed) dsn.klass = 4;
  return dsn;
}

void append_recipient(std::string& out, const NoticeFacts& facts, const NoticeRecipient& about) {
  const Recipient& recipient = *about.recipient;
  out += "\r\n";
  append_address(out, facts, "Final-Recipient", recipient.address);
  if (recipient.original.empty()) {
    const std::string_view original =
        about.expanded_from.empty() ? std::string_view(recipient.address) : about.expanded_from;
    out += is_global(facts) && !text::is_ascii(original) ? "Original-Recipient: utf-8;"
                                                         : "Original-Recipient: rfc822;";
    append_notice_text(out, facts, original);
    out += "\r\n";
  } else {
    out += "Original-Recipient: ";
    append_notice_text(out, facts, recipient.original);
    out += "\r\n";
  }
  out += "Action: ";
  out += kActions[static_cast<size_t>(about.action)];
  out += "\r\nStatus: " + status_of(about).text() + "\r\n";
  if (!about.remote_mta.empty()) {
    out += "Remote-MTA: dns; ";
    text::append_printable_ascii(out, about.remote_mta);
    out += "\r\n";
  }
  std::string diagnostic = "Diagnostic-Code: ";
  if (!about.diagnostic.empty()) {
    diagnostic += "smtp; ";
    append_notice_text(diagnostic, facts, about.diagnostic);
  } else {
    diagnostic += "X-";
    text::append_printable_ascii(diagnostic, facts.mail_name);
    diagnostic += "; ";
    append_notice_text(diagnostic, facts, about.text);
  }
  append_wrapped(out, diagnostic);
  if (facts.kind == NoticeKind::kDelay) {
    append_date_field(out, "Will-Retry-Until", facts.retry_until);
  }
}

}  // namespace

bool is_global(const NoticeFacts& facts) noexcept { return facts.envelope->smtputf8; }

void append_notice_text(std::string& out, const NoticeFacts& facts, std::string_view value) {
  if (is_global(facts)) {
    text::append_printable(out, value);
  } else {
    text::append_printable_ascii(out, value);
  }
}

std::string notice_explanation(const NoticeFacts& facts) {
  std::string out;
  if (facts.audience == Audience::kSender) out += facts.words->text;
  for (const NoticeRecipient& about : facts.recipients) {
    std::string line = "<";
    text::append_printable(line, about.recipient->address);
    line += '>';
    if (!about.expanded_from.empty() &&
        !text::equals_ignore_case(about.expanded_from, about.recipient->address)) {
      line += " (expanded from <";
      text::append_printable(line, about.expanded_from);
      line += ">)";
    }
    line += ": ";
    text::append_printable(line, about.text);
    if (!out.empty()) out += "\r\n";
    append_wrapped(out, line);
  }
  return out;
}

std::string notice_report(const NoticeFacts& facts) {
  std::string out = "Reporting-MTA: dns; ";
  text::append_printable_ascii(out, facts.host_name);
  out += "\r\n";
  if (!facts.envelope->envid.empty()) {
    out += "Original-Envelope-Id: ";
    text::append_printable_ascii(out, facts.envelope->envid);
    out += "\r\n";
  }
  const std::string prefix = extension_prefix(facts);
  out += prefix + "-Queue-ID: " + facts.queue_id.text() + "\r\n";
  if (!facts.envelope->sender.empty()) {
    append_address(out, facts, prefix + "-Sender", facts.envelope->sender);
  }
  append_date_field(out, "Arrival-Date", facts.arrival_time);
  for (const NoticeRecipient& about : facts.recipients) append_recipient(out, facts, about);
  return out;
}

}  // namespace barid
