// The two clocks, as types that do not mix. Values come from a reactor's Clock, once per turn; only
// the runtime and the composition root read the system clock.
// Layer: core/base, pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace barid {

using Duration = std::chrono::nanoseconds;

/// Monotonic time, for deadlines and delays. Its epoch is arbitrary.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// Wall-clock time since the Unix epoch, for records, headers and schedules.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

[[nodiscard]] inline int64_t unix_seconds(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}
[[nodiscard]] inline int64_t unix_micros(WallTime time) noexcept {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline WallTime wall_from_micros(int64_t micros) noexcept {
  return WallTime(std::chrono::microseconds(micros));
}

}  // namespace barid
