// The clock seam: read once per reactor turn, then now() is a load (docs/style.md S1, S2).
// Layer: shard/runtime.
#pragma once

#include "core/base/time.h"

namespace barid::rt {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonoTime mono() noexcept = 0;
  [[nodiscard]] virtual WallTime wall() noexcept = 0;
};

/// The system's clocks.
class SystemClock final : public Clock {
 public:
  MonoTime mono() noexcept override { return std::chrono::steady_clock::now(); }
  WallTime wall() noexcept override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

}  // namespace barid::rt
