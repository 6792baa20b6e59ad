// Goal: content earns the time that the rate says, and a peer that was fast cannot save it up.
// Method: rows of bytes and rates; a transfer step by step.
#include "smtp/proto/data_rate.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

using namespace std::chrono_literals;

TEST(DataRate, EarnedTime) {
  struct Row {
    uint64_t bytes;
    uint32_t rate;
    Duration earned;
  };
  const Row rows[] = {
      {0, 500, 0s},
      {1, 500, 2ms},
      {500, 500, 1s},
      {750, 500, 1500ms},
      {65'536, 500, 131'072ms},
      {1, 1, 1s},
      {1, 1'000'000'000, 1ns},
      {1, 4'000'000'000, 0ns},
      {10'240'000, 500, 20'480s},
      {UINT64_MAX, 1, 31'536'000s},
      {UINT64_MAX, UINT32_MAX, 31'536'000s},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(earned_time(row.bytes, row.rate), row.earned) << row.bytes << " at " << row.rate;
  }
}

TEST(DataRate, ExtendedEnd) {
  const MonoTime start{1000s};
  struct Row {
    Duration end, now;  ///< after `start`
    uint64_t bytes;
    Duration expected;
  };
  const Row rows[] = {
      // timeout 300 s, 500 bytes a second
      {300s, 10s, 0, 300s},            // nothing came: no time earned
      {300s, 10s, 500, 301s},          // one second's worth
      {300s, 1s, 500, 301s},           // exactly as far as the timeout reaches
      {300s, 10s, 1'000'000, 310s},    // much at once: the timeout from now, not more
      {300s, 299s, 500, 301s},         // at the last moment
      {300s, 299s, 50, 300s + 100ms},  // slower than the rate: the end comes nearer
  };
  for (const Row& row : rows) {
    EXPECT_EQ(extended_end(start + row.end, start + row.now, 300s, row.bytes, 500) - start,
              row.expected);
  }
}

TEST(DataRate, WhoKeepsTheRateIsNeverLateAndWhoDoesNotIs) {
  const auto seconds_lived = [](uint64_t bytes_each_second) {
    MonoTime now{1000s};
    MonoTime end = now + 300s;
    for (int second = 0; second < 100'000; ++second) {
      now += 1s;
      if (now > end) return second;
      end = extended_end(end, now, 300s, bytes_each_second, 500);
    }
    return 100'000;
  };
  EXPECT_EQ(seconds_lived(500), 100'000);
  EXPECT_EQ(seconds_lived(5000), 100'000);
  EXPECT_NEAR(seconds_lived(250), 600, 2);  // half the rate: half of each second is missing
  EXPECT_EQ(seconds_lived(0), 300);
}

}  // namespace
}  // namespace barid::smtp
