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

Duration lifetime(const RetryPolicy& policy, bool null_sender) noexcept {
  return null_sender ? std::min(policy.bounce_lifetime, policy.queue_lifetime)
                     : policy.queue_lifetime;
}

bool is_expired(const RetryPolicy& policy, bool null_sender, Duration age) noexcept {
  return age >= lifetime(policy, null_sender);
}

}  // namespace barid::schedule
