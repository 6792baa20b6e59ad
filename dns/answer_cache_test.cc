#include "dns/answer_cache.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1000s};

Answer answer(AnswerStatus status, std::chrono::seconds ttl) {
  Answer result = answer_of(status);
  result.ttl = ttl;
  return result;
}

// Goal: each outcome lives as long as it may. Method: one row each, looked at just before and at
// its end.
TEST(AnswerCache, Lifetimes) {
  struct Case {
    AnswerStatus status;
    std::chrono::seconds ttl, lives;
  };
  constexpr Case kCases[] = {
      {AnswerStatus::kOk, 60s, 60s},           {AnswerStatus::kOk, 0s, 0s},
      {AnswerStatus::kOk, 200000s, 86400s},    {AnswerStatus::kNxDomain, 60s, 60s},
      {AnswerStatus::kNxDomain, 7200s, 3600s}, {AnswerStatus::kNoData, 9999s, 3600s},
      {AnswerStatus::kNoData, 0s, 0s},         {AnswerStatus::kServFail, 60s, 5s},
      {AnswerStatus::kServFail, 0s, 5s},       {AnswerStatus::kBogus, 60s, 5s},
      {AnswerStatus::kTimeout, 60s, 0s},       {AnswerStatus::kMalformed, 60s, 0s},
      {AnswerStatus::kExhausted, 60s, 0s},     {AnswerStatus::kCancelled, 60s, 0s},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(answer_status_name(c.status)) + " " + std::to_string(c.ttl.count()));
    AnswerCache cache(CacheLimits{});
    cache.store("a.example", RecordType::kMx, answer(c.status, c.ttl), kStart);
    EXPECT_EQ(cache.entries_count(), c.lives > 0s ? 1u : 0u);
    if (c.lives > 0s) {
      const Answer* found = cache.find("a.example", RecordType::kMx, kStart + c.lives - 1ns);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->status, c.status);
      EXPECT_EQ(cache.remaining_ttl(kStart + c.lives - 1ns), 1s);
      EXPECT_EQ(cache.remaining_ttl(kStart), c.lives);
    }
    EXPECT_EQ(cache.find("a.example", RecordType::kMx, kStart + c.lives), nullptr);
    EXPECT_EQ(cache.entries_count(), 0u);
  }
}

TEST(AnswerCache, KeyIsNameAndType) {
  AnswerCache cache(CacheLimits{});
  cache.store("a.example", RecordType::kA, answer(AnswerStatus::kNoData, 60s), kStart);
  EXPECT_EQ(cache.find("a.example", RecordType::kAaaa, kStart), nullptr);
  EXPECT_EQ(cache.find("b.example", RecordType::kA, kStart), nullptr);
  EXPECT_NE(cache.find("a.example", RecordType::kA, kStart), nullptr);
}

TEST(AnswerCache, StoreReplaces) {
  AnswerCache cache(CacheLimits{});
  cache.store("a.example", RecordType::kA, answer(AnswerStatus::kOk, 10s), kStart);
  cache.store("a.example", RecordType::kA, answer(AnswerStatus::kNoData, 100s), kStart + 5s);
  EXPECT_EQ(cache.entries_count(), 1u);
  ASSERT_NE(cache.find("a.example", RecordType::kA, kStart + 90s), nullptr);
  EXPECT_EQ(cache.find("a.example", RecordType::kA, kStart + 90s)->status, AnswerStatus::kNoData);
}

TEST(AnswerCache, LeastRecentlyUsedLeavesFirst) {
  AnswerCache cache(CacheLimits{.entries_max = 3});
  const Answer kept = answer(AnswerStatus::kOk, 60s);
  for (const char* name : {"a", "b", "c"}) cache.store(name, RecordType::kA, kept, kStart);
  ASSERT_NE(cache.find("a", RecordType::kA, kStart), nullptr);
  cache.store("d", RecordType::kA, kept, kStart);
  EXPECT_EQ(cache.entries_count(), 3u);
  EXPECT_EQ(cache.find("b", RecordType::kA, kStart), nullptr);
  for (const char* name : {"a", "c", "d"})
    EXPECT_NE(cache.find(name, RecordType::kA, kStart), nullptr) << name;
  // Slots of expired entries are used again before anything alive is dropped.
  EXPECT_EQ(cache.find("a", RecordType::kA, kStart + 60s), nullptr);
  cache.store("e", RecordType::kA, kept, kStart + 1s);
  EXPECT_EQ(cache.entries_count(), 3u);
  EXPECT_NE(cache.find("d", RecordType::kA, kStart + 1s), nullptr);
}

TEST(AnswerCache, ZeroEntriesMeansOffAndOneWorks) {
  AnswerCache off(CacheLimits{.entries_max = 0});
  off.store("a", RecordType::kA, answer(AnswerStatus::kOk, 60s), kStart);
  EXPECT_EQ(off.find("a", RecordType::kA, kStart), nullptr);
  AnswerCache one(CacheLimits{.entries_max = 1});
  one.store("a", RecordType::kA, answer(AnswerStatus::kOk, 60s), kStart);
  one.store("b", RecordType::kA, answer(AnswerStatus::kOk, 60s), kStart);
  EXPECT_EQ(one.find("a", RecordType::kA, kStart), nullptr);
  EXPECT_NE(one.find("b", RecordType::kA, kStart), nullptr);
  one.clear();
  EXPECT_EQ(one.find("b", RecordType::kA, kStart), nullptr);
}

}  // namespace
}  // namespace barid::dns
