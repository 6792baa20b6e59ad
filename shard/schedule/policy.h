// What the operator set about scheduling: an immutable snapshot per shard.
// Layer: shard/schedule, pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace barid::schedule {

struct RetryPolicy {
  Duration minimal_backoff = std::chrono::seconds(300);
  Duration maximal_backoff = std::chrono::seconds(4000);
  /// retry_schedule: delays after the first, second, … failed attempt; the last repeats. Empty =
  /// Postfix's backoff, clamp(age, minimal, maximal).
  std::vector<Duration> retry_schedule;
  Duration queue_lifetime = std::chrono::days(5);  ///< maximal_queue_lifetime
  double jitter = 0;         ///< retry_jitter: up to this share later than that
  bool soft_bounce = false;  ///< a permanent failure is tried again until the lifetime is over
  Duration bounce_lifetime = std::chrono::days(5);  ///< bounce_queue_lifetime: null sender
};

struct QueueLimits {
  uint32_t active_messages_max = 20'000;           ///< of this shard
  uint32_t active_recipients_max = 20'000;         ///< of this shard; at least as many as messages
  uint64_t content_memory_bytes_max = 128u << 20;  ///< copies of contents kept for delivery
  uint64_t staged_bytes_max = 64u << 20;           ///< waiting for the commit thread
  uint64_t free_disk_bytes_min = 0;                ///< below it new mail gets 452
  std::string recipient_delimiter;                 ///< characters that begin an extension
};

/// When a message whose attempt failed is tried next: pure, so that it can be tested exhaustively.
/// `age` counts from the queue entry's creation; `attempts` is the number of failed attempts, at
/// least 1.
[[nodiscard]] Duration next_retry_delay(const RetryPolicy& policy, Duration age,
                                        uint32_t attempts) noexcept;

/// Whether a message of that age is returned instead of being tried again. A lifetime of 0 means a
/// single attempt.
[[nodiscard]] bool is_expired(const RetryPolicy& policy, bool null_sender, Duration age) noexcept;

/// Age at which is_expired() becomes true.
[[nodiscard]] Duration lifetime(const RetryPolicy& policy, bool null_sender) noexcept;

}  // namespace barid::schedule
