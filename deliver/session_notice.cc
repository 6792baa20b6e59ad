#include "deliver/session_notice.h"

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/date.h"
#include "core/text/utf8.h"
#include "deliver/notice_text.h"

namespace barid {
namespace {

std::string printable(std::string_view text) {
  std::string out;
  text::append_printable_ascii(out, text);
  return out;
}

std::string service_of(smtp::SessionRole role) {
  if (role == smtp::SessionRole::kServer) return " SMTP server";
  return role == smtp::SessionRole::kSmtpClient ? " SMTP client" : " LMTP client";
}

void put_count(std::string& out, uint64_t count, std::string_view what) {
  if (count == 0) return;
  text::append_number(out, count);
  out += what;
}

}  // namespace

ComposedNotice compose_session_notice(const SessionNoticeFacts& facts,
                                      const smtp::Transcript& transcript) {
  BARID_ASSERT(!facts.notice_recipient.empty() && !facts.notice_sender.empty());
  std::string date;
  text::append_date(date, unix_seconds(facts.now));
  const std::string host = printable(facts.host_name);
  const std::string id = facts.notice_id.text();
  ComposedNotice notice;
  std::string& out = notice.content;
  out +=
      "Received: by " + host + " (" + printable(facts.mail_name) + ")\r\n\tid " + id + "; " + date +
      "\r\nDate: " + date + "\r\nFrom: " + printable(complete_mailbox(facts.from, facts.origin)) +
      "\r\nTo: " + printable(facts.notice_recipient) +
      "\r\nSubject: " + printable(facts.mail_name) + service_of(facts.role) + ": errors from " +
      printable(facts.peer_name) + "[" + printable(facts.peer_address) + "]\r\nMessage-Id: <" + id +
      "@" + host +
      ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
      "What the " +
      std::string(facts.role == smtp::SessionRole::kServer ? "client (In) and this server (Out)"
                                                           : "server (In) and this client (Out)") +
      " said to each other:\r\n\r\n";
  put_count(out, transcript.left_out_count(), " earlier lines are left out.\r\n\r\n");
  out += transcript.text();
  out += "\r\nThe mail log of this host tells the rest.\r\n";
  put_count(out, facts.left_out_count,
            " more sessions with errors had no notice: error_notice_rate_limit.\r\n");
  notice.envelope.sender = facts.notice_sender;
  notice.envelope.recipients.push_back({.address = std::string(facts.notice_recipient)});
  notice.envelope.client_name = "localhost";
  notice.envelope.client_address = "127.0.0.1";
  notice.envelope.origin = MailOrigin::kNotice;
  return notice;
}

}  // namespace barid
