// Goal: mail of a promise that was broken waits for as long as it should, and no longer.
// Method: rows of failures, successes and times.
#include "smtp/client/broken_promises.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart = MonoTime{} + 1h;

void fail(BrokenPromises& promises, const std::string& key, MonoTime now, uint64_t revival = 0) {
  promises.note_failure(
      key, {.until = now + 5min, .revival = revival, .dsn = {4, 7, 5}, .text = "not trusted"}, now);
}

TEST(BrokenPromises, SomeFailuresInARow) {
  BrokenPromises promises;
  for (uint32_t i = 0; i < BrokenPromises::kFailuresMin; ++i) {
    EXPECT_EQ(promises.find("a", kStart, 0), nullptr) << i;
    fail(promises, "a", kStart);
  }
  ASSERT_NE(promises.find("a", kStart, 0), nullptr);
  EXPECT_EQ(promises.find("a", kStart, 0)->text, "not trusted");
  EXPECT_EQ(promises.find("b", kStart, 0), nullptr);
  EXPECT_EQ(promises.find("a", kStart, 1), nullptr) << "somebody flushed";
  // Its time is over; one more failure is enough then.
  EXPECT_NE(promises.find("a", kStart + 299s, 0), nullptr);
  EXPECT_EQ(promises.find("a", kStart + 300s, 0), nullptr);
  fail(promises, "a", kStart + 300s);
  EXPECT_NE(promises.find("a", kStart + 300s, 0), nullptr);
  promises.note_success("a");
  EXPECT_EQ(promises.find("a", kStart + 300s, 0), nullptr);
  fail(promises, "a", kStart + 300s);
  EXPECT_EQ(promises.find("a", kStart + 300s, 0), nullptr);
}

TEST(BrokenPromises, AreBounded) {
  BrokenPromises promises;
  const auto fill = [&](const std::string& prefix, MonoTime now) {
    for (size_t i = 0; i < BrokenPromises::kPromisesMax; ++i) {
      for (uint32_t j = 0; j < BrokenPromises::kFailuresMin; ++j) {
        fail(promises, prefix + std::to_string(i), now);
      }
    }
  };
  fill("a", kStart);
  fill("b", kStart);
  EXPECT_NE(promises.find("a0", kStart, 0), nullptr);
  EXPECT_EQ(promises.find("b0", kStart, 0), nullptr) << "no room";
  fill("b", kStart + 5min);
  EXPECT_NE(promises.find("b0", kStart + 5min, 0), nullptr);
  promises.clear();
  EXPECT_EQ(promises.find("b0", kStart + 5min, 0), nullptr);
}

}  // namespace
}  // namespace barid::smtp
