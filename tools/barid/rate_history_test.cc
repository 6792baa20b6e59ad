// Goal: an hour and a day of counters in bounded memory. Method: two days of samples.
#include "tools/barid/rate_history.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace barid::tools {
namespace {

using namespace std::chrono_literals;

size_t rows_of(const std::string& json) {
  return static_cast<size_t>(std::count(json.begin(), json.end(), '[')) - 1;
}

TEST(RateHistory, KeepsAnHourAndADay) {
  RateHistory history;
  EXPECT_EQ(history.json(0, 1h), "{\"object\":\"history\",\"interval\":10,\"data\":[]}\n");
  history.add({.at = 10, .accepted = 1, .delivered = 2, .deferred = 3, .bounced = 4});
  EXPECT_EQ(history.json(20, 1h),
            "{\"object\":\"history\",\"interval\":10,\"data\":[[10,1,2,3,4,null]]}\n");
  EXPECT_EQ(history.json(20, 24h),
            "{\"object\":\"history\",\"interval\":120,\"data\":[[10,1,2,3,4,null]]}\n");
  int64_t now = 10;
  for (int i = 0; i < 2 * 86400 / 10; ++i) {
    now += 10;
    history.add({.at = now, .queued = 7, .queued_known = true});
  }
  EXPECT_EQ(rows_of(history.json(now, 1h)), 361u);
  EXPECT_EQ(rows_of(history.json(now, 60s)), 7u);
  EXPECT_EQ(rows_of(history.json(now, 24h)), 721u);
  EXPECT_NE(history.json(now, 60s).find(",7]"), std::string::npos);
}

}  // namespace
}  // namespace barid::tools
