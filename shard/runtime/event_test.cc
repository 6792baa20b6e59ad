// Goal: Event, Sleep and Yield wake exactly once, on time, and lose neither a set nor a
// cancellation. Method: one coroutine that records what its waits returned, on a clock that moves
// when told.
#include "shard/runtime/event.h"

#include <gtest/gtest.h>

#include <vector>

#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

using namespace std::chrono_literals;
using Codes = std::vector<Code>;

Task<void> wait_times(Event& event, int times, Duration timeout, Codes& seen) {
  for (int i = 0; i < times; ++i) seen.push_back(co_await event.wait_for(timeout));
}

class EventTest : public ::testing::Test {
 protected:
  void start(int waits, Duration timeout = 10s) {
    scope.spawn(wait_times(event, waits, timeout, seen));
  }
  TestShard shard;
  Event event{shard.reactor};
  Scope scope{shard.reactor};
  Codes seen;
};

TEST_F(EventTest, SetWakesTheWaiterFromTheReactorNotInPlace) {
  start(1);
  event.set();
  EXPECT_TRUE(seen.empty());
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kOk}));
  EXPECT_FALSE(event.is_set());
}

TEST_F(EventTest, SetBeforeTheWaitIsKeptOnce) {
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  start(2);
  EXPECT_EQ(seen, (Codes{Code::kOk}));
  shard.advance(10s);
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kOk, Code::kTimeout}));
}

TEST_F(EventTest, Timeout) {
  start(1);
  shard.advance(9'999ms);
  EXPECT_TRUE(seen.empty());
  shard.advance(1ms);
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kTimeout}));
}

TEST_F(EventTest, DeadlineInThePastEndsInTheNextTurn) {
  start(1, -1s);
  shard.turn();
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kTimeout}));
}

TEST_F(EventTest, CancelEndsThePresentWaitOrTheNext) {
  start(2);
  event.cancel();
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kCancelled}));
  event.set();
  shard.turn();
  event.cancel();
  start(1);
  EXPECT_EQ(seen, (Codes{Code::kCancelled, Code::kOk, Code::kCancelled}));
}

TEST_F(EventTest, NeitherOfSetAndCancelIsLostWhenBothHappenInOneTurn) {
  start(2);
  event.cancel();
  event.set();  // before the waiter ran
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kCancelled, Code::kOk}));
}

TEST_F(EventTest, SetBetweenTimeoutAndResumeCounts) {
  struct SetsAtTheSameTime final : Timer {
    explicit SetsAtTheSameTime(Event& e) : event(e) {}
    void on_timer() override { event.set(); }
    Event& event;
  } later(event);
  start(1);
  shard.reactor.timers().arm(later,
                             shard.reactor.now() + 10s);  // fires after the event's own timer
  shard.advance(10s);
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kOk}));
}

TEST_F(EventTest, ResetForgets) {
  event.set();
  event.cancel();
  event.reset();
  start(1, 1s);
  shard.advance(1s);
  shard.turn();
  EXPECT_EQ(seen, (Codes{Code::kTimeout}));
}

Task<void> sleeper(Reactor& reactor, MonoTime due, std::vector<MonoTime>& woke) {
  co_await Sleep(reactor, due);
  woke.push_back(reactor.now());
}

TEST(Sleep, WakesAtItsTimeAndNotBefore) {
  TestShard shard;
  Scope scope(shard.reactor);
  std::vector<MonoTime> woke;
  const MonoTime start = shard.reactor.now();
  scope.spawn(sleeper(shard.reactor, start + 3s, woke));
  scope.spawn(sleeper(shard.reactor, start + 1s, woke));
  scope.spawn(sleeper(shard.reactor, start - 1s, woke));
  EXPECT_EQ(woke, (std::vector{start}));
  EXPECT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(woke, (std::vector{start, start + 1s, start + 3s}));
}

Task<void> yielder(Reactor& reactor, int times, std::vector<uint64_t>& turns) {
  for (int i = 0; i < times; ++i) {
    co_await yield(reactor);
    turns.push_back(reactor.turns_count());
  }
}

TEST(Yield, OneStepPerTurnAndEverybodyGetsOne) {
  TestShard shard;
  Scope scope(shard.reactor);
  std::vector<uint64_t> first, second;
  scope.spawn(yielder(shard.reactor, 3, first));
  scope.spawn(yielder(shard.reactor, 3, second));
  for (int i = 0; i < 3; ++i) shard.turn();
  EXPECT_EQ(first, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(second, first);
}

}  // namespace
}  // namespace barid::rt
