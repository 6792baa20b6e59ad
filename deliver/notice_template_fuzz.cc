// Property: whatever a template file contains, it is refused with a reason and the built-in words
// stay, or it yields words that may stand in a header and in CRLF lines.
#include "core/base/assert.h"
#include "deliver/notice_template.h"
#include "deliver/notice_test_names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const TestNames names{{"myhostname", "mail.example.com"}, {"loop", "$loop"}};
  config::Diagnostics diagnostics;
  const NoticeTemplates got = parse_notice_templates(content, "file", names, {}, &diagnostics);
  const NoticeTemplates builtin = builtin_notice_templates(names, {});
  for (const auto member : {&NoticeTemplates::failure, &NoticeTemplates::delay,
                            &NoticeTemplates::success, &NoticeTemplates::verify}) {
    const NoticeTemplate& words = got.*member;
    if (!diagnostics.ok()) BARID_ASSERT(words == builtin.*member);
    for (const std::string* value :
         {&words.charset, &words.from, &words.subject, &words.postmaster_subject}) {
      for (const char c : *value) BARID_ASSERT(c >= ' ' && c <= '~');
    }
    BARID_ASSERT(!words.from.empty() && !words.charset.empty() && !words.subject.empty());
    BARID_ASSERT(words.text.empty() || words.text.ends_with("\r\n"));
    size_t line_feeds = 0;
    size_t pairs = 0;
    for (size_t i = 0; i < words.text.size(); ++i) {
      line_feeds += words.text[i] == '\n' ? 1 : 0;
      pairs += i > 0 && words.text[i] == '\n' && words.text[i - 1] == '\r' ? 1 : 0;
    }
    BARID_ASSERT(line_feeds == pairs);
  }
  return 0;
}
