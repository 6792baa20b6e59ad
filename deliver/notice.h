// Notices about mail: composes what tells a sender, or the postmaster, what became of a message.
// Source: RFC 3464 (delivery status), RFC 6522 (multipart/report), RFC 6533 (internationalised),
//         RFC 3834 5 (Auto-Submitted), RFC 2046 5.1 (multipart).
// Layer:  deliver, pure; allocates its result.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/mail/envelope.h"
#include "deliver/notice_template.h"

namespace barid {

enum class NoticeKind : uint8_t { kFailure, kDelay, kSuccess };
/// The postmaster's copies come without the text for senders.
enum class Audience : uint8_t { kSender, kPostmaster };
/// RFC 3464 2.3.3.
enum class NoticeAction : uint8_t { kFailed, kDelayed, kDelivered, kRelayed };
/// How much of the original comes back.
enum class ReturnedPart : uint8_t { kFull, kHeaders };

/// A recipient that the notice is about. Borrows.
struct NoticeRecipient {
  const Recipient* recipient = nullptr;
  NoticeAction action = NoticeAction::kFailed;
  DsnCode dsn;            ///< of the last attempt
  std::string_view text;  ///< as in the log's parentheses
  std::string_view remote_mta = {};
  std::string_view diagnostic = {};     ///< the remote reply; empty = decided here
  std::string_view expanded_from = {};  ///< address before aliasing, if it differs
};

/// Borrows everything for the call.
struct NoticeFacts {
  NoticeKind kind = NoticeKind::kFailure;
  Audience audience = Audience::kSender;
  std::string_view host_name;  ///< myhostname: the reporting MTA
  std::string_view origin;     ///< myorigin: completes addresses without a domain
  std::string_view mail_name;
  QueueId queue_id;   ///< of the message that the notice is about
  QueueId notice_id;  ///< under which the notice will be queued
  WallTime arrival_time;
  WallTime now;
  WallTime retry_until{};               ///< kDelay: when it will be given up
  const Envelope* envelope = nullptr;   ///< of the original; its recipients are not looked at
  std::string_view notice_sender = {};  ///< envelope sender of the notice; empty = null sender
  std::string_view notice_recipient;    ///< never empty
  std::span<const NoticeRecipient> recipients;  ///< never empty
  ReturnedPart returned = ReturnedPart::kFull;
  uint64_t bounce_size_limit = 50'000;  ///< larger originals come back as headers only
  bool threaded = false;                ///< enable_threaded_bounces
  const NoticeTemplate* words = nullptr;
};

struct ComposedNotice {
  Envelope envelope;
  std::string content;  ///< complete message with CRLF line ends
};

/// Composes the notice. `original` is the message's content in pieces. Cost: linear in the notice's
/// size.
[[nodiscard]] ComposedNotice compose_notice(const NoticeFacts& facts,
                                            std::span<const std::string_view> original);

}  // namespace barid
