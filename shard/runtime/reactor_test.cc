// Goal: a turn does everything that is there, sleeps only as long as it may, and is fair.
// Method: a clock and an Io that record what the reactor asked of them.
#include "shard/runtime/reactor.h"

#include <gtest/gtest.h>

#include "shard/runtime/task.h"
#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

using namespace std::chrono_literals;

struct CountingMailbox final : Mailbox {
  bool drain() override { return std::exchange(mail, 0) > 0; }
  bool has_mail() const noexcept override { return mail > 0; }
  int mail = 0;
};
struct CountingHook final : TurnHook {
  void on_turn_end() override { ++turns; }
  int turns = 0;
};
struct NullTimer final : Timer {
  void on_timer() override {}
};

Task<void> forever(Reactor& reactor) {
  for (;;) co_await yield(reactor);
}

TEST(Reactor, SleepsUntilTheNextTimerOrTheCallersLimit) {
  TestShard shard;
  NullTimer timer;
  shard.reactor.turn(7s);
  EXPECT_EQ(shard.io.last_wait, 7s);
  shard.reactor.timers().arm(timer, shard.clock.now + 3s);
  shard.reactor.turn(7s);
  EXPECT_EQ(shard.io.last_wait, 3s);
  shard.clock.now += 2s;  // a long turn: what is left of the time, not what was left at its start
  shard.reactor.turn(7s);
  EXPECT_EQ(shard.io.last_wait, 1s);
  shard.clock.now += 5s;
  shard.reactor.turn(7s);
  EXPECT_EQ(shard.io.last_wait, 0s);
}

TEST(Reactor, DoesNotSleepOnMailOrReadyCoroutines) {
  TestShard shard;
  CountingMailbox mailbox;
  shard.reactor.add_mailbox(mailbox);
  mailbox.mail = 1;
  EXPECT_TRUE(shard.reactor.turn(7s));
  EXPECT_EQ(shard.io.last_wait, 0s);
  EXPECT_FALSE(shard.reactor.turn(7s));
  EXPECT_EQ(shard.io.last_wait, 7s);
  shard.reactor.remove_mailbox(mailbox);
  mailbox.mail = 1;
  EXPECT_FALSE(shard.reactor.turn(7s));

  Task<void> busy = forever(shard.reactor);
  const auto handle = busy.release();
  handle.resume();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(shard.reactor.turn(7s));
    EXPECT_EQ(shard.io.last_wait, 0s);
  }
  handle.destroy();  // the reactor is not turned again
}

TEST(Reactor, HooksRunAtTheEndOfEveryTurn) {
  TestShard shard;
  CountingHook hook;
  shard.reactor.add_turn_hook(hook);
  shard.turn();
  shard.turn();
  EXPECT_EQ(hook.turns, 2);
  shard.reactor.remove_turn_hook(hook);
  shard.turn();
  EXPECT_EQ(hook.turns, 2);
}

TEST(Reactor, ClocksAdvanceTogetherOncePerTurn) {
  TestShard shard;
  const MonoTime mono = shard.reactor.now();
  const WallTime wall = shard.reactor.wall_now();
  shard.clock.now += 90s;
  EXPECT_EQ(shard.reactor.now(), mono);
  shard.turn();
  EXPECT_EQ(shard.reactor.now() - mono, 90s);
  EXPECT_EQ(shard.reactor.wall_now() - wall, 90s);
}

}  // namespace
}  // namespace barid::rt
