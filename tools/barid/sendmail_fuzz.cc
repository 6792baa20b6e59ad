// Property: whatever standard input holds, the result is a message: CRLF and nothing else ends a
// line, there is an end of the header, and no field names a blind recipient.
#include "core/base/assert.h"
#include "tools/barid/sendmail_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid::tools;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const FixLineEndings fix :
       {FixLineEndings::kAlways, FixLineEndings::kStrict, FixLineEndings::kNever}) {
    const SendmailMessage message = prepare_message(
        input, {.line_endings = fix, .from = "a@b", .date = "now", .message_id = "<1@b>"});
    const std::string& content = message.content;
    BARID_ASSERT(content.ends_with("\r\n"));
    for (size_t i = 0; i < content.size(); ++i) {
      if (content[i] == '\n') BARID_ASSERT(i > 0 && content[i - 1] == '\r');
      if (content[i] == '\r') BARID_ASSERT(i + 1 < content.size() && content[i + 1] == '\n');
    }
    const size_t end = content.find("\r\n\r\n");
    BARID_ASSERT(end != std::string::npos || content.starts_with("\r\n"));
    const std::string_view header = std::string_view(content).substr(0, end);
    for (const std::string_view name : {"\nBcc:", "\nbcc:", "\nReturn-Path:"}) {
      BARID_ASSERT(content.starts_with("\r\n") || header.find(name) == std::string_view::npos);
    }
  }
  return 0;
}
