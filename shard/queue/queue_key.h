// Names of the queues on disk: all waiting mail of one destination that takes one lane for one
// tenant, new mail apart from what was deferred. The schedule family is ordered by them, then by
// due time, so that the schedule can take from each in turn whatever the others hold.
//
//   kind    'n' never tried: it came while memory was full;  'd' deferred
//   lane    '0' transactional, '1' bulk
//   tenant  as submitted, without control characters
//   0x1f
//   destination   "transport:nexthop" (schedule::Route::key())
// Layer: shard/queue, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/mail/envelope.h"

namespace barid::queue {

struct QueueKey {
  bool is_new = false;
  Stream lane = Stream::kTransactional;
  std::string_view tenant;
  std::string_view destination;  ///< no NUL

  bool operator==(const QueueKey&) const = default;
};

[[nodiscard]] std::string queue_key(const QueueKey& key);
/// Views into `text`; nullopt if it is no such name.
[[nodiscard]] std::optional<QueueKey> parse_queue_key(std::string_view text) noexcept;

}  // namespace barid::queue
