// Messages a second of one site: the generic cell rate algorithm, in the form of a virtual
// schedule. Source: ITU-T I.371 A.2; the limit is exact over any stretch of time, up to the burst.
// Layer: shard/schedule, pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"

namespace barid::schedule {

class Pacer {
 public:
  /// How many of `wanted` may go at `now`; they are counted as gone.
  uint32_t take(MonoTime now, double per_second, uint32_t burst, uint32_t wanted) noexcept {
    const Duration step = interval(per_second);
    const Duration tolerance = step * (std::max(burst, 1u) - 1);
    next_ = std::max(next_, now - tolerance);
    uint32_t taken = 0;
    while (taken < wanted && next_ <= now) {
      next_ += step;
      ++taken;
    }
    return taken;
  }
  /// When take() gives something again. Only after it gave less than was wanted.
  [[nodiscard]] MonoTime next() const noexcept { return next_; }
  /// The rate has changed: what is waited for comes no later than one step of the new one.
  void hurry(MonoTime now, double per_second) noexcept {
    next_ = std::min(next_, now + interval(per_second));
  }
  /// These were not used after all.
  void give_back(double per_second, uint32_t count) noexcept {
    next_ -= interval(per_second) * count;
  }

 private:
  static Duration interval(double per_second) noexcept {
    return std::chrono::ceil<Duration>(std::chrono::duration<double>(1 / per_second));
  }
  MonoTime next_{};
};

}  // namespace barid::schedule
