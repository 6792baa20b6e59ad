// The seam between the queue manager, which knows when a message's round of attempts is over, and
// whoever composes what its sender and the postmaster are told (deliver).
// Source: RFC 3461 4.1, 5.2 (who is told what), RFC 3464 2.1.
// Layer:  shard/schedule.
#pragma once

#include <absl/functional/function_ref.h>

#include <string_view>
#include <vector>

#include "core/mem/content.h"
#include "core/obs/log_event.h"
#include "shard/queue/message.h"

namespace barid::schedule {

/// A notice ready to be queued.
struct Notice {
  NotificationKind kind = NotificationKind::kSenderNonDelivery;
  QueueId id;  ///< its own
  Envelope envelope;
  ContentRef content;
};

/// What a message owes at the end of a round, and what is settled once that is on disk.
struct DueNotices {
  std::vector<Notice> notices;
  /// Recipients whose failure or success is settled with these notices: told, or not to be told.
  std::vector<uint32_t> told;
  bool delay_told = false;  ///< it is late, and that is settled too
  bool discarded = false;   ///< a notice to the postmaster failed: nobody is told any more
};

class NoticeComposer {
 public:
  virtual ~NoticeComposer() = default;
  /// The success notice that `outcome`, a delivery, makes due for `recipient`. Cheap.
  [[nodiscard]] virtual queue::SuccessReport success_report(const queue::Message& message,
                                                            const Recipient& recipient,
                                                            const Outcome& outcome) const = 0;
  /// True if compose_due() has something to do: somebody to tell, or something to settle. Cheap.
  [[nodiscard]] virtual bool anything_due(const queue::Message& message, WallTime now) const = 0;
  /// True if a notice is among what is due, so that the content is needed. Cheap.
  [[nodiscard]] virtual bool needs_content(const queue::Message& message, WallTime now) const = 0;
  /// The notices that `message` owes now, a bounded number at a time: what is not among `told`
  /// stays due, and the caller asks again. `allocate_id` gives each notice its id.
  [[nodiscard]] virtual DueNotices compose_due(const queue::Message& message,
                                               const std::vector<std::string_view>& content,
                                               absl::FunctionRef<QueueId()> allocate_id,
                                               WallTime now) const = 0;
};

}  // namespace barid::schedule
