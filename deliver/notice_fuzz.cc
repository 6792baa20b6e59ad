// Property: whatever the original and the peers' texts contain, a notice has three parts, a header
// that nobody else writes to, and lines ended by CRLF outside the returned original.
#include <algorithm>

#include "core/base/assert.h"
#include "deliver/notice.h"
#include "deliver/notice_test_names.h"

namespace {

using namespace barid;

size_t count(std::string_view text, std::string_view word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto take = [&bytes] {
    const size_t end = std::min(bytes.find('|'), bytes.size());
    const std::string_view field = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    return std::string(field);
  };
  const uint8_t flags = bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
  Envelope envelope;
  envelope.sender = take();
  envelope.envid = take();
  envelope.smtputf8 = (flags & 1) != 0;
  const Recipient recipient{.address = take(), .original = take()};
  const std::string reason = take();
  const std::string remote_mta = take();
  const std::string diagnostic = take();
  const NoticeRecipient about[] = {{.recipient = &recipient,
                                    .action = static_cast<NoticeAction>(flags >> 4 & 3),
                                    .dsn = {5, 0, 0},
                                    .text = reason,
                                    .remote_mta = remote_mta,
                                    .diagnostic = diagnostic}};
  static const NoticeTemplates kWords = builtin_notice_templates(TestNames{}, {});
  const std::string recipient_of_notice = envelope.sender.empty() ? "postmaster" : envelope.sender;
  const NoticeFacts facts{
      .kind = static_cast<NoticeKind>((flags >> 6) % 3),
      .audience = static_cast<Audience>(flags >> 3 & 1),
      .host_name = "mail.example.com",
      .origin = "example.com",
      .mail_name = "Barid",
      .queue_id = {.micros = 1},
      .notice_id = {.micros = 2},
      .envelope = &envelope,
      .notice_recipient = recipient_of_notice,
      .recipients = about,
      .returned = (flags & 2) != 0 ? ReturnedPart::kHeaders : ReturnedPart::kFull,
      .bounce_size_limit = 4000,
      .threaded = (flags & 4) != 0,
      .words = &kWords.failure};
  const std::string_view original[] = {bytes.substr(0, bytes.size() / 2),
                                       bytes.substr(bytes.size() / 2)};
  const ComposedNotice notice = compose_notice(facts, original);
  const std::string_view content = notice.content;
  const std::string_view header = content.substr(0, content.find("\r\n\r\n"));
  const size_t at = header.find("\r\n\tboundary=\"") + 13;
  const std::string_view boundary = header.substr(at, header.find('"', at) - at);
  BARID_ASSERT(!boundary.empty() && boundary.size() <= 70);
  const std::string delimiter = "--" + std::string(boundary);
  BARID_ASSERT(count(content, delimiter) == 4);
  BARID_ASSERT(content.ends_with("\r\n" + delimiter + "--\r\n"));
  size_t third = 0;
  for (int part = 0; part < 3; ++part) third = content.find(delimiter, third + 1);
  const std::string_view ours = content.substr(0, third);
  BARID_ASSERT(count(ours, "\r\n") == count(ours, "\n") && count(ours, "\r") == count(ours, "\n"));
  BARID_ASSERT(count(ours, "\r\nFinal-Recipient:") == 1 && count(ours, "\r\nSubject:") == 1);
  return 0;
}
