// Goal: counters add up over shards and every one has a name of its own. Method: exhaustive.
#include "core/obs/counters.h"

#include <gtest/gtest.h>

#include <set>

namespace barid {
namespace {

TEST(Counters, SumOverShards) {
  Counters a;
  Counters b;
  a.add(Counter::kDelivered);
  a.add(Counter::kBytesAccepted, 5000);
  b.add(Counter::kDelivered, 2);
  a.add(Counter::kMessagesActive);
  b.subtract(Counter::kMessagesActive);  // another shard's message: wraps here, not in the sum
  a.reach(Limit::kSessions);
  b.reach(Limit::kSessions);
  a += b;
  EXPECT_EQ(a.get(Counter::kDelivered), 3u);
  EXPECT_EQ(a.get(Counter::kBytesAccepted), 5000u);
  EXPECT_EQ(a.get(Counter::kMessagesActive), 0u);
  EXPECT_EQ(a.reached(Limit::kSessions), 2u);
  EXPECT_EQ(a.reached(Limit::kLogBytes), 0u);
}

TEST(Counters, EveryOneIsNamedOnce) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kCounterCount; ++i) {
    const CounterInfo& info = counter_info(static_cast<Counter>(i));
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_EQ(info.kind == CounterKind::kCounter, info.name.ends_with("_total")) << info.name;
  }
  std::set<std::string_view> limits;
  for (size_t i = 0; i < kLimitCount; ++i) {
    EXPECT_TRUE(limits.insert(limit_name(static_cast<Limit>(i))).second);
  }
}

TEST(Counters, NamesStandForTheRightThing) {
  EXPECT_EQ(counter_info(Counter::kSessionsOpened).name, "smtpd_sessions_total");
  EXPECT_EQ(counter_info(Counter::kInDoubt).name, "recipients_in_doubt_total");
  EXPECT_EQ(counter_info(Counter::kEpollShards).name, "shards_epoll");
  EXPECT_EQ(limit_name(Limit::kQueueBytes), "queue_bytes");
  EXPECT_EQ(limit_name(Limit::kConnectionsPerDestination), "destination");
  EXPECT_EQ(limit_name(Limit::kLogBytes), "log_bytes");
}

}  // namespace
}  // namespace barid
