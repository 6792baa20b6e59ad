#include "tools/barid/maildrop_view.h"

#include "core/text/xtext.h"
#include "smtp/proto/command.h"

namespace barid::tools {
namespace {

constexpr smtp::KeywordSet kTaken =
    smtp::kKeywordsServed | smtp::kKeywordXverp | smtp::kKeywordOnce;

std::string text_of(const smtp::Address& address) {
  std::string text;
  smtp::append_address(text, address);
  return text;
}

}  // namespace

std::unique_ptr<queue::Message> maildrop_message(QueueId id, const MaildropMessage& waiting) {
  auto message = std::make_unique<queue::Message>();
  message->id = id;
  message->size = waiting.content.size();
  message->arrival = message->created = WallTime(std::chrono::microseconds(id.micros));
  Envelope& envelope = message->envelope;
  for (const std::string& line : waiting.commands) {
    const smtp::CommandLine command = smtp::split_command(line);
    if (&line == &waiting.commands.front()) {
      smtp::MailArguments mail;
      if (!smtp::parse_mail(command.arguments, {.keywords = kTaken}, mail).none()) return nullptr;
      envelope.sender = text_of(mail.sender);
      text::append_xtext_decoded(envelope.envid, mail.envid);
      envelope.dsn_return = mail.dsn_return;
      envelope.body = mail.body;
      envelope.smtputf8 = mail.smtputf8;
      envelope.verp = mail.verp;
      continue;
    }
    smtp::RcptArguments rcpt;
    if (!smtp::parse_rcpt(command.arguments, {.keywords = kTaken}, rcpt).none()) return nullptr;
    Recipient recipient{.address = text_of(rcpt.recipient), .notify = rcpt.notify};
    text::append_xtext_decoded(recipient.original, rcpt.orcpt);
    envelope.recipients.push_back(std::move(recipient));
  }
  if (envelope.recipients.empty()) return nullptr;
  message->status.resize(envelope.recipients.size());
  return message;
}

}  // namespace barid::tools
