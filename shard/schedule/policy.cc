#include "shard/schedule/policy.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid::schedule {

Duration next_retry_delay(const RetryPolicy& policy, Duration age, uint32_t attempts) noexcept {
  BARID_ASSERT(attempts >= 1);
  if (!policy.retry_schedule.empty()) {
    const size_t index = std::min<size_t>(attempts, policy.retry_schedule.size()) - 1;
    return policy.retry_schedule[index];
  }
  const Duration maximal = std::max(policy.minimal_backoff, policy.maximal_backoff);
  return std::clamp(age, policy.minimal_backoff, maximal);
}

bool is_expired(const RetryPolicy& policy, bool null_sender, Duration age) noexcept {
  const Duration lifetime =
      null_sender ? std::min(policy.bounce_lifetime, policy.queue_lifetime) : policy.queue_lifetime;
  return age >= lifetime;
}

}  // namespace barid::schedule
