// Goal: a field is found whatever its case and folding, and nothing of the body is. Method: rows.
#include "core/mail/header_find.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(FindHeader, Rfc5322_2_2) {
  struct Case {
    std::string_view content;
    std::string_view value;
  };
  constexpr Case kCases[] = {
      {"Message-ID: <a@b>\r\n\r\n", "<a@b>"},
      {"Subject: x\r\nmessage-id :\t<a@b> \r\n\r\n", "<a@b>"},
      {"Message-Id:\r\n <a@b>\r\nTo: c\r\n\r\n", "<a@b>"},
      {"Message-Id: <a\r\n\t@b>\r\n\r\n", "<a @b>"},
      {"Message-Id: first\r\nMessage-Id: second\r\n\r\n", "first"},
      {"To: c\r\n\r\nMessage-Id: <in@body>\r\n", ""},
      {"X-Message-Id: <a@b>\r\n\r\n", ""},
      {"Message-Identity: x\r\n\r\n", ""},
      {"Message-ID", ""},
      {"", ""},
      {"\r\nMessage-ID: <a@b>\r\n", ""},
      {"Message-ID: <a@b>\nTo: c\n\n", "<a@b>"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(find_header(c.content, "Message-ID"), c.value) << c.content;
}

}  // namespace
}  // namespace barid
