// Properties: parsing reads only the line; what it takes keeps the limits of its RFC; a fault names
// a part of the line; xtext that was accepted decodes to printable text.
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/text/xtext.h"
#include "smtp/proto/command.h"

using namespace barid;
using namespace barid::smtp;

namespace {

void check_xtext(std::string_view value, size_t bytes_max) {
  BARID_ASSERT(value.size() <= bytes_max);
  std::string decoded;
  text::append_xtext_decoded(decoded, value);
  for (const char c : decoded) BARID_ASSERT(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
}

void check_fault(const ArgumentFault& fault, std::string_view line) {
  if (fault.text.empty()) return;
  BARID_ASSERT(fault.text.data() >= line.data());
  BARID_ASSERT(fault.text.data() + fault.text.size() <= line.data() + line.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t flags = data[0];
  const std::string_view line(reinterpret_cast<const char*>(data) + 1, size - 1);
  const CommandLine command = split_command(line);
  const ArgumentOptions options{.keywords = kKeywordsServed &
                                            ~((flags & 1) != 0 ? kKeywordDsn : 0u) &
                                            ~((flags & 2) != 0 ? kKeywordSmtpUtf8 : 0u),
                                .strict = (flags & 4) != 0,
                                .utf8 = (flags & 8) != 0,
                                .strict_smtputf8 = (flags & 16) != 0};
  MailArguments mail;
  const ArgumentFault mail_fault = parse_mail(command.arguments, options, mail);
  check_fault(mail_fault, line);
  if (mail_fault.none()) {
    check_xtext(mail.envid, kEnvidBytesMax);
    BARID_ASSERT(mail.priority >= kPriorityMin && mail.priority <= kPriorityMax);
    if (options.strict_smtputf8) BARID_ASSERT(!mail.sender.utf8 || mail.smtputf8);
  }
  RcptArguments rcpt;
  const ArgumentFault rcpt_fault = parse_rcpt(command.arguments, options, rcpt);
  check_fault(rcpt_fault, line);
  if (rcpt_fault.none()) {
    BARID_ASSERT(!rcpt.recipient.is_null());
    check_xtext(rcpt.orcpt, kOrcptBytesMax);
    if ((rcpt.notify & kNotifyNever) != 0) BARID_ASSERT(rcpt.notify == kNotifyNever);
  }
  BdatArguments bdat;
  if (parse_bdat(command.arguments, bdat)) BARID_ASSERT(bdat.size >> 63 == 0);
  return 0;
}
