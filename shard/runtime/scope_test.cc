// Goal: a Scope knows when its tasks are over; a StopSource reaches everybody once.
// Method: tasks that end at known virtual times; callbacks that unregister one another.
#include "shard/runtime/scope.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

using namespace std::chrono_literals;

Task<void> sleep_for(Reactor& reactor, Duration time) {
  co_await Sleep(reactor, reactor.now() + time);
}
Task<void> nothing() { co_return; }
Task<void> spawn_another(Scope& scope, Reactor& reactor) {
  co_await Sleep(reactor, reactor.now() + 1s);
  scope.spawn(sleep_for(reactor, 1s));
}
Task<void> join_scope(Scope& scope, MonoTime deadline, std::optional<Code>& result) {
  result = co_await scope.join(deadline);
}

class ScopeTest : public ::testing::Test {
 protected:
  void start_join(Duration timeout) {
    result.reset();
    outer.spawn(join_scope(scope, shard.reactor.now() + timeout, result));
  }
  bool finish() {
    return shard.run_until([&] { return outer.tasks_count() == 0; });
  }
  TestShard shard;
  Scope scope{shard.reactor};
  Scope outer{shard.reactor};
  std::optional<Code> result;
};

TEST_F(ScopeTest, JoinOfAnEmptyScopeDoesNotWait) {
  scope.spawn(nothing());
  start_join(0s);
  EXPECT_EQ(result, Code::kOk);
}

TEST_F(ScopeTest, JoinWaitsForTheLastTask) {
  const MonoTime start = shard.reactor.now();
  for (int i = 1; i <= 5; ++i) scope.spawn(sleep_for(shard.reactor, i * 1s));
  EXPECT_EQ(scope.tasks_count(), 5u);
  start_join(60s);
  ASSERT_TRUE(finish());
  EXPECT_EQ(result, Code::kOk);
  EXPECT_EQ(shard.reactor.now() - start, 5s);
}

TEST_F(ScopeTest, JoinTimesOutAndMayBeRepeated) {
  scope.spawn(sleep_for(shard.reactor, 10s));
  start_join(3s);
  ASSERT_TRUE(finish());
  EXPECT_EQ(result, Code::kTimeout);
  EXPECT_EQ(scope.tasks_count(), 1u);
  start_join(60s);
  ASSERT_TRUE(finish());
  EXPECT_EQ(result, Code::kOk);
}

TEST_F(ScopeTest, JoinSeesTasksThatTasksStart) {
  const MonoTime start = shard.reactor.now();
  scope.spawn(spawn_another(scope, shard.reactor));
  start_join(60s);
  ASSERT_TRUE(finish());
  EXPECT_EQ(result, Code::kOk);
  EXPECT_EQ(shard.reactor.now() - start, 2s);
}

TEST(ScopeDeathTest, DyingWithTasksIsABug) {
  TestShard shard;
  auto scope = std::make_unique<Scope>(shard.reactor);
  scope->spawn(sleep_for(shard.reactor, 1s));
  EXPECT_DEATH(scope.reset(), "tasks_count_ == 0");
  shard.advance(1s);
}

struct Recorder final : StopCallback {
  Recorder(StopSource& source, std::vector<int>& calls, int number)
      : StopCallback(source), log(calls), id(number) {}
  void on_stop() override {
    log.push_back(id);
    if (action) action();
  }
  std::vector<int>& log;
  int id;
  std::function<void()> action;
};

TEST(StopSource, ReachesEverybodyOnce) {
  std::vector<int> log;
  StopSource source;
  Recorder a(source, log, 1), b(source, log, 2);
  { Recorder gone(source, log, 9); }
  EXPECT_FALSE(source.requested());
  source.request();
  source.request();
  EXPECT_TRUE(source.requested());
  EXPECT_EQ(log.size(), 2u);
}

TEST(StopSource, CallbackMayEndOthersAndItself) {
  std::vector<int> log;
  StopSource source;
  auto a = std::make_unique<Recorder>(source, log, 1);
  auto b = std::make_unique<Recorder>(source, log, 2);
  auto c = std::make_unique<Recorder>(source, log, 3);
  // The newest is called first.
  c->action = [&] {
    a.reset();
    c.reset();
  };
  source.request();
  EXPECT_EQ(log, (std::vector{3, 2}));
}

TEST(StopSource, MayDieFirst) {
  std::vector<int> log;
  auto source = std::make_unique<StopSource>();
  Recorder a(*source, log, 1), b(*source, log, 2);
  source.reset();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace barid::rt
