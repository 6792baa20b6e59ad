// Goal: who is told what, and who never. Method: rows of message states and the notices planned for
// them, written as "kind to: recipients returned".
#include "deliver/notice_plan.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

using namespace std::chrono_literals;
using queue::RecipientState;
using queue::SuccessReport;

constexpr WallTime kNow = WallTime(1767366245s);

struct To {
  std::string_view address;
  uint8_t notify = 0;
  RecipientState state = RecipientState::kPending;
  SuccessReport success = SuccessReport::kNone;
};
constexpr RecipientState kFailed = RecipientState::kFailed;
constexpr RecipientState kDone = RecipientState::kDelivered;

queue::Message message(std::string_view sender, const std::vector<To>& recipients,
                       DsnReturn asked = DsnReturn::kNotGiven) {
  queue::Message out;
  out.envelope.sender = sender;
  out.envelope.dsn_return = asked;
  out.arrival = kNow - 4h;
  for (const To& to : recipients) {
    out.envelope.recipients.push_back({.address = std::string(to.address), .notify = to.notify});
    out.status.push_back({.state = to.state, .success = to.success});
  }
  return out;
}

NoticePolicy policy(uint8_t classes = 0) {
  return {.classes = classes,
          .double_bounce_address = "double-bounce@mail.example",
          .bounce_postmaster = "b@p",
          .second_bounce_postmaster = "2@p",
          .delay_postmaster = "d@p"};
}

std::string text(const queue::Message& about, const NoticePlan& plan) {
  static constexpr std::string_view kKinds[] = {"failure", "delay", "success"};
  std::string out;
  for (const PlannedNotice& notice : plan.notices) {
    out += kKinds[static_cast<size_t>(notice.kind)];
    if (notice.audience == Audience::kPostmaster) out += " copy";
    out += ' ' + notice.to + ':';
    for (const uint32_t index : notice.recipients) {
      out += ' ' + about.envelope.recipients[index].address;
    }
    out += notice.returned == ReturnedPart::kFull ? " full; " : " headers; ";
  }
  return out;
}

void settle(queue::Message& about, const NoticePlan& plan) {
  for (const uint32_t index : plan.told) {
    if (about.status[index].state == kFailed) about.status[index].state = RecipientState::kSettled;
    about.status[index].success = SuccessReport::kNone;
  }
  about.delay_notice_sent |= plan.delay_told;
}

struct Case {
  const char* name;
  queue::Message about;
  NoticePolicy by;
  std::string_view want;
};

void expect_rows(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    queue::Message about;
    about.envelope = c.about.envelope;
    about.status = c.about.status;
    about.arrival = c.about.arrival;
    about.delay_notice_sent = c.about.delay_notice_sent;
    const NoticePlan plan = plan_notices(about, c.by, kNow);
    EXPECT_EQ(text(about, plan), c.want);
    const bool something = !plan.told.empty() || plan.delay_told;
    EXPECT_EQ(anything_to_settle(about, c.by, kNow), something);
    settle(about, plan);  // nothing is told twice
    EXPECT_FALSE(anything_to_settle(about, c.by, kNow));
  }
}

TEST(NoticePlan, Failures) {
  constexpr auto kAll = static_cast<uint8_t>(kNotifySuccess | kNotifyFailure | kNotifyDelay);
  expect_rows({
      {"nothing", message("s@x", {{"a@y"}, {"b@y", 0, kDone}}), policy(), ""},
      {"one", message("s@x", {{"a@y", 0, kFailed}}), policy(), "failure s@x: a@y full; "},
      {"several in one",
       message("s@x", {{"a@y", 0, kFailed},
                       {"b@y"},
                       {"c@y", kNotifyFailure, kFailed},
                       {"d@y", kAll, kFailed},
                       {"e@y", 0, RecipientState::kSettled}}),
       policy(), "failure s@x: a@y c@y d@y full; "},
      {"never", message("s@x", {{"a@y", kNotifyNever, kFailed}}), policy(kNoticeBounce), ""},
      {"never wins", message("s@x", {{"a@y", kNotifyNever | kNotifyFailure, kFailed}}), policy(),
       ""},
      {"only success", message("s@x", {{"a@y", kNotifySuccess, kFailed}}), policy(), ""},
      {"only delay", message("s@x", {{"a@y", kNotifyDelay, kFailed}}), policy(), ""},
      {"some do not want it", message("s@x", {{"a@y", kNotifyNever, kFailed}, {"b@y", 0, kFailed}}),
       policy(), "failure s@x: b@y full; "},
      {"RET=HDRS", message("s@x", {{"a@y", 0, kFailed}}, DsnReturn::kHeaders), policy(),
       "failure s@x: a@y headers; "},
      {"RET=FULL", message("s@x", {{"a@y", 0, kFailed}}, DsnReturn::kFull), policy(),
       "failure s@x: a@y full; "},
      {"copy", message("s@x", {{"a@y", 0, kFailed}}), policy(kNoticeBounce),
       "failure s@x: a@y full; failure copy b@p: a@y headers; "},
      {"other classes", message("s@x", {{"a@y", 0, kFailed}}),
       policy(kNoticeSecondBounce | kNoticeDelay | kNoticeResource), "failure s@x: a@y full; "},
  });
}

TEST(NoticePlan, NeverABounceToABounce) {
  queue::Message second = message("double-bounce@mail.example", {{"a@y", 0, kFailed}});
  const NoticePlan plan = plan_notices(second, policy(0xff), kNow);
  EXPECT_TRUE(plan.notices.empty());
  EXPECT_TRUE(plan.discarded);
  expect_rows({
      {"null sender", message("", {{"a@y", 0, kFailed}}), policy(), ""},
      {"null sender, asked", message("", {{"a@y", kNotifyFailure, kFailed}}), policy(), ""},
      {"2bounce", message("", {{"a@y", 0, kFailed}}), policy(kNoticeSecondBounce),
       "failure copy 2@p: a@y full; "},
      {"bounce", message("", {{"a@y", 0, kFailed}, {"b@y", kNotifyNever, kFailed}, {"c@y"}}),
       policy(kNoticeBounce), "failure copy 2@p: a@y b@y full; "},
      {"null sender, success owed", message("", {{"a@y", 0, kDone, SuccessReport::kRelayed}}),
       policy(0xff), ""},
      {"double bounce failed, other case",
       message("Double-Bounce@MAIL.example", {{"a@y", 0, kFailed}}), policy(0xff), ""},
      {"double bounce, success owed",
       message("double-bounce@mail.example", {{"a@y", 0, kDone, SuccessReport::kDelivered}}),
       policy(0xff), ""},
  });
}

TEST(NoticePlan, Verp) {
  queue::Message list =
      message("l@x", {{"a@y", 0, kFailed}, {"b@y", kNotifyNever, kFailed}, {"c@z", 0, kFailed}});
  list.envelope.verp = "+=";
  NoticePolicy off = policy();
  off.verp_bounces = false;
  queue::Message again;
  again.envelope = list.envelope;
  again.status = list.status;
  std::vector<Case> cases;
  cases.push_back({"one each", std::move(list), policy(kNoticeBounce),
                   "failure l+a=y@x: a@y full; failure copy b@p: a@y headers; "
                   "failure l+c=z@x: c@z full; failure copy b@p: c@z headers; "});
  cases.push_back({"disable_verp_bounces", std::move(again), off, "failure l@x: a@y c@z full; "});
  expect_rows(cases);
}

TEST(NoticePlan, VerpNoticesComeInParts) {
  queue::Message list = message("l@x", std::vector<To>(120, To{"a@y", 0, kFailed}));
  list.envelope.verp = "+=";
  std::vector<size_t> counts;
  while (anything_to_settle(list, policy(), kNow)) {
    const NoticePlan plan = plan_notices(list, policy(), kNow);
    counts.push_back(plan.notices.size());
    settle(list, plan);
    ASSERT_LE(counts.size(), 3u);
  }
  EXPECT_EQ(counts, (std::vector<size_t>{50, 50, 20}));
}

TEST(NoticePlan, Successes) {
  const std::vector<To> both = {{"a@y", kNotifySuccess, kDone, SuccessReport::kDelivered},
                                {"b@y", 0, kDone},
                                {"c@y", kNotifySuccess, kDone, SuccessReport::kRelayed}};
  expect_rows({
      {"owed", message("s@x", both), policy(), "success s@x: a@y c@y headers; "},
      {"RET=FULL", message("s@x", both, DsnReturn::kFull), policy(), "success s@x: a@y c@y full; "},
      {"with a failure",
       message("s@x", {{"a@y", 0, kFailed}, {"b@y", 0, kDone, SuccessReport::kRelayed}}), policy(),
       "failure s@x: a@y full; success s@x: b@y headers; "},
      {"VERP does not split it", message("s@x", both), policy(kNoticeBounce),
       "success s@x: a@y c@y headers; "},
  });
}

TEST(NoticePlan, Delays) {
  NoticePolicy late = policy();
  late.delay_warning_time = 4h;
  NoticePolicy later = policy();
  later.delay_warning_time = 4h + 2s;
  NoticePolicy copied = late;
  copied.classes = kNoticeDelay;
  queue::Message told = message("s@x", {{"a@y"}});
  told.delay_notice_sent = true;
  std::vector<Case> cases;
  cases.push_back({"off", message("s@x", {{"a@y"}}), policy(), ""});
  cases.push_back({"in time", message("s@x", {{"a@y"}}), later, ""});
  cases.push_back({"late", message("s@x", {{"a@y"}, {"b@y", kNotifyDelay}}), late,
                   "delay s@x: a@y b@y headers; "});
  cases.push_back({"once", std::move(told), late, ""});
  cases.push_back(
      {"who wants it",
       message("s@x", {{"a@y", kNotifyFailure}, {"b@y", kNotifyNever}, {"c@y"}, {"d@y", 0, kDone}}),
       late, "delay s@x: c@y headers; "});
  cases.push_back({"nobody wants it", message("s@x", {{"a@y", kNotifyNever}}), copied, ""});
  cases.push_back(
      {"RET=FULL", message("s@x", {{"a@y"}}, DsnReturn::kFull), late, "delay s@x: a@y headers; "});
  cases.push_back({"copy", message("s@x", {{"a@y"}}), copied,
                   "delay s@x: a@y headers; delay copy d@p: a@y headers; "});
  cases.push_back({"null sender", message("", {{"a@y"}}), copied, ""});
  cases.push_back({"double bounce", message("double-bounce@mail.example", {{"a@y"}}), copied, ""});
  cases.push_back(
      {"all failed", message("s@x", {{"a@y", 0, kFailed}}), late, "failure s@x: a@y full; "});
  expect_rows(cases);
}

TEST(NoticePlan, DelayEdge) {
  NoticePolicy by = policy();
  by.delay_warning_time = 4h;
  queue::Message about = message("s@x", {{"a@y"}});
  EXPECT_FALSE(anything_to_settle(about, by, kNow - 2s));
  EXPECT_TRUE(anything_to_settle(about, by, kNow - 1s));
}

TEST(NoticePlan, SuccessReport) {
  struct Row {
    std::string_view sender;
    uint8_t notify;
    Handover handover;
    bool was_late;
    bool confirm;
    SuccessReport want;
  };
  constexpr auto kSuccess = kNotifySuccess;
  constexpr auto kNothing = SuccessReport::kNone;
  constexpr Row kRows[] = {
      {"s@x", 0, Handover::kRelayed, false, true, kNothing},
      {"s@x", kSuccess, Handover::kFinal, false, false, SuccessReport::kDelivered},
      {"s@x", kSuccess, Handover::kRelayed, false, false, SuccessReport::kRelayed},
      {"s@x", kSuccess, Handover::kPassedOn, false, false, kNothing},
      {"s@x", kSuccess | kNotifyNever, Handover::kFinal, false, false, kNothing},
      {"s@x", kNotifyFailure, Handover::kFinal, false, false, kNothing},
      {"", kSuccess, Handover::kFinal, false, false, kNothing},
      {"double-bounce@mail.example", kSuccess, Handover::kFinal, false, false, kNothing},
      {"s@x", 0, Handover::kRelayed, true, false, kNothing},
      {"s@x", 0, Handover::kRelayed, true, true, SuccessReport::kRelayed},
      {"s@x", 0, Handover::kFinal, true, true, SuccessReport::kDelivered},
      {"s@x", 0, Handover::kPassedOn, true, true, SuccessReport::kRelayed},
      {"s@x", kNotifyDelay, Handover::kRelayed, true, true, SuccessReport::kRelayed},
      {"s@x", kNotifyFailure, Handover::kRelayed, true, true, kNothing},
      {"s@x", kNotifyNever, Handover::kRelayed, true, true, kNothing},
  };
  for (const Row& row : kRows) {
    queue::Message about = message(row.sender, {{"a@y", row.notify}});
    about.delay_notice_sent = row.was_late;
    NoticePolicy by = policy();
    by.confirm_delay_cleared = row.confirm;
    const Outcome delivered{.disposition = Disposition::kDelivered, .handover = row.handover};
    EXPECT_EQ(success_report_due(about, about.envelope.recipients[0], delivered, by), row.want)
        << row.sender << int{row.notify} << row.was_late << row.confirm;
    const Outcome deferred{.handover = row.handover};
    EXPECT_EQ(success_report_due(about, about.envelope.recipients[0], deferred, by), kNothing);
  }
}

TEST(NoticePlan, Classes) {
  EXPECT_EQ(notice_class("bounce"), kNoticeBounce);
  EXPECT_EQ(notice_class("2bounce"), kNoticeSecondBounce);
  EXPECT_EQ(notice_class("Delay"), kNoticeDelay);
  EXPECT_EQ(notice_class("software"), kNoticeSoftware);
  EXPECT_EQ(notice_class("nothing"), 0);
}

}  // namespace
}  // namespace barid
