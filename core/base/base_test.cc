// Goal: the base types keep their promises. Method: rows and round trips.
#include <gtest/gtest.h>

#include <cerrno>

#include "core/base/queue_id.h"
#include "core/base/result.h"
#include "core/base/rng.h"

namespace barid {
namespace {

TEST(QueueId, TextOrderIsArrivalOrder) {
  const uint64_t kTimes[] = {
      1, 61, 62, 3843, 1'790'000'000'000'000, 1'790'000'000'000'001, 13'537'086'546'263'551};
  std::string previous;
  for (const uint64_t micros : kTimes) {
    const QueueId id{.micros = micros, .partition = 7};
    const std::string text = id.text();
    EXPECT_EQ(text.size(), QueueId::kTextBytes);
    EXPECT_LT(previous, text);
    previous = text;
  }
}

TEST(QueueId, RoundTripsBothForms) {
  Rng rng(1);
  for (int i = 0; i < 1000; ++i) {
    const QueueId id{.micros = 1 + rng.below(13'537'086'546'263'551),
                     .partition = static_cast<uint16_t>(rng.below(65536))};
    EXPECT_EQ(QueueId::parse(id.text()), id);
    const auto key = id.key();
    EXPECT_EQ(QueueId::from_key(std::string_view(key.data(), key.size())), id);
  }
}

TEST(QueueId, RefusesEverythingElse) {
  for (const std::string_view bad :
       {"", "000000000000", "ABCDEFGHIJK", "ABCDEFGHIJKLM", "ABC-EFGHIJKL", "000000001zzz"}) {
    EXPECT_FALSE(QueueId::parse(bad).has_value()) << bad;
  }
}

Result<int> half(int value) {
  if (value % 2 != 0) return Error{.code = Code::kMalformed, .detail = 3};
  return value / 2;
}
Result<int> quarter(int value) {
  BARID_TRY(const int h, half(value));
  return half(h);
}

TEST(Result, TryReturnsTheError) {
  ASSERT_TRUE(quarter(8).ok());
  EXPECT_EQ(*quarter(8), 2);
  ASSERT_FALSE(quarter(6).ok());
  EXPECT_EQ(quarter(6).error().detail, 3);
}

TEST(Result, ErrnoClasses) {
  EXPECT_EQ(code_from_errno(ENOSPC), Code::kNoSpace);
  EXPECT_EQ(code_from_errno(EPIPE), Code::kReset);
  EXPECT_EQ(code_from_errno(ECONNREFUSED), Code::kRefused);
}

TEST(Rng, SameSeedSameSequence) {
  Rng a(42);
  Rng b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

}  // namespace
}  // namespace barid
