// Notices about mail: composes the non-delivery notice that tells a sender what failed and why.
// Source: RFC 3464 (delivery status), RFC 6522 (multipart/report), RFC 3461 6 (who gets one),
//         RFC 6533 (internationalised), RFC 3834 5 (Auto-Submitted), RFC 2046 5.1 (multipart).
// Layer:  deliver, pure; allocates its result.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/mail/envelope.h"

namespace barid {

/// What a notice says about its recipients. compose_failure_notice() makes kFailure.
enum class NoticeKind : uint8_t { kFailure, kDelay, kSuccess };

/// A recipient that the message will never reach. Borrows.
struct FailedRecipient {
  const Recipient* recipient = nullptr;
  const Outcome* outcome = nullptr;     ///< of the last attempt; also a deferral whose time is over
  std::string_view expanded_from = {};  ///< address before aliasing, if it differs
};

/// Borrows everything for the call.
struct NoticeFacts {
  std::string_view host_name;  ///< myhostname: the reporting MTA
  std::string_view origin;     ///< myorigin: domain of MAILER-DAEMON and postmaster
  std::string_view mail_name;
  QueueId queue_id;   ///< of the failed message
  QueueId notice_id;  ///< under which the notice will be queued
  WallTime arrival_time;
  WallTime now;
  const Envelope* envelope = nullptr;  ///< of the failed message; its recipients are not looked at
  std::span<const FailedRecipient> recipients;
  uint64_t bounce_size_limit = 50'000;  ///< larger originals come back as headers only
  bool threaded = false;                ///< enable_threaded_bounces
};

struct Notice {
  NoticeKind kind = NoticeKind::kFailure;
  Envelope envelope;    ///< null sender, the original sender as recipient
  std::string content;  ///< complete message with CRLF line ends
};

/// True if a failure of this recipient is to be reported (RFC 3461 4.1).
[[nodiscard]] bool wants_failure_notice(const Recipient& recipient) noexcept;

/// Composes the notice about those of `facts.recipients` that want one. `original` is the failed
/// message's content in pieces. nullopt if nobody is to be told: the sender is null, or no
/// recipient wants a report. Cost: linear in the notice's size.
[[nodiscard]] std::optional<Notice> compose_failure_notice(
    const NoticeFacts& facts, std::span<const std::string_view> original);

}  // namespace barid
