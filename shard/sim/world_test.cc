// Goal: the scripted peers keep an honest ledger with one another, under every fault, replayably.
// Method: injector straight to sink over the simulated network, several seeds and scripts.
#include "shard/sim/world.h"

#include <gtest/gtest.h>

#include "shard/sim/injector.h"
#include "shard/sim/sim_sink.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;
using Stage = SinkScript::Stage;

const net::SocketAddress kSink = *net::SocketAddress::from_ip("192.0.2.25", 25);

struct Report {
  Ledger::Balance balance;
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t unknown = 0;
  Duration time{};
  uint64_t packets = 0;
};

Report run(uint64_t seed, const SinkScript& script, const NetworkFaults& faults,
           size_t messages = 60) {
  World world({.seed = seed});
  world.network.faults = faults;
  Ledger ledger;
  SimSink sink(world, world.add_shard(), ledger, script);
  EXPECT_TRUE(sink.listen(kSink).ok());
  Injector injector(world, world.add_shard(), ledger,
                    {.server = kSink, .messages_count = messages, .body_bytes_max = 5'000});
  const MonoTime start = world.clock.mono();
  injector.start();
  EXPECT_TRUE(world.run_until([&] { return injector.done(); }, 240h)) << world.replay_hint();
  const Report result{.balance = ledger.balance(),
                      .accepted = injector.accepted_count(),
                      .refused = injector.refused_count(),
                      .unknown = injector.unknown_count(),
                      .time = world.clock.mono() - start,
                      .packets = world.network.packets_count()};
  sink.close();
  EXPECT_TRUE(world.run_until([&] { return sink.idle(); }, 1h)) << world.replay_hint();
  world.run_for(1s);
  EXPECT_EQ(world.network.descriptors_count(), 0u);
  return result;
}

TEST(World, EverythingArrivesOnceOnAGoodDay) {
  const Report good = run(1, {}, {}, 200);
  EXPECT_TRUE(good.balance.clean()) << good.balance.text();
  EXPECT_EQ(good.accepted, 200u);
  EXPECT_EQ(good.balance.duplicates, 0u);
  EXPECT_GE(good.balance.promised, 200u);
}

TEST(World, ABadNetworkLosesNothingOfWhatWasPromised) {
  uint64_t unknown = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    NetworkFaults faults{.segment_bytes_max = 1 + seed * 37,
                         .latency_max = std::chrono::milliseconds(seed * 10),
                         .reset_per_mille = static_cast<uint32_t>(seed % 4),
                         .refuse_per_mille = 100,
                         .unanswered_per_mille = 50};
    const Report bad = run(seed, SinkScript::flaky(), faults, 30);
    EXPECT_TRUE(bad.balance.clean()) << bad.balance.text();
    EXPECT_EQ(bad.accepted, 30u);
    unknown += bad.unknown;
  }
  EXPECT_GT(unknown, 0u);
}

TEST(World, ScriptsDoWhatTheySay) {
  struct Case {
    const char* name;
    SinkScript script;
    uint64_t accepted, refused;
    bool duplicates_of_unknown;
  };
  SinkScript refuses;
  refuses.replies = {{Stage::kRecipient, "550 5.1.1 nobody here"}};
  SinkScript refuses_content;
  refuses_content.replies = {{Stage::kAnswer, "554 5.6.0 no"}};
  SinkScript greylists;
  greylists.greylist_tries = 2;
  SinkScript loses_answers;
  loses_answers.drop_at = Stage::kAnswerLost;
  loses_answers.drop_per_mille = 300;
  SinkScript drops_before_answer = loses_answers;
  drops_before_answer.drop_at = Stage::kAnswer;
  SinkScript slow;
  slow.reply_delay = 20s;
  const Case kCases[] = {
      {"refuses recipients", refuses, 0, 40, false},
      {"refuses content", refuses_content, 0, 40, false},
      {"greylists", greylists, 40, 0, false},
      {"loses answers", loses_answers, 40, 0, true},
      {"drops before the answer", drops_before_answer, 40, 0, true},
      {"slow", slow, 40, 0, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Report got = run(5, c.script, {}, 40);
    EXPECT_TRUE(got.balance.clean()) << got.balance.text();
    EXPECT_EQ(got.accepted, c.accepted);
    EXPECT_EQ(got.refused, c.refused);
    EXPECT_EQ(got.unknown > 0, c.duplicates_of_unknown);
  }
}

TEST(World, ASeedReplays) {
  const NetworkFaults faults{
      .segment_bytes_max = 500, .reset_per_mille = 5, .refuse_per_mille = 20};
  const Report first = run(99, SinkScript::flaky(), faults);
  const Report again = run(99, SinkScript::flaky(), faults);
  EXPECT_EQ(again.time, first.time);
  EXPECT_EQ(again.packets, first.packets);
  EXPECT_EQ(again.unknown, first.unknown);
  EXPECT_NE(run(100, SinkScript::flaky(), faults).packets, first.packets);
}

TEST(World, RunUntilSaysWhenItDoesNotHappen) {
  World world({.seed = 3});
  world.add_shard();
  EXPECT_FALSE(world.run_until([] { return false; }, 100h));
  EXPECT_EQ(world.replay_hint(), "BARID_SIM_SEED=3");
}

rt::Task<void> sleep_long(rt::Reactor& reactor) {
  co_await rt::Sleep(reactor, reactor.now() + 24h);
}

TEST(World, ACrashedShardIsNotSteppedAgain) {
  World world({.seed = 4});
  Ledger ledger;
  World::Shard& victim = world.add_shard();
  auto sink = std::make_unique<SimSink>(world, victim, ledger);
  ASSERT_TRUE(sink->listen(kSink).ok());
  auto sleeper = std::make_unique<rt::Scope>(victim.reactor);
  sleeper->spawn(sleep_long(victim.reactor));
  Injector injector(world, world.add_shard(), ledger,
                    {.server = kSink, .messages_count = 500, .timeout = 30s});
  injector.start();
  ASSERT_TRUE(world.run_until([&] { return injector.half_done(); }, 1h));
  World::bury(std::move(sink));
  World::bury(std::move(sleeper));
  world.crash(victim);

  World::Shard& reborn = world.add_shard();
  SimSink second(world, reborn, ledger);
  ASSERT_TRUE(second.listen(kSink).ok());
  ASSERT_TRUE(world.run_until([&] { return injector.done(); }, 10h)) << world.replay_hint();
  EXPECT_EQ(injector.accepted_count(), 500u);
  EXPECT_TRUE(ledger.balance().clean()) << ledger.balance().text();
  second.close();
  EXPECT_TRUE(world.run_until([&] { return second.idle(); }, 1h));
}

}  // namespace
}  // namespace barid::sim
