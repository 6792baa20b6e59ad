// The concurrency window of one site: Postfix's feedback, as a pure value. It starts small, grows
// with deliveries whose connection worked, shrinks with those whose connection failed, and closes
// when failures have been unanimous for a while (`failed_cohort_limit`).
// Source: Postfix's SCHEDULER_README, "concurrency scheduling"; docs/scheduling.md has the
// formulas. Layer: shard/schedule, pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/result.h"

namespace barid::schedule {

/// How much one event counts: x, x / window or x / sqrt(window), with 0 <= x <= 1.
struct Feedback {
  enum class Divisor : uint8_t { kNone, kConcurrency, kSqrtConcurrency };
  double numerator = 1;
  Divisor divisor = Divisor::kNone;

  [[nodiscard]] double of(uint32_t window) const noexcept;
};

/// "1", "1/3", "0.5 / concurrency", "1 / sqrt_concurrency". Errors: kMalformed (also above 1 or
/// below 0).
[[nodiscard]] Result<Feedback> parse_feedback(std::string_view text) noexcept;

struct WindowPolicy {
  uint32_t initial = 5;  ///< initial_destination_concurrency
  uint32_t limit = 20;   ///< *_destination_concurrency_limit; 0 = none
  Feedback positive;
  Feedback negative;
  double failed_cohort_limit = 1;  ///< 0 = never dead
};

class Window {
 public:
  Window() noexcept = default;  ///< closed: dead until restart()
  explicit Window(const WindowPolicy& policy) noexcept { restart(policy, 0); }

  /// 0 = dead.
  [[nodiscard]] uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool dead() const noexcept { return size_ == 0; }

  /// A delivery whose connection worked, whatever was answered to the mail. `busy`: connections in
  /// use now, this one included. Revives a dead window.
  void on_success(const WindowPolicy& policy, uint32_t busy) noexcept;
  /// A connection, greeting or handshake failed. True if the window is dead now and was not before.
  bool on_failure(const WindowPolicy& policy) noexcept;
  /// Slow start again, as after the dead time: with `busy` if connections are still in use.
  void restart(const WindowPolicy& policy, uint32_t busy) noexcept;
  /// The limits changed: a larger window shrinks to the new limit.
  void clamp_to(const WindowPolicy& policy) noexcept;

 private:
  uint32_t size_ = 0;
  double success_ = 0;
  double failure_ = 0;
  double failed_cohorts_ = 0;
};

}  // namespace barid::schedule
