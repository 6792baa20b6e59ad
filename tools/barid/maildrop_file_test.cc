// Goal: a message in a file comes back as it was, and a file that was not finished is none.
// Method: rows.
#include "tools/barid/maildrop_file.h"

#include <gtest/gtest.h>

#include "tools/barid/maildrop_view.h"

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

TEST(MaildropFile, IsShownAsAMessage) {
  const QueueId id{.micros = 1'700'000'000'000'000, .partition = kMaildropPartition};
  const auto message = maildrop_message(
      id, {.commands = {"MAIL FROM:<a@b> SIZE=3 BODY=8BITMIME RET=HDRS ENVID=q+2Bz XVERP XONCE=0f",
                        "RCPT TO:<c@d> NOTIFY=NEVER", "RCPT TO:<\"e f\"@g> ORCPT=rfc822;h+40i"},
           .content = "x\r\n"});
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->id, id);
  EXPECT_EQ(message->size, 3u);
  EXPECT_EQ(message->arrival, WallTime(std::chrono::seconds(1'700'000'000)));
  EXPECT_EQ(message->envelope.sender, "a@b");
  EXPECT_EQ(message->envelope.envid, "q+z");
  EXPECT_EQ(message->envelope.verp, "+=");
  ASSERT_EQ(message->envelope.recipients.size(), 2u);
  EXPECT_EQ(message->envelope.recipients[0].notify, kNotifyNever);
  EXPECT_EQ(message->envelope.recipients[1].address, "\"e f\"@g");
  EXPECT_EQ(message->envelope.recipients[1].original, "rfc822;h@i");
  EXPECT_EQ(message->pending_count(), 2u);
  EXPECT_EQ(maildrop_message(id, {.commands = {"MAIL FROM:<a@b", "RCPT TO:<c@d>"}, .content = {}}),
            nullptr);
  EXPECT_EQ(maildrop_message(id, {.commands = {"MAIL FROM:<a@b>", "RCPT TO:<>"}, .content = {}}),
            nullptr);
}

}  // namespace
}  // namespace barid::tools
