// What was accepted and became of it, over the last hour in steps of ten seconds and over the last
// day in steps of two minutes: counters as they stood, so that whoever reads it makes the rates.
// Layer: tools, pure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "core/base/time.h"

namespace barid::tools {

struct RateSample {
  int64_t at = 0;  ///< Unix seconds
  uint64_t accepted = 0, delivered = 0, deferred = 0, bounced = 0;
  uint64_t queued = 0;
  bool queued_known = false;
};

class RateHistory {
 public:
  static constexpr Duration kStep = std::chrono::seconds(10);
  static constexpr size_t kFineMax = 361;  ///< of one step: an hour
  static constexpr size_t kCoarseSteps = 12;
  static constexpr size_t kCoarseMax = 721;  ///< of kCoarseSteps: a day

  /// To be called every kStep.
  void add(const RateSample& sample);
  /// `{"object":"history","interval":10,"data":[[at,accepted,delivered,deferred,bounced,queued],…]}`
  /// of the last `span`, the oldest first; in coarse steps if that is longer than an hour.
  [[nodiscard]] std::string json(int64_t now, std::chrono::seconds span) const;

 private:
  std::deque<RateSample> fine_, coarse_;
  size_t since_coarse_ = kCoarseSteps - 1;  // the first sample is in both
};

}  // namespace barid::tools
