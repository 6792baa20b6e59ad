// Goal: a message in a file comes back as it was, and a file that was not finished is none.
// Method: rows.
#include "tools/barid/maildrop_file.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

TEST(MaildropFile, ComesBack) {
  const MaildropMessage message{
      .commands = {"MAIL FROM:<a@b> SIZE=3", "RCPT TO:<c@d>", "RCPT TO:<e@f>"},
      .content = "DATA\r\nx\n\r\nMAIL FROM:<x>\r\n"};
  EXPECT_EQ(parse_maildrop(format_maildrop(message)), message);
}

TEST(MaildropFile, IsNone) {
  constexpr std::string_view kTexts[] = {
      "",
      "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
      "MAIL FROM:<a@b>\r\nDATA\r\nx",
      "RCPT TO:<c@d>\r\nMAIL FROM:<a@b>\r\nDATA\r\n",
      "MAIL FROM:<a@b>\r\nQUIT\r\nDATA\r\n",
      "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\n",
      "DATA\r\n",
  };
  for (const std::string_view text : kTexts) {
    SCOPED_TRACE(std::string(text));
    EXPECT_FALSE(parse_maildrop(text).has_value());
  }
}

}  // namespace
}  // namespace barid::tools
