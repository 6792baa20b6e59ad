// Goal: every message is numbered once, due when intended, and retried as often as allowed.
#include "bench/work_supply.h"

#include <gtest/gtest.h>

namespace barid::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const MonoTime kStart = MonoTime{} + seconds(1000);

TEST(WorkSupply, ClosedLoopCountsToTheEnd) {
  WorkSupply supply({.message_count = 3}, kStart);
  for (uint64_t n = 0; n < 3; ++n) {
    ASSERT_FALSE(supply.exhausted(kStart));
    const auto work = supply.take(kStart + milliseconds(n));
    ASSERT_TRUE(work.has_value());
    EXPECT_EQ(work->sequence, n);
    EXPECT_EQ(work->start, kStart + milliseconds(n));
  }
  EXPECT_FALSE(supply.take(kStart).has_value());
  EXPECT_TRUE(supply.exhausted(kStart));
  EXPECT_EQ(supply.taken_count(), 3u);
}

TEST(WorkSupply, DurationEndsNewWork) {
  WorkSupply supply({.duration = seconds(2)}, kStart);
  EXPECT_TRUE(supply.take(kStart + milliseconds(1999)).has_value());
  EXPECT_FALSE(supply.take(kStart + seconds(2)).has_value());
  EXPECT_TRUE(supply.exhausted(kStart + seconds(2)));
}

TEST(WorkSupply, OpenLoopKeepsIntendedTimes) {
  WorkSupply supply({.message_count = 100, .rate = 10}, kStart);
  EXPECT_EQ(supply.take(kStart)->start, kStart);
  EXPECT_FALSE(supply.take(kStart + milliseconds(99)).has_value());
  EXPECT_EQ(*supply.next_due(kStart), kStart + milliseconds(100));
  // Late by a second: the start stays the intended one, so the delay shows in the latency.
  EXPECT_EQ(supply.take(kStart + milliseconds(1100))->start, kStart + milliseconds(100));
  EXPECT_EQ(supply.take(kStart + milliseconds(1100))->start, kStart + milliseconds(200));
}

TEST(WorkSupply, WaitIsZeroOnceTheTimeHasCome) {
  WorkSupply supply({.message_count = 2, .rate = 10}, kStart);
  EXPECT_TRUE(supply.take(kStart).has_value());
  EXPECT_EQ(supply.wait(kStart + milliseconds(40)), milliseconds(60));
  EXPECT_EQ(supply.wait(kStart + milliseconds(100)), Duration::zero());
  EXPECT_EQ(supply.wait(kStart + milliseconds(101)), Duration::zero());
  EXPECT_TRUE(supply.take(kStart + milliseconds(101)).has_value());
  EXPECT_FALSE(supply.wait(kStart + milliseconds(102)).has_value());
}

TEST(WorkSupply, OpenLoopEndsWithItsDuration) {
  WorkSupply supply({.duration = milliseconds(150), .rate = 10}, kStart);
  EXPECT_TRUE(supply.take(kStart).has_value());
  EXPECT_TRUE(supply.take(kStart + milliseconds(100)).has_value());
  EXPECT_TRUE(supply.exhausted(kStart + milliseconds(101))) << "the next would be due at 200 ms";
}

TEST(WorkSupply, RetriesAreDelayedAndBounded) {
  WorkSupply supply({.message_count = 1, .retries_max = 2, .retry_delay = seconds(1)}, kStart);
  auto work = supply.take(kStart);
  for (uint32_t attempt = 1; attempt <= 2; ++attempt) {
    const MonoTime failed = kStart + seconds(10 * attempt);
    ASSERT_TRUE(supply.retry(*work, failed));
    EXPECT_FALSE(supply.exhausted(failed));
    EXPECT_FALSE(supply.take(failed + milliseconds(999)).has_value());
    work = supply.take(failed + seconds(1));
    ASSERT_TRUE(work.has_value());
    EXPECT_EQ(work->attempts, attempt);
    EXPECT_EQ(work->start, kStart) << "latency counts from the first start";
  }
  EXPECT_FALSE(supply.retry(*work, kStart + seconds(60)));
}

TEST(WorkSupply, GivenBackWorkCostsNoAttempt) {
  WorkSupply supply({.message_count = 1}, kStart);
  const auto work = supply.take(kStart);
  supply.give_back(*work);
  const auto again = supply.take(kStart);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->sequence, work->sequence);
  EXPECT_EQ(again->attempts, 0u);
}

TEST(WorkSupply, StopDropsEverything) {
  WorkSupply supply({.message_count = 10, .retries_max = 1}, kStart);
  const auto work = supply.take(kStart);
  ASSERT_TRUE(supply.retry(*work, kStart));
  supply.stop();
  EXPECT_TRUE(supply.exhausted(kStart + seconds(5)));
  EXPECT_FALSE(supply.retry(*work, kStart));
}

}  // namespace
}  // namespace barid::bench
