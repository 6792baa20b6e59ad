// Which notices a stored message owes at the end of a round of attempts, and to whom: a decision
// without composing anything.
// Source: RFC 3461 4.1 (NOTIFY), 6.2; RFC 5321 6.1 (never answer a null sender); Postfix's
//         notify_classes, delay_warning_time, VERP.
// Layer:  deliver, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/notice.h"
#include "shard/queue/message.h"

namespace barid {

/// What the postmaster wants to hear of: notify_classes, as bits.
enum NoticeClass : uint8_t {
  kNoticeBounce = 1,        ///< a copy of each bounce
  kNoticeSecondBounce = 2,  ///< "2bounce": bounces that cannot be delivered
  kNoticeDelay = 4,
  kNoticePolicy = 8,
  kNoticeProtocol = 16,
  kNoticeResource = 32,
  kNoticeSoftware = 64,
  kNoticeData = 128,
};
/// 0 for a name that is none.
[[nodiscard]] uint8_t notice_class(std::string_view name) noexcept;

struct NoticePolicy {
  uint8_t classes = kNoticeResource | kNoticeSoftware;
  std::string double_bounce_address;  ///< sender of what goes to the postmaster
  std::string bounce_postmaster;      ///< with domain, as the next ones
  std::string second_bounce_postmaster;
  std::string delay_postmaster;
  Duration delay_warning_time{};  ///< 0 = senders are not warned
  bool confirm_delay_cleared = false;
  bool verp_bounces = true;  ///< one notice a recipient to the VERP address
};

struct PlannedNotice {
  NoticeKind kind = NoticeKind::kFailure;
  Audience audience = Audience::kSender;
  std::string to;
  std::vector<uint32_t> recipients;  ///< indices of those that it is about
  ReturnedPart returned = ReturnedPart::kFull;
};

struct NoticePlan {
  std::vector<PlannedNotice> notices;
  std::vector<uint32_t> told;  ///< settled by these notices, or without one
  bool delay_told = false;
  bool discarded = false;  ///< what failed was itself a notice to the postmaster
};

/// Recipients whose VERP notices are planned at once: each may carry the whole original.
inline constexpr size_t kVerpNoticesMax = 50;

/// True if plan_notices() would have something in it. Allocates nothing.
[[nodiscard]] bool anything_to_settle(const queue::Message& message, const NoticePolicy& policy,
                                      WallTime now) noexcept;

/// The decision. What is not in `told` is left for the next call.
[[nodiscard]] NoticePlan plan_notices(const queue::Message& message, const NoticePolicy& policy,
                                      WallTime now);

/// What a delivery makes due for a recipient that asked for success notices, or whose delay was
/// reported and is to be cleared.
[[nodiscard]] queue::SuccessReport success_report_due(const queue::Message& message,
                                                      const Recipient& recipient,
                                                      const Outcome& outcome,
                                                      const NoticePolicy& policy) noexcept;

}  // namespace barid
