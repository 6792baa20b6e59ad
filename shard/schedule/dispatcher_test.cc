// Goal: slots go round fairly, limits hold at every moment, jobs are neither lost nor doubled.
// Method: an agent that records who took what and holds each job until told; virtual time.
#include "shard/schedule/dispatcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "shard/runtime/test_shard.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

struct Sink final : OutcomeSink {
  void on_outcome(const Job&, uint32_t, const Outcome&) override { ++outcomes; }
  void on_job_done(Job job) override { done.push_back(job.message); }
  int outcomes = 0;
  std::vector<queue::Message*> done;
};

/// Each lease works one job for `work`, then takes the next.
struct SlowAgent final : Agent {
  explicit SlowAgent(rt::Reactor& r) : reactor(r) {}
  rt::Task<void> deliver(Lease& lease) override {
    const std::string hop = lease.route().nexthop;
    leases_max[hop] = std::max(leases_max[hop], ++leases[hop]);
    total_max = std::max(total_max, ++total);
    order.push_back('<' + hop);
    for (std::optional<Job> job = lease.take(); job; job = lease.take()) {
      order.push_back(hop);
      if (put_back_first && !std::exchange(put_back_done, true)) {
        lease.put_back(std::move(*job));
        break;
      }
      if (work > Duration::zero()) co_await rt::Sleep(reactor, reactor.now() + work);
      for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, {});
      lease.finish(std::move(*job));
    }
    --leases[hop];
    --total;
  }
  /// Destinations of the leases, in order of opening.
  std::vector<std::string> opened() const {
    std::vector<std::string> out;
    for (const std::string& entry : order) {
      if (entry.front() == '<') out.push_back(entry.substr(1));
    }
    return out;
  }

  rt::Reactor& reactor;
  Duration work = 1s;
  bool put_back_first = false, put_back_done = false;
  std::map<std::string, int> leases, leases_max;
  int total = 0, total_max = 0;
  std::vector<std::string> order;
};

class DispatcherTest : public ::testing::Test {
 protected:
  ~DispatcherTest() override {
    EXPECT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  }
  void limits(uint32_t per_destination, uint32_t total_limit) {
    dispatcher.set_transport(
        "smtp", agent,
        {.destination_concurrency = per_destination, .total_concurrency = total_limit});
  }
  void add(const std::string& hop, int count = 1) {
    for (int i = 0; i < count; ++i) {
      messages.push_back(std::make_unique<queue::Message>());
      dispatcher.enqueue({.transport = "smtp", .nexthop = hop},
                         Job{.message = messages.back().get(), .recipients = {0, 1}});
    }
  }
  bool finish_all(Duration limit = 24h) {
    return shard.run_until([&] { return sink.done.size() == messages.size(); }, limit);
  }

  rt::TestShard shard;
  Sink sink;
  SlowAgent agent{shard.reactor};
  std::vector<std::unique_ptr<queue::Message>> messages;
  Dispatcher dispatcher{shard.reactor, sink};
};

TEST_F(DispatcherTest, EveryJobOnce) {
  limits(3, 5);
  for (int hop = 0; hop < 7; ++hop) add("hop" + std::to_string(hop), 1 + hop * 13);
  ASSERT_TRUE(finish_all());
  const std::set<queue::Message*> distinct(sink.done.begin(), sink.done.end());
  EXPECT_EQ(distinct.size(), messages.size());
  EXPECT_EQ(sink.outcomes, static_cast<int>(2 * messages.size()));
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  shard.advance(1s);
  EXPECT_EQ(dispatcher.destinations_count(), 0u);  // idle destinations are forgotten
}

TEST_F(DispatcherTest, LimitsHold) {
  struct Row {
    uint32_t per_destination, total;
  };
  for (const Row& row : {Row{1, 1}, Row{1, 4}, Row{3, 4}, Row{2, 100}, Row{0, 3}}) {
    agent.leases_max.clear();
    agent.total_max = 0;
    limits(row.per_destination, row.total);
    for (const char* hop : {"a", "b", "c"}) add(hop, 60);
    ASSERT_TRUE(finish_all());
    ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
    EXPECT_LE(agent.total_max, static_cast<int>(row.total));
    for (const auto& [hop, most] : agent.leases_max) {
      if (row.per_destination != 0) EXPECT_LE(most, static_cast<int>(row.per_destination)) << hop;
    }
    // And they are used: a backlog opens as many as allowed.
    const uint32_t want =
        row.per_destination == 0 ? row.total : std::min(row.total, row.per_destination * 3);
    EXPECT_EQ(agent.total_max, static_cast<int>(want)) << row.per_destination << ' ' << row.total;
  }
}

TEST_F(DispatcherTest, RoundRobinWithOneSlot) {
  limits(1, 1);
  for (const char* hop : {"a", "b", "c"}) add(hop, 250);
  ASSERT_TRUE(finish_all());
  // Each lease takes its quantum of 100, then the next destination in line gets the slot.
  EXPECT_EQ(agent.opened(),
            (std::vector<std::string>{"a", "b", "c", "a", "b", "c", "a", "b", "c"}));
}

TEST_F(DispatcherTest, QuantumDoesNotEndALeaseNobodyWaitsFor) {
  limits(1, 1);
  add("a", 350);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.opened(), (std::vector<std::string>{"a"}));
}

TEST_F(DispatcherTest, ASmallDestinationIsNotStarved) {
  limits(20, 1);
  add("bulk", 1000);
  add("small");
  ASSERT_TRUE(shard.run_until([&] {
    return std::find(sink.done.begin(), sink.done.end(), messages.back().get()) != sink.done.end();
  }));
  EXPECT_LE(sink.done.size(), 201u);  // two quanta: bulk was in line first
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, AFullTransportDoesNotBlockAnother) {
  limits(1, 1);
  SlowAgent other{shard.reactor};
  dispatcher.set_transport("lmtp", other, {.destination_concurrency = 1, .total_concurrency = 1});
  add("a", 3);
  add("b", 3);
  messages.push_back(std::make_unique<queue::Message>());
  dispatcher.enqueue({.transport = "lmtp", .nexthop = "a"}, Job{.message = messages.back().get()});
  shard.turn();
  EXPECT_EQ(other.total, 1);
  ASSERT_TRUE(finish_all());
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
}

TEST_F(DispatcherTest, ASlowLeaseGetsHelpAfterPatience) {
  limits(2, 0);
  agent.work = 1h;
  add("a", 2);
  shard.turn();
  EXPECT_EQ(agent.total, 1);  // the second job could still go over the first one's connection
  shard.advance(5ms);
  EXPECT_EQ(agent.total, 2);
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, PutBackKeepsTheOrder) {
  limits(1, 1);
  agent.put_back_first = true;
  add("a", 3);
  ASSERT_TRUE(finish_all());
  ASSERT_EQ(sink.done.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(sink.done[i], messages[i].get());
}

TEST_F(DispatcherTest, PauseHandsOutNothing) {
  limits(1, 0);
  dispatcher.pause();
  add("a", 2);
  add("b", 2);
  shard.advance(1h);
  EXPECT_EQ(agent.total, 0);
  dispatcher.resume();
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, PauseEndsRunningLeases) {
  limits(1, 0);
  add("a", 5);
  shard.turn();
  dispatcher.pause();
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  EXPECT_EQ(sink.done.size(), 1u);  // what was under way ended, nothing new began
  dispatcher.resume();
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, LimitsMayChangeAtReload) {
  limits(1, 0);
  add("a", 100);
  shard.advance(1s);
  EXPECT_EQ(agent.leases_max["a"], 1);
  limits(3, 0);
  add("a", 100);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max["a"], 3);
  dispatcher.set_transport("smtp", agent, {.recipients_per_job = 0});
  EXPECT_EQ(dispatcher.recipients_per_job("smtp"), UINT32_MAX);
  EXPECT_TRUE(dispatcher.has_transport("smtp"));
  EXPECT_FALSE(dispatcher.has_transport("uucp"));
}

rt::Task<void> drain(Dispatcher* dispatcher, MonoTime deadline, std::optional<Code>* out) {
  *out = co_await dispatcher->drain(deadline);
}

TEST_F(DispatcherTest, DrainWaitsForWhatRuns) {
  limits(2, 0);
  add("a", 100);
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 10s, &result));
  shard.turn();
  EXPECT_FALSE(result);
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }));
  EXPECT_EQ(*result, Code::kOk);
  EXPECT_EQ(sink.done.size(), 2u);
  add("b");  // stays where it is
  shard.advance(1h);
  EXPECT_EQ(sink.done.size(), 2u);
}

TEST_F(DispatcherTest, DrainGivesUpAtItsDeadline) {
  limits(1, 0);
  agent.work = 1h;
  add("a");
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 10s, &result));
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }, 1min));
  EXPECT_EQ(*result, Code::kTimeout);
}

}  // namespace
}  // namespace barid::schedule
