// Goal: what was accepted ends exactly once, as a delivery or a notice, whatever the network, the
// receiver, the disk and the power do; a second copy appears only where an answer was lost, or
// where a killed process left word that one is possible.
// Method: the real code in a simulated world; injector and sink keep one ledger; the process is
// killed at random points; then the faults stop and everything must come to rest.
#include <gtest/gtest.h>

#include <cstdlib>

#include "shard/sim/injector.h"
#include "shard/sim/sim_sink.h"
#include "tests/sim/sim_mta.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;

const net::SocketAddress kMta = *net::SocketAddress::from_ip("192.0.2.1", 25);
const net::SocketAddress kSink = *net::SocketAddress::from_ip("192.0.2.9", 25);

/// Swarm: each seed has some faults fully off.
void choose_faults(World& world, MtaOptions& options, SinkScript& script) {
  Rng& rng = world.rng;
  if (rng.chance(500)) world.network.faults.reset_per_mille = static_cast<uint32_t>(rng.below(15));
  if (rng.chance(500)) world.network.faults.segment_bytes_max = 1 + rng.below(200);
  if (rng.chance(300)) world.network.faults.refuse_per_mille = 100;
  if (rng.chance(300)) options.store.fail_per_mille = 20;
  if (rng.chance(300)) options.limits.active_messages_max = 5;
  if (rng.chance(300)) options.limits.content_memory_bytes_max = 20'000;
  if (rng.chance(500)) script.defer_per_mille = 200;
  if (rng.chance(300)) script.recipient_replies["bad@sink.example"] = "550 5.1.1 unknown";
  if (rng.chance(300)) script.greylist_tries = 1;
  if (rng.chance(300)) {
    constexpr SinkScript::Stage kStages[] = {
        SinkScript::Stage::kMail, SinkScript::Stage::kData, SinkScript::Stage::kContent,
        SinkScript::Stage::kAnswer, SinkScript::Stage::kAnswerLost};
    script.drop_at = kStages[rng.below(std::size(kStages))];
    script.drop_per_mille = 100;
  }
}

void run_seed(uint64_t seed) {
  World world({.seed = seed});
  SCOPED_TRACE(world.replay_hint());
  Ledger ledger;
  SimDisk disk;
  MtaOptions options{.address = kMta, .relayhost = "[192.0.2.9]"};
  options.retry.minimal_backoff = 10s;
  options.retry.maximal_backoff = 60s;
  SinkScript script{.unanswered_max = 64};
  choose_faults(world, options, script);
  SimSink sink(world, world.add_shard(), ledger, script);
  ASSERT_TRUE(sink.listen(kSink).ok());
  Injector injector(world, world.add_shard(), ledger, {.server = kMta, .messages_count = 40});
  auto mta = std::make_unique<SimMta>(world, std::span(&disk, 1), options);
  injector.start();

  const uint64_t crashes = world.rng.below(4);
  for (uint64_t i = 0; i < crashes; ++i) {
    world.run_for(std::chrono::microseconds(world.rng.below(200'000)));
    ledger.sender_crashed(mta->crash());
    World::bury(std::move(mta));
    mta = std::make_unique<SimMta>(world, std::span(&disk, 1), options);
  }
  const bool injected = world.run_until([&] { return injector.done(); }, 48h);
  if (!injected) ADD_FAILURE() << "the injector is stuck\n" << mta->take_log();

  // Liveness: faults stop, and everything comes to rest.
  world.network.faults = NetworkFaults{};
  mta->set_store_faults({});
  sink.script.drop_at = SinkScript::Stage::kNone;
  sink.script.defer_per_mille = 0;
  const auto records = [&] {
    return disk.table(queue::Family::kFresh).size() + disk.table(queue::Family::kQueued).size();
  };
  const bool rested =
      injected && world.run_until([&] { return records() == 0 && mta->active_count() == 0; }, 120h);
  EXPECT_TRUE(rested) << records() << " messages are stuck\n" << mta->take_log();
  world.run_for(5s);
  EXPECT_TRUE(disk.table(queue::Family::kContent).empty()) << "orphaned content";
  EXPECT_TRUE(disk.table(queue::Family::kSchedule).empty()) << "orphaned schedule entries";
  EXPECT_TRUE(disk.table(queue::Family::kCorrupt).empty());
  const Ledger::Balance balance = ledger.balance();
  const bool store_failed =
      mta->counter(Counter::kStoreFailures) > 0 || options.store.fail_per_mille > 0;
  EXPECT_EQ(balance.lost, 0u) << balance.text() << mta->take_log();
  EXPECT_EQ(balance.unexpected, 0u) << balance.text();
  EXPECT_EQ(balance.corrupt, 0u) << balance.text();
  EXPECT_EQ(balance.contradictory, 0u) << balance.text();
  if (!store_failed)
    EXPECT_EQ(balance.unlawful_duplicates, 0u) << balance.text() << mta->take_log();
  EXPECT_GT(balance.promised, 0u);
  mta->crash();
  World::bury(std::move(mta));
  sink.close();
  EXPECT_TRUE(world.run_until([&] { return sink.idle(); }, 1h));
}

TEST(SimDelivery, AcceptedEndsExactlyOnce) {
  if (std::getenv("BARID_SIM_SEED") != nullptr) {
    run_seed(seed_from_env_or(1));
    return;
  }
  const uint64_t count = number_from_env_or("BARID_SIM_COUNT", 20);
  for (uint64_t seed = 1; seed <= count && !HasFailure(); ++seed) run_seed(seed);
}

}  // namespace
}  // namespace barid::sim
