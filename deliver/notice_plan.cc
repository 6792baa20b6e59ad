#include "deliver/notice_plan.h"

#include "core/mail/verp.h"
#include "core/text/ascii.h"

namespace barid {
namespace {

using queue::Message;
using queue::RecipientState;
using queue::RecipientStatus;
using queue::SuccessReport;

/// RFC 3461 4.1: not given means failure and delay; NEVER excludes all.
bool wants(const Recipient& recipient, Notify what) noexcept {
  if ((recipient.notify & kNotifyNever) != 0) return false;
  if (recipient.notify == 0) return what != kNotifySuccess;
  return (recipient.notify & what) != 0;
}

bool is_postmaster_notice(const Message& message, const NoticePolicy& policy) noexcept {
  return !policy.double_bounce_address.empty() &&
         text::equals_ignore_case(message.envelope.sender, policy.double_bounce_address);
}

bool is_late(const Message& message, const NoticePolicy& policy, WallTime now) noexcept {
  if (policy.delay_warning_time <= Duration::zero() || message.delay_notice_sent) return false;
  if (message.pending_count() == 0) return false;
  return now + std::chrono::seconds(1) >= message.arrival + policy.delay_warning_time;
}

ReturnedPart as_asked(DsnReturn asked, ReturnedPart otherwise) noexcept {
  if (asked == DsnReturn::kNotGiven) return otherwise;
  return asked == DsnReturn::kFull ? ReturnedPart::kFull : ReturnedPart::kHeaders;
}

class Planner {
 public:
  Planner(const Message& message, const NoticePolicy& policy, WallTime now)
      : message_(message), policy_(policy), now_(now) {}

  NoticePlan plan() {
    if (is_postmaster_notice(message_, policy_)) {
      settle_silently();
    } else if (message_.envelope.sender.empty()) {
      plan_second_bounce();
    } else {
      plan_failures();
      plan_successes();
      plan_delay();
    }
    return std::move(plan_);
  }

 private:
  void settle_silently();
  void plan_second_bounce();
  void plan_failures();
  void plan_failure(std::string to, std::vector<uint32_t> about);
  void plan_successes();
  void plan_delay();
  [[nodiscard]] std::vector<uint32_t> failed() const;
  [[nodiscard]] bool splits_by_verp() const noexcept {
    return policy_.verp_bounces && uses_verp(message_.envelope);
  }
  [[nodiscard]] const Recipient& recipient(uint32_t index) const {
    return message_.envelope.recipients[index];
  }

  const Message& message_;
  const NoticePolicy& policy_;
  const WallTime now_;
  NoticePlan plan_;
};

std::vector<uint32_t> Planner::failed() const {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < message_.status.size(); ++i) {
    if (message_.status[i].state == RecipientState::kFailed) out.push_back(i);
  }
  return out;
}

/// The end of the line: what tells the postmaster is not answered, or mail would go in circles.
void Planner::settle_silently() {
  for (uint32_t i = 0; i < message_.status.size(); ++i) {
    const RecipientStatus& status = message_.status[i];
    plan_.discarded |= status.state == RecipientState::kFailed;
    if (status.state == RecipientState::kFailed || status.success != SuccessReport::kNone) {
      plan_.told.push_back(i);
    }
  }
  plan_.delay_told = is_late(message_, policy_, now_);
}

/// A bounce failed: never answered by another one, but the postmaster may want to know.
void Planner::plan_second_bounce() {
  plan_.told = failed();
  plan_.delay_told = is_late(message_, policy_, now_);
  for (uint32_t i = 0; i < message_.status.size(); ++i) {
    if (message_.status[i].success != SuccessReport::kNone) plan_.told.push_back(i);
  }
  const std::vector<uint32_t> about = failed();
  const bool wanted = (policy_.classes & (kNoticeBounce | kNoticeSecondBounce)) != 0;
  if (about.empty() || !wanted) return;
  plan_.notices.push_back({.kind = NoticeKind::kFailure,
                           .audience = Audience::kPostmaster,
                           .to = policy_.second_bounce_postmaster,
                           .recipients = about,
                           .returned = ReturnedPart::kFull});
}

void Planner::plan_failures() {
  const std::vector<uint32_t> all = failed();
  std::vector<uint32_t> told;
  size_t verp_notices = 0;
  for (const uint32_t index : all) {
    if (!wants(recipient(index), kNotifyFailure)) {
      plan_.told.push_back(index);
    } else if (!splits_by_verp()) {
      told.push_back(index);
    } else if (verp_notices < kVerpNoticesMax) {
      ++verp_notices;
      plan_failure(
          verp_sender(message_.envelope.sender, recipient(index).address, message_.envelope.verp),
          {index});
    }
  }
  if (!told.empty()) plan_failure(message_.envelope.sender, std::move(told));
}

void Planner::plan_failure(std::string to, std::vector<uint32_t> about) {
  plan_.told.insert(plan_.told.end(), about.begin(), about.end());
  const bool copy = (policy_.classes & kNoticeBounce) != 0;
  plan_.notices.push_back(
      {.kind = NoticeKind::kFailure,
       .to = std::move(to),
       .recipients = about,
       .returned = as_asked(message_.envelope.dsn_return, ReturnedPart::kFull)});
  if (!copy) return;
  plan_.notices.push_back({.kind = NoticeKind::kFailure,
                           .audience = Audience::kPostmaster,
                           .to = policy_.bounce_postmaster,
                           .recipients = std::move(about),
                           .returned = ReturnedPart::kHeaders});
}

void Planner::plan_successes() {
  std::vector<uint32_t> about;
  for (uint32_t i = 0; i < message_.status.size(); ++i) {
    if (message_.status[i].success != SuccessReport::kNone) about.push_back(i);
  }
  if (about.empty()) return;
  plan_.told.insert(plan_.told.end(), about.begin(), about.end());
  plan_.notices.push_back(
      {.kind = NoticeKind::kSuccess,
       .to = message_.envelope.sender,
       .recipients = std::move(about),
       .returned = as_asked(message_.envelope.dsn_return, ReturnedPart::kHeaders)});
}

void Planner::plan_delay() {
  plan_.delay_told = is_late(message_, policy_, now_);
  if (!plan_.delay_told) return;
  std::vector<uint32_t> about;
  for (uint32_t i = 0; i < message_.status.size(); ++i) {
    if (message_.status[i].state != RecipientState::kPending) continue;
    if (wants(recipient(i), kNotifyDelay)) about.push_back(i);
  }
  if (about.empty()) return;
  plan_.notices.push_back({.kind = NoticeKind::kDelay,
                           .to = message_.envelope.sender,
                           .recipients = about,
                           .returned = ReturnedPart::kHeaders});
  if ((policy_.classes & kNoticeDelay) == 0) return;
  plan_.notices.push_back({.kind = NoticeKind::kDelay,
                           .audience = Audience::kPostmaster,
                           .to = policy_.delay_postmaster,
                           .recipients = std::move(about),
                           .returned = ReturnedPart::kHeaders});
}

}  // namespace

uint8_t notice_class(std::string_view name) noexcept {
  struct Row {
    std::string_view name;
    NoticeClass bit;
  };
  static constexpr Row kRows[] = {{"bounce", kNoticeBounce},     {"2bounce", kNoticeSecondBounce},
                                  {"delay", kNoticeDelay},       {"policy", kNoticePolicy},
                                  {"protocol", kNoticeProtocol}, {"resource", kNoticeResource},
                                  {"software", kNoticeSoftware}, {"data", kNoticeData}};
  for (const Row& row : kRows) {
    if (text::equals_ignore_case(row.name, name)) return row.bit;
  }
  return 0;
}

bool anything_to_settle(const Message& message, const NoticePolicy& policy, WallTime now) noexcept {
  for (const RecipientStatus& status : message.status) {
    if (status.state == RecipientState::kFailed) return true;
    if (status.success != SuccessReport::kNone) return true;
  }
  return is_late(message, policy, now);
}

NoticePlan plan_notices(const Message& message, const NoticePolicy& policy, WallTime now) {
  return Planner(message, policy, now).plan();
}

SuccessReport success_report_due(const Message& message, const Recipient& recipient,
                                 const Outcome& outcome, const NoticePolicy& policy) noexcept {
  if (outcome.disposition != Disposition::kDelivered || message.envelope.sender.empty() ||
      is_postmaster_notice(message, policy)) {
    return SuccessReport::kNone;
  }
  const bool asked = wants(recipient, kNotifySuccess) && outcome.handover != Handover::kPassedOn;
  const bool cleared =
      policy.confirm_delay_cleared && message.delay_notice_sent && wants(recipient, kNotifyDelay);
  if (!asked && !cleared) return SuccessReport::kNone;
  return outcome.handover == Handover::kFinal ? SuccessReport::kDelivered : SuccessReport::kRelayed;
}

}  // namespace barid
