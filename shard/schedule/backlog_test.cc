// Goal: the earliest due time is always known, and due queues are taken in fair turns.
// Method: random operations against a map that is searched linearly; rows of turns.
#include "shard/schedule/backlog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/base/rng.h"
#include "shard/queue/queue_key.h"

namespace barid::schedule {
namespace {

WallTime at(int64_t micros) { return wall_from_micros(micros); }

std::string name(std::string_view destination, bool is_new = false,
                 Stream lane = Stream::kTransactional, std::string_view tenant = "") {
  return queue::queue_key(
      {.is_new = is_new, .lane = lane, .tenant = tenant, .destination = destination});
}

/// Destinations in the order in which their queues are taken, each noted again at once.
std::string turns(Backlog& backlog, int count, const Backlog::Choice& choice = {}) {
  std::string order;
  for (int i = 0; i < count; ++i) {
    backlog.advance(at(100));
    if (!backlog.ready(choice)) break;
    const std::string queue = backlog.take(choice);
    backlog.charge(200);
    order += queue::parse_queue_key(queue)->destination;
    backlog.note(queue, at(1));
  }
  return order;
}

TEST(Backlog, KeepsTheEarliest) {
  Backlog backlog;
  EXPECT_TRUE(backlog.empty());
  EXPECT_EQ(backlog.next_due(), std::nullopt);
  backlog.note(name("a"), at(20));
  backlog.note(name("a"), at(30));
  EXPECT_EQ(backlog.next_due(), at(20));
  backlog.note(name("a"), at(10));
  EXPECT_EQ(backlog.next_due(), at(10));
  EXPECT_EQ(backlog.queues_count(), 1u);
  backlog.advance(at(9));
  EXPECT_FALSE(backlog.ready({}));
  backlog.advance(at(10));
  ASSERT_TRUE(backlog.ready({}));
  EXPECT_EQ(backlog.next_due(), std::nullopt);
  EXPECT_EQ(backlog.take({}), name("a"));
  EXPECT_TRUE(backlog.empty());
}

TEST(Backlog, AgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    Backlog backlog;
    std::map<std::string, WallTime> model;  // what is not due yet
    WallTime now = at(0);
    for (int i = 0; i < 2000; ++i) {
      const std::string queue = name("d" + std::to_string(rng.below(30)));
      if (rng.chance(700)) {
        const WallTime due = now + std::chrono::microseconds(1 + rng.below(50));
        backlog.note(queue, due);
        const auto [found, inserted] = model.try_emplace(queue, due);
        if (!inserted) found->second = std::min(found->second, due);
      } else {
        now += std::chrono::microseconds(rng.below(20));
        backlog.advance(now);
        while (backlog.ready({})) {
          const std::string taken = backlog.take({});
          backlog.charge(1);
          ASSERT_TRUE(model.contains(taken));
          ASSERT_LE(model[taken], now);
          model.erase(taken);
        }
      }
      ASSERT_EQ(backlog.queues_count(), model.size());
      if (model.empty()) continue;
      const auto earliest =
          std::min_element(model.begin(), model.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      ASSERT_EQ(backlog.next_due(), earliest->second) << "seed " << seed;
    }
  }
}

TEST(Backlog, NewAndDeferredInTurn) {
  Backlog backlog;
  backlog.note(name("n", true), at(1));
  backlog.note(name("d"), at(1));
  EXPECT_EQ(turns(backlog, 6), "ndndnd");
  EXPECT_EQ(turns(backlog, 4, {.new_first = true}), "nnnn");  // memory was full
}

TEST(Backlog, DestinationsInTurn) {
  Backlog backlog;
  for (const char* destination : {"a", "b", "c"}) backlog.note(name(destination), at(1));
  EXPECT_EQ(turns(backlog, 7), "abcabca");
}

TEST(Backlog, TenantsShare) {
  Backlog backlog;
  for (const char* destination : {"a", "b", "c"}) {
    backlog.note(name(destination, false, Stream::kBulk, "large"), at(1));
  }
  backlog.note(name("x", false, Stream::kBulk, "small"), at(1));
  const std::string order = turns(backlog, 40);
  EXPECT_NEAR(static_cast<double>(std::count(order.begin(), order.end(), 'x')), 20, 2);
}

TEST(Backlog, TransactionalBeforeBulk) {
  Backlog backlog;
  backlog.note(name("b", false, Stream::kBulk), at(1));
  backlog.note(name("t"), at(1));
  const std::string order = turns(backlog, 50);
  EXPECT_EQ(std::count(order.begin(), order.end(), 'b'), 10);  // its reserved share
  EXPECT_EQ(turns(backlog, 5, {.without_bulk = true}), "ttttt");
  backlog.advance(at(100));
  (void)backlog.take({.without_bulk = true});
  EXPECT_FALSE(backlog.ready({.without_bulk = true}));
  EXPECT_TRUE(backlog.ready({}));
}

TEST(Backlog, BlockedUntilItsDestinationHasRoom) {
  Backlog backlog;
  backlog.block(name("a"), "a");
  backlog.block(name("a", true), "a");
  backlog.note(name("a"), at(1));
  backlog.advance(at(100));
  EXPECT_FALSE(backlog.ready({}));
  backlog.unblock("b");
  EXPECT_FALSE(backlog.ready({}));
  backlog.unblock("a");
  EXPECT_EQ(turns(backlog, 2), "aa");
}

}  // namespace
}  // namespace barid::schedule
