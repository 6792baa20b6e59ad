// Virtual time: moves only when the world moves it. The wall clock has an offset of its own, so
// that a test can make it jump. Layer: shard/sim.
#pragma once

#include <algorithm>

#include "shard/runtime/clock.h"

namespace barid::sim {

class SimClock final : public rt::Clock {
 public:
  MonoTime mono() noexcept override { return now_; }
  WallTime wall() noexcept override {
    return wall_base_ + std::chrono::floor<std::chrono::microseconds>(now_ - kStart);
  }

  /// Never goes back.
  void advance_to(MonoTime time) noexcept { now_ = std::max(now_, time); }
  void advance(Duration by) noexcept { now_ += by; }
  /// An administrator or NTP sets the wall clock; monotonic time goes on.
  void jump_wall(Duration by) noexcept {
    wall_base_ += std::chrono::floor<std::chrono::microseconds>(by);
  }

 private:
  static constexpr MonoTime kStart{std::chrono::hours(1)};
  MonoTime now_ = kStart;
  WallTime wall_base_ = wall_from_micros(1'700'000'000'000'000);  // 2023-11-14, as good as any day
};

}  // namespace barid::sim
