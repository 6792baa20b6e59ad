// Goal: percentiles within 0.8 % of the exact rank statistic, bounds exact.
// Method: bucket arithmetic at every edge, then known and random data against a sorted copy.
#include "bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/rng.h"

namespace barid::bench {
namespace {

TEST(Histogram, BucketsAreContiguousAndOrdered) {
  for (uint32_t i = 0; i + 1 < Histogram::kBucketCount; ++i) {
    const uint64_t last = Histogram::bucket_value_max(i);
    ASSERT_EQ(Histogram::bucket_index(last), i);
    ASSERT_EQ(Histogram::bucket_index(last + 1), i + 1);
  }
}

TEST(Histogram, EmptyHasZeros) {
  const Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentile(50), 0u);
  EXPECT_EQ(h.min(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0.0);
}

TEST(Histogram, SmallValuesAreExact) {
  struct Row {
    double percent;
    uint64_t value;
  };
  Histogram h;
  for (uint64_t v = 1; v <= 100; ++v) h.record(v);
  for (const Row& row : {Row{0, 1}, Row{1, 1}, Row{50, 50}, Row{90, 90}, Row{99, 99},
                         Row{99.9, 100}, Row{100, 100}, Row{150, 100}, Row{-5, 1}}) {
    SCOPED_TRACE(row.percent);
    EXPECT_EQ(h.percentile(row.percent), row.value);
  }
  EXPECT_EQ(h.min(), 1u);
  EXPECT_EQ(h.mean(), 50.5);
}

TEST(Histogram, RandomDataWithinOnePercent) {
  Rng rng(7);
  std::vector<uint64_t> exact;
  Histogram low, high;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t value = rng.next() >> (24 + rng.below(36));
    exact.push_back(value);
    (i % 2 == 0 ? low : high).record(value);
  }
  low.merge(high);
  std::sort(exact.begin(), exact.end());
  EXPECT_EQ(low.max(), exact.back());
  EXPECT_EQ(low.min(), exact.front());
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9}) {
    SCOPED_TRACE(percent);
    const auto rank = static_cast<size_t>(std::ceil(percent * 200.0));
    const auto want = static_cast<double>(exact[rank - 1]);
    const auto got = static_cast<double>(low.percentile(percent));
    EXPECT_GE(got, want);
    EXPECT_LE(got, want * 1.008 + 1);
  }
}

TEST(Histogram, ValuesAboveTheRangeKeepTheExactMaximum) {
  Histogram h;
  h.record(Histogram::kValueMax + 12345);
  EXPECT_EQ(h.max(), Histogram::kValueMax + 12345);
  EXPECT_EQ(h.percentile(99), Histogram::kValueMax + 12345);
  h.reset();
  EXPECT_EQ(h.count(), 0u);
}

}  // namespace
}  // namespace barid::bench
