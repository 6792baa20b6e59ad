// Goal: whatever sites, operators and the power do, the connections of all shards to a site stay
// within its window, nobody starves, dead sites get no attempts, and in the end all mail is done.
// Method: real dispatchers and governors of 1 to 8 shards, in virtual time, thousands of
// destinations at few sites; seeds choose faults, reloads and crashes; every step is checked.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/sim_fleet.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;

FleetOptions choose_options(Rng& rng) {
  FleetOptions options;
  options.shards_count = static_cast<uint16_t>(1 + rng.below(8));
  if (rng.chance(300)) options.total_concurrency = static_cast<uint32_t>(1 + rng.below(20));
  options.lanes = rng.chance(300);
  options.many_jobs = rng.chance(500);
  if (rng.chance(300)) options.lookup_max = 500ms;
  options.sites_change = rng.chance(150);
  if (rng.chance(300)) options.idle = 1ms;
  if (rng.chance(300)) options.put_back_per_mille = 20;
  return options;
}

class Scenario {
 public:
  explicit Scenario(uint64_t seed)
      : world_({.seed = seed}),
        options_(choose_options(world_.rng)),
        sites_(world_.clock, world_.rng, 1 + world_.rng.below(10)),
        fleet_(world_, sites_, options_) {
    const uint64_t count = 10 + world_.rng.below(3'000);
    for (uint64_t i = 0; i < count; ++i) sites_.add_destination();
  }

  void run() {
    SCOPED_TRACE(world_.replay_hint());
    const uint64_t phases = 5 + world_.rng.below(20);
    for (uint64_t i = 0; i < phases && !testing::Test::HasFailure(); ++i) {
      add_mail(world_.rng.below(200));
      disturb();
      step_for(std::chrono::milliseconds(world_.rng.below(4'000)));
    }
    end();
  }

 private:
  SimSite& any_site() { return sites_.all()[world_.rng.below(sites_.all().size())]; }
  size_t any_shard() { return world_.rng.below(fleet_.shards_count()); }

  void step_for(Duration time) {
    const MonoTime end = world_.clock.mono() + time;
    static_cast<void>(world_.run_until(
        [&] {
          fleet_.check();
          return world_.clock.mono() >= end || testing::Test::HasFailure();
        },
        time + 1s));
  }

  void add_mail(uint64_t count) {
    const std::vector<std::string>& all = sites_.destinations();
    const size_t few = 1 + world_.rng.below(all.size());  // sometimes all of it to a few
    for (uint64_t i = 0; i < count; ++i) fleet_.add_message(all[world_.rng.below(few)]);
  }

  void disturb() {
    Rng& rng = world_.rng;
    switch (rng.below(9)) {
      case 0:
        any_site().answers = false;
        break;
      case 1:
        any_site().answers = true;
        break;
      case 2:
        any_site().break_per_mille = static_cast<uint32_t>(rng.below(400));
        break;
      case 3:
        change_limits();
        break;
      case 4:
        fleet_.revive_all();
        break;
      case 5:
        fleet_.withdraw_some(any_shard());
        break;
      case 6: {
        const size_t shard = any_shard();
        fleet_.set_paused(shard, true);
        step_for(std::chrono::milliseconds(rng.below(3'000)));
        fleet_.set_paused(shard, false);
        break;
      }
      case 7:
        if (rng.chance(400)) fleet_.crash();
        break;
      default:
        if (options_.sites_change) move_destinations();
    }
  }

  /// Every shard hears of it in its own time.
  void change_limits() {
    sites_.set_limit(any_site(), static_cast<uint32_t>(1 + world_.rng.below(12)));
    for (size_t shard = 0; shard < fleet_.shards_count(); ++shard) {
      fleet_.reload(shard);
      step_for(std::chrono::milliseconds(world_.rng.below(50)));
    }
    step_for(1ms);
    sites_.settled();
  }

  void move_destinations() {
    for (const std::string& nexthop : sites_.destinations()) {
      if (world_.rng.chance(100)) sites_.move(nexthop, world_.rng.below(sites_.all().size()));
    }
  }

  void end() {
    for (SimSite& site : sites_.all()) {
      site.answers = true;
      site.break_per_mille = 0;
    }
    const auto done = [&] {
      fleet_.check();
      return fleet_.undone_count() == 0 || testing::Test::HasFailure();
    };
    EXPECT_TRUE(world_.run_until(done, 2h)) << fleet_.text();
    EXPECT_TRUE(world_.run_until([&] { return fleet_.at_rest(); }, 1min)) << fleet_.text();
    EXPECT_TRUE(world_.run_until([&] { return fleet_.forgotten(); }, 5min)) << fleet_.text();
  }

  World world_;
  const FleetOptions options_;
  SimSites sites_;
  SimFleet fleet_;
};

TEST(SimGovernor, WindowsHoldAndNobodyStarves) {
  if (std::getenv("BARID_SIM_SEED") != nullptr) {
    Scenario(seed_from_env_or(1)).run();
    return;
  }
  const uint64_t count = number_from_env_or("BARID_SIM_COUNT", 20);
  for (uint64_t seed = 1; seed <= count && !HasFailure(); ++seed) Scenario(seed).run();
}

/// The governor is for connections, not for messages.
TEST(SimGovernor, ShardsTalkLittle) {
  World world({.seed = 1});
  SimSites sites(world.clock, world.rng, 10);
  for (SimSite& site : sites.all()) {
    site.policy = {.window = {.limit = 20}};
    site.open_bound = 20;
    site.service_max = 5ms;
  }
  SimFleet fleet(world, sites, {.shards_count = 2});
  for (int i = 0; i < 1'000; ++i) sites.add_destination();
  for (int i = 0; i < 20'000; ++i) fleet.add_message(sites.destinations()[world.rng.below(1'000)]);
  ASSERT_TRUE(world.run_until([&] { return fleet.undone_count() == 0; }, 10min));
  EXPECT_LT(fleet.link_messages_count(), fleet.messages_count() / 10);
  EXPECT_TRUE(world.run_until([&] { return fleet.at_rest(); }, 1min)) << fleet.text();
}

}  // namespace
}  // namespace barid::sim
