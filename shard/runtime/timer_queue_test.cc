// Goal: timers fire when due, in (due, armed) order, whatever callbacks do meanwhile.
// Method: small scenarios, then 10^5 random operations against a std::map.
#include "shard/runtime/timer_queue.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/base/rng.h"

namespace barid::rt {
namespace {

using std::chrono::seconds;

MonoTime at(int64_t s) { return MonoTime(seconds(s)); }

struct Probe final : Timer {
  Probe(std::vector<int>& fired_log, int number) : log(fired_log), id(number) {}
  void on_timer() override {
    log.push_back(id);
    if (action) action();
  }
  std::vector<int>& log;
  int id;
  std::function<void()> action;
};

class TimerQueueTest : public ::testing::Test {
 protected:
  using Ids = std::vector<int>;
  std::vector<int> log;
  TimerQueue queue;
  Probe a{log, 1}, b{log, 2}, c{log, 3}, d{log, 4};
};

TEST_F(TimerQueueTest, DueOrderThenArmOrder) {
  queue.arm(a, at(5));
  queue.arm(b, at(3));
  queue.arm(c, at(5));
  queue.arm(d, at(3));
  EXPECT_EQ(queue.next_due(), at(3));
  EXPECT_EQ(queue.fire_due(at(2)), 0u);
  EXPECT_EQ(queue.fire_due(at(4)), 2u);
  EXPECT_EQ(queue.fire_due(at(5)), 2u);
  EXPECT_EQ(log, (Ids{2, 4, 1, 3}));
  EXPECT_TRUE(queue.empty());
}

TEST_F(TimerQueueTest, ReArmMovesAndGoesBehindItsEquals) {
  queue.arm(a, at(1));
  queue.arm(b, at(1));
  queue.arm(a, at(1));  // armed again: now after b
  queue.arm(c, at(9));
  queue.arm(c, at(0));
  queue.fire_due(at(1));
  EXPECT_EQ(log, (Ids{3, 2, 1}));
}

TEST_F(TimerQueueTest, CancelAndDestroy) {
  queue.arm(a, at(1));
  {
    Probe gone(log, 9);
    queue.arm(gone, at(1));
  }
  queue.arm(b, at(1));
  a.cancel();
  a.cancel();
  EXPECT_FALSE(a.armed());
  queue.fire_due(at(1));
  EXPECT_EQ(log, (Ids{2}));
}

TEST_F(TimerQueueTest, CallbackCancelsOneThatIsDueToo) {
  queue.arm(a, at(1));
  queue.arm(b, at(1));
  queue.arm(c, at(1));
  a.action = [&] { b.cancel(); };
  EXPECT_EQ(queue.fire_due(at(1)), 2u);
  EXPECT_EQ(log, (Ids{1, 3}));
}

TEST_F(TimerQueueTest, ReArmForNowWaitsForTheNextTurn) {
  queue.arm(a, at(1));
  queue.arm(b, at(1));
  a.action = [&] { queue.arm(a, at(1)); };
  EXPECT_EQ(queue.fire_due(at(1)), 2u);
  EXPECT_EQ(log, (Ids{1, 2}));
  EXPECT_EQ(queue.fire_due(at(1)), 1u);
}

// A timer that keeps arming itself for the past must not hold up those that are due.
TEST_F(TimerQueueTest, ReArmForThePastStarvesNobody) {
  queue.arm(a, at(1));
  queue.arm(b, at(2));
  a.action = [&] { queue.arm(a, at(1)); };
  EXPECT_EQ(queue.fire_due(at(3)), 2u);
  EXPECT_EQ(log, (Ids{1, 2}));
  EXPECT_TRUE(a.armed());
}

TEST_F(TimerQueueTest, QueueMayDieFirst) {
  auto short_lived = std::make_unique<TimerQueue>();
  short_lived->arm(a, at(1));
  short_lived.reset();
  EXPECT_FALSE(a.armed());
  queue.arm(a, at(1));
  EXPECT_EQ(queue.fire_due(at(1)), 1u);
}

TEST(TimerQueueRandom, AgreesWithAMap) {
  constexpr int kTimers = 300;
  constexpr int kOperations = 100'000;
  Rng rng(20240501);
  std::vector<int> log;
  TimerQueue queue;
  std::vector<std::unique_ptr<Probe>> timers;
  for (int i = 0; i < kTimers; ++i) timers.push_back(std::make_unique<Probe>(log, i));

  std::map<std::pair<int64_t, uint64_t>, int> expected;  // (due, sequence) → timer
  std::vector<std::pair<int64_t, uint64_t>> key(kTimers);
  std::vector<bool> armed(kTimers, false);
  uint64_t sequence = 0;
  int64_t now = 0;
  for (int operation = 0; operation < kOperations; ++operation) {
    const size_t i = rng.below(kTimers);
    switch (rng.below(4)) {
      case 0:
      case 1: {
        if (armed[i]) expected.erase(key[i]);
        key[i] = {now + static_cast<int64_t>(rng.below(50)), sequence++};
        expected[key[i]] = static_cast<int>(i);
        armed[i] = true;
        queue.arm(*timers[i], at(key[i].first));
        break;
      }
      case 2:
        if (armed[i]) expected.erase(key[i]);
        armed[i] = false;
        timers[i]->cancel();
        break;
      default: {
        now += static_cast<int64_t>(rng.below(4));
        std::vector<int> due;
        while (!expected.empty() && expected.begin()->first.first <= now) {
          due.push_back(expected.begin()->second);
          armed[static_cast<size_t>(due.back())] = false;
          expected.erase(expected.begin());
        }
        log.clear();
        ASSERT_EQ(queue.fire_due(at(now)), due.size());
        ASSERT_EQ(log, due);
      }
    }
    ASSERT_EQ(queue.empty(), expected.empty());
    if (!expected.empty()) {
      ASSERT_EQ(queue.next_due(), at(expected.begin()->first.first));
    }
  }
}

}  // namespace
}  // namespace barid::rt
