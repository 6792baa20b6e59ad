#include "bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace barid::bench {

static_assert(Histogram::bucket_index(Histogram::kValueMax) == Histogram::kBucketCount - 1);
static_assert(Histogram::bucket_value_max(Histogram::kBucketCount - 1) == Histogram::kValueMax);

void Histogram::merge(const Histogram& other) noexcept {
  for (uint32_t i = 0; i < kBucketCount; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

uint64_t Histogram::percentile(double percent) const noexcept {
  if (count_ == 0) return 0;
  const double wanted =
      std::ceil(std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_) - 1e-9);
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  uint64_t seen = 0;
  for (uint32_t i = 0; i < kBucketCount; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return i == kBucketCount - 1 ? max_ : std::min(bucket_value_max(i), max_);
  }
  return max_;
}

}  // namespace barid::bench
