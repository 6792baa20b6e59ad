// How long things took: histograms with fixed bounds, one owner each, summed when somebody asks.
// Source: Prometheus "Histograms and summaries" (buckets are cumulative when they are shown).
// Layer:  core/obs, pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/base/time.h"

namespace barid {

/// What is timed. A series is a name and its labels.
enum class Timing : uint8_t {
  kHttpAccept,             ///< a submission over HTTP: request complete to answer
  kSmtpAccept,             ///< a message over SMTP: content complete to reply
  kCommit,                 ///< a group of changes: its first one to its sync
  kQueueAgeTransactional,  ///< arrival to the attempt that delivered
  kQueueAgeBulk,
  kDeferredAgeTransactional,  ///< arrival to an attempt that was deferred
  kDeferredAgeBulk,
  kDeliverySmtpTransactional,  ///< connection and transmission of a delivery
  kDeliverySmtpBulk,
  kDeliveryLmtpTransactional,
  kDeliveryLmtpBulk,
  kDeliveryOtherTransactional,
  kDeliveryOtherBulk,
};
inline constexpr size_t kTimingCount = static_cast<size_t>(Timing::kDeliveryOtherBulk) + 1;

struct TimingInfo {
  std::string_view name;    ///< without prefix
  std::string_view labels;  ///< as they are shown: a="x",b="y"; empty = none
  std::string_view help;
};
[[nodiscard]] const TimingInfo& timing_info(Timing timing) noexcept;

class Histogram {
 public:
  /// Upper bounds, in microseconds, from the sync of a fast disk to the life of a message; one more
  /// bucket holds the rest.
  static constexpr std::array<uint64_t, 23> kBounds = {50,
                                                       100,
                                                       200,
                                                       500,
                                                       1'000,
                                                       2'000,
                                                       5'000,
                                                       10'000,
                                                       20'000,
                                                       50'000,
                                                       100'000,
                                                       200'000,
                                                       500'000,
                                                       1'000'000,
                                                       2'000'000,
                                                       5'000'000,
                                                       10'000'000,
                                                       30'000'000,
                                                       60'000'000,
                                                       300'000'000,
                                                       3'600'000'000,
                                                       21'600'000'000,
                                                       86'400'000'000};

  void observe(Duration duration) noexcept;
  /// Of one bucket alone; index kBounds.size() is the rest.
  [[nodiscard]] uint64_t bucket(size_t index) const noexcept { return buckets_[index]; }
  [[nodiscard]] uint64_t sum_micros() const noexcept { return sum_micros_; }

 private:
  std::array<uint64_t, kBounds.size() + 1> buckets_{};
  uint64_t sum_micros_ = 0;
};

using Timings = std::array<Histogram, kTimingCount>;
inline void observe(Timings& timings, Timing timing, Duration duration) noexcept {
  timings[static_cast<size_t>(timing)].observe(duration);
}

}  // namespace barid
