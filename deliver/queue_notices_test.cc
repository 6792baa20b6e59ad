// Goal: planned notices come out composed, each with its own id, envelope and log kind.
// Method: one message with a failure, a success and a late recipient.
#include "deliver/queue_notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deliver/notice_test_names.h"

namespace barid {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(QueueNotices, EachKind) {
  QueueNotices notices;
  NoticeSettings settings{.host_name = "mail.example",
                          .origin = "origin.example",
                          .mail_name = "Barid",
                          .queue_lifetime = 24h};
  settings.policy = {.classes = kNoticeBounce | kNoticeDelay,
                     .double_bounce_address = "double-bounce@mail.example",
                     .bounce_postmaster = "b@origin.example",
                     .second_bounce_postmaster = "2@origin.example",
                     .delay_postmaster = "d@origin.example",
                     .delay_warning_time = 1h};
  settings.words = builtin_notice_templates(TestNames{{"myhostname", "mail.example"}}, {});
  notices.set(settings);
  const WallTime now(1767366305s);
  queue::Message message;
  message.id = {.micros = 5, .partition = 3};
  message.arrival = message.created = now - 2h;
  message.envelope.sender = "s@x.example";
  message.envelope.recipients = {
      {.address = "bad@y.example"}, {.address = "late@y.example"}, {.address = "ok@y.example"}};
  message.status = {
      {.state = queue::RecipientState::kFailed, .dsn = {5, 1, 1}, .reason = "no such user"},
      {.dsn = {4, 4, 1}, .reason = "timed out"},
      {.state = queue::RecipientState::kDelivered,
       .success = queue::SuccessReport::kRelayed,
       .dsn = {2, 0, 0},
       .reason = "250 ok",
       .remote_mta = "mx.y.example",
       .diagnostic = "250 ok"}};
  EXPECT_TRUE(notices.anything_due(message, now));
  EXPECT_TRUE(notices.needs_content(message, now));
  uint64_t next = 100;
  const schedule::DueNotices due = notices.compose_due(
      message, {"Subject: x\r\n\r\nbody\r\n"},
      [&] { return QueueId{.micros = next++, .partition = 3}; }, now);
  EXPECT_EQ(due.told, (std::vector<uint32_t>{0, 2}));
  EXPECT_TRUE(due.delay_told);
  EXPECT_FALSE(due.discarded);
  struct Want {
    NotificationKind kind;
    std::string_view from;
    std::string_view to;
    std::string_view has;
  };
  constexpr std::string_view kDouble = "double-bounce@mail.example";
  const Want wants[] = {
      {NotificationKind::kSenderNonDelivery, "", "s@x.example",
       "Final-Recipient: rfc822; bad@y.example\r\nOriginal-Recipient: rfc822;"
       "bad@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"},
      {NotificationKind::kPostmasterNonDelivery, kDouble, "b@origin.example",
       "Subject: Postmaster Copy: Undelivered Mail\r\nTo: b@origin.example\r\n"},
      {NotificationKind::kSenderStatus, "", "s@x.example",
       "Action: relayed\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mx.y.example\r\n"
       "Diagnostic-Code: smtp; 250 ok\r\n"},
      {NotificationKind::kSenderDelay, "", "s@x.example",
       "Action: delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: X-Barid; timed "
       "out\r\nWill-Retry-Until: Sat, 3 Jan 2026 13:05:05 +0000\r\n"},
      {NotificationKind::kPostmasterDelay, kDouble, "d@origin.example",
       "Subject: Postmaster Warning: Delayed Mail\r\n"},
  };
  ASSERT_EQ(due.notices.size(), std::size(wants));
  for (size_t i = 0; i < std::size(wants); ++i) {
    SCOPED_TRACE(i);
    const schedule::Notice& notice = due.notices[i];
    EXPECT_EQ(notice.kind, wants[i].kind);
    EXPECT_EQ(notice.id, (QueueId{.micros = 100 + i, .partition = 3}));
    EXPECT_EQ(notice.envelope.sender, wants[i].from);
    ASSERT_EQ(notice.envelope.recipients.size(), 1u);
    EXPECT_EQ(notice.envelope.recipients[0].address, wants[i].to);
    std::string content;
    for (const std::string_view span : notice.content->spans()) content += span;
    EXPECT_THAT(content, HasSubstr(wants[i].has));
    EXPECT_THAT(content, HasSubstr("Message-Id: <" + notice.id.text() + "@mail.example>"));
  }
}

}  // namespace
}  // namespace barid
