// Goal: turns are shared as documented: lanes, then tenants by work, then entries in order.
// Method: queues whose entries always wait again; shares are counted.
#include "shard/schedule/fair_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace barid::schedule {
namespace {

struct Entry {
  Stream lane;
  std::string tenant;
  std::string name;
};

/// Takes `turns`, each entry waiting again at once; how often each had its turn.
std::map<std::string, int> shares(FairQueue<Entry>& queue, int turns,
                                  const std::map<std::string, int64_t>& costs = {}) {
  std::map<std::string, int> counts;
  for (int i = 0; i < turns; ++i) {
    Entry entry = queue.take();
    ++counts[entry.name];
    const auto cost = costs.find(entry.name);
    queue.charge(cost == costs.end() ? 1 : cost->second);
    queue.push(entry.lane, entry.tenant, entry);
  }
  return counts;
}

void add(FairQueue<Entry>& queue, Stream lane, const std::string& tenant, const std::string& name) {
  queue.push(lane, tenant, Entry{.lane = lane, .tenant = tenant, .name = name});
}

TEST(FairQueue, EntriesOfOneTenantInTurn) {
  FairQueue<Entry> queue;
  for (const char* name : {"a", "b", "c"}) add(queue, Stream::kBulk, "", name);
  std::string order;
  for (int i = 0; i < 6; ++i) {
    Entry entry = queue.take();
    order += entry.name;
    queue.charge(1);
    queue.push(entry.lane, entry.tenant, entry);
  }
  EXPECT_EQ(order, "abcabc");
  EXPECT_EQ(queue.size(), 3u);
}

TEST(FairQueue, ATenantWithManyEntriesGetsNoMore) {
  FairQueue<Entry> queue;
  for (int i = 0; i < 100; ++i) add(queue, Stream::kBulk, "large", "large");
  add(queue, Stream::kBulk, "small", "small");
  const auto counts = shares(queue, 1000);
  EXPECT_NEAR(counts.at("small"), 500, 2);
}

TEST(FairQueue, WorkCountsNotTurns) {
  FairQueue<Entry> queue(10);
  add(queue, Stream::kBulk, "heavy", "heavy");
  add(queue, Stream::kBulk, "light", "light");
  const auto counts = shares(queue, 1100, {{"heavy", 10}, {"light", 1}});
  EXPECT_NEAR(counts.at("light"), 1000, 20);
  EXPECT_NEAR(counts.at("heavy"), 100, 20);
}

TEST(FairQueue, TransactionalFirstWithAShareForBulk) {
  FairQueue<Entry> queue;
  for (int i = 0; i < 50; ++i) add(queue, Stream::kBulk, "", "bulk");
  add(queue, Stream::kTransactional, "", "transactional");
  EXPECT_EQ(queue.next_lane(), Stream::kTransactional);
  const auto counts = shares(queue, 1000);
  EXPECT_EQ(counts.at("bulk"), 200);
  EXPECT_EQ(counts.at("transactional"), 800);
}

TEST(FairQueue, AnEmptyLaneCostsNothing) {
  FairQueue<Entry> queue;
  add(queue, Stream::kBulk, "", "bulk");
  EXPECT_EQ(shares(queue, 10).at("bulk"), 10);
  EXPECT_FALSE(queue.empty());
  (void)queue.take();
  EXPECT_TRUE(queue.empty());
  add(queue, Stream::kTransactional, "t", "x");
  EXPECT_EQ(queue.take().name, "x");
}

TEST(FairQueue, GivenBackIsNext) {
  FairQueue<Entry> queue;
  for (const char* name : {"a", "b"}) add(queue, Stream::kBulk, "", name);
  Entry entry = queue.take();
  queue.push_front(entry.lane, entry.tenant, entry);
  EXPECT_EQ(queue.take().name, "a");
}

}  // namespace
}  // namespace barid::schedule
