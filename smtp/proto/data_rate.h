// The time that content earns under a deadline for a whole request: the peer must keep up a rate.
// Source: Postfix's smtpd_min_data_rate, smtp_min_data_rate. Layer: smtp/proto, pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"

namespace barid::smtp {

/// What `bytes` of content earn at `rate` bytes a second, which is not 0. A year at most: no sum of
/// a few overflows.
[[nodiscard]] constexpr Duration earned_time(uint64_t bytes, uint32_t rate) noexcept {
  constexpr uint64_t kNanoseconds = 1'000'000'000;
  constexpr uint64_t kSecondsMax = uint64_t{365} * 24 * 3600;
  const uint64_t seconds = bytes / rate;
  if (seconds >= kSecondsMax) return std::chrono::seconds(kSecondsMax);
  return std::chrono::seconds(seconds) +
         std::chrono::nanoseconds(bytes % rate * kNanoseconds / rate);
}

/// By when a request must be complete that had to be by `end`, once `bytes` of its content moved:
/// later by what they earn, but never more than `timeout` from `now`.
[[nodiscard]] constexpr MonoTime extended_end(MonoTime end, MonoTime now, Duration timeout,
                                              uint64_t bytes, uint32_t rate) noexcept {
  return std::min(end + earned_time(bytes, rate), now + timeout);
}

}  // namespace barid::smtp
