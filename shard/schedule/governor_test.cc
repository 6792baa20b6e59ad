// Goal: leases never exceed the window, nobody who waits starves, health reaches every shard, and
// paced sites get what their rate allows and no more.
// Method: rows of calls for each rule; then random shards against the invariants.
#include "shard/schedule/governor.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/rng.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kBoth[] = {0, 1};
constexpr uint16_t kThree[] = {0, 1, 2};

/// Keeps per shard what it was told.
struct Told final : Governor::Orders {
  struct Shard {
    uint32_t leases = 0, messages = 0, recalled = 0;
    MonoTime dead_until{};
    std::string reason;
  };
  void grant(uint16_t shard, SiteNumber, uint32_t leases, uint32_t messages) override {
    shards[shard].leases += leases;
    shards[shard].messages += messages;
  }
  void recall(uint16_t shard, SiteNumber, uint32_t leases) override {
    shards[shard].recalled += leases;
  }
  void tell_health(uint16_t shard, SiteNumber, MonoTime until,
                   const SiteTrouble& trouble) override {
    shards[shard].dead_until = until;
    shards[shard].reason = trouble.text;
  }
  uint32_t total() const {
    uint32_t sum = 0;
    for (const auto& [number, shard] : shards) sum += shard.leases;
    return sum;
  }
  std::map<uint16_t, Shard> shards;
};

class GovernorTest : public ::testing::Test {
 protected:
  void fail(SiteNumber site, uint16_t shard) {
    const SiteTrouble trouble{.dsn = {4, 4, 1}, .text = "connect: refused"};
    governor.report(site, shard, {.failures = 1, .trouble = &trouble}, now);
  }
  void succeed(SiteNumber site, uint16_t shard, uint32_t count = 1) {
    governor.report(site, shard, {.successes = count}, now);
  }
  void give_back(SiteNumber site, uint16_t shard, uint32_t leases) {
    told.shards[shard].leases -= leases;
    told.shards[shard].recalled -= std::min(leases, told.shards[shard].recalled);
    governor.give_back(site, shard, leases, 0, now);
  }
  void advance(Duration by) {
    const MonoTime end = now + by;
    while (governor.next_event() <= end) {
      now = std::max(now, governor.next_event());
      governor.tick(now);
    }
    now = end;
  }

  Told told;
  Governor governor{told};
  MonoTime now{1h};
  SitePolicy policy;
};

TEST_F(GovernorTest, GrantsUpToTheWindowInTurns) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  ASSERT_EQ(governor.open("mx", policy, 1, now), site);
  governor.want(site, 0, 2, 0, now);
  EXPECT_EQ(told.shards[0].leases, 2u);
  governor.want(site, 1, 50, 0, now);
  EXPECT_EQ(told.shards[1].leases, 3u);  // initial window 5
  succeed(site, 1);
  EXPECT_EQ(told.shards[1].leases, 4u);  // 6
}

TEST_F(GovernorTest, AShardThatHoldsAllMakesRoom) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.want(site, 0, 50, 0, now);
  EXPECT_EQ(told.shards[0].leases, 5u);
  governor.open("mx", policy, 1, now);
  governor.want(site, 1, 50, 0, now);
  EXPECT_EQ(told.shards[1].leases, 0u);
  EXPECT_EQ(told.shards[0].recalled, 2u);  // half of 5 is 2
  governor.want(site, 1, 50, 0, now);
  EXPECT_EQ(told.shards[0].recalled, 2u);  // asked once
  give_back(site, 0, 2);
  EXPECT_EQ(told.shards[1].leases, 2u);
}

TEST_F(GovernorTest, OneLeaseGoesRound) {
  policy.window = {.initial = 1, .limit = 1};
  const SiteNumber site = governor.open("mx", policy, 0, now);
  for (const uint16_t shard : kThree) governor.open("mx", policy, shard, now);
  std::map<uint16_t, int> turns;
  for (const uint16_t shard : kThree) governor.want(site, shard, 9, 0, now);
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(told.total(), 1u);
    for (auto& [shard, state] : told.shards) {
      if (state.leases == 0) continue;
      ++turns[shard];
      if (state.recalled == 0) continue;
      give_back(site, shard, 1);
      governor.want(site, shard, 9, 0, now);
      break;
    }
    advance(10ms);
  }
  for (const uint16_t shard : kThree) EXPECT_GE(turns[shard], 10) << shard;
}

TEST_F(GovernorTest, DeathIsToldToAllAndEnds) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.open("mx", policy, 1, now);
  governor.want(site, 0, 3, 0, now);
  for (int i = 0; i < 3; ++i) fail(site, 0);
  for (const uint16_t shard : kBoth) {
    EXPECT_EQ(told.shards[shard].dead_until, now + policy.dead_time);
    EXPECT_EQ(told.shards[shard].reason, "connect: refused");
  }
  governor.open("mx", policy, 2, now);
  EXPECT_EQ(told.shards[2].dead_until, now + policy.dead_time);  // who comes later hears it too
  give_back(site, 0, 3);
  governor.want(site, 1, 9, 0, now);
  EXPECT_EQ(told.shards[1].leases, 0u);
  advance(policy.dead_time - 1ms);
  EXPECT_EQ(told.shards[1].leases, 0u);
  advance(1ms);
  EXPECT_EQ(told.shards[1].leases, 5u);  // slow start
}

TEST_F(GovernorTest, ADeliveryUnderWayRevives) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.want(site, 0, 5, 0, now);
  for (int i = 0; i < 3; ++i) fail(site, 0);
  EXPECT_GT(told.shards[0].dead_until, now);
  give_back(site, 0, 3);
  succeed(site, 0);
  EXPECT_LE(told.shards[0].dead_until, now);
  governor.want(site, 0, 9, 0, now);
  EXPECT_EQ(told.shards[0].leases, 2u);  // as many as were in use
}

TEST_F(GovernorTest, ReviveAllForgetsDeath) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  for (int i = 0; i < 3; ++i) fail(site, 0);
  governor.revive_all(now);
  EXPECT_LE(told.shards[0].dead_until, now);
  governor.want(site, 0, 9, 0, now);
  EXPECT_EQ(told.shards[0].leases, 5u);
}

TEST_F(GovernorTest, AWindowThatShrankIsRecalled) {
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.want(site, 0, 5, 0, now);
  fail(site, 0);  // 5 -> 3
  EXPECT_EQ(told.shards[0].recalled, 2u);
  give_back(site, 0, 2);
  governor.want(site, 0, 5, 0, now);
  EXPECT_EQ(told.shards[0].leases, 3u);
}

TEST_F(GovernorTest, RateIsExact) {
  policy.messages_per_second = 10;
  policy.burst = 3;
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.open("mx", policy, 1, now);
  for (int i = 0; i < 100; ++i) {
    for (const uint16_t shard : kBoth) governor.want(site, shard, 1, 100, now);
    advance(100ms);
  }
  const uint32_t total = told.shards[0].messages + told.shards[1].messages;
  EXPECT_GE(total, 100u);
  EXPECT_LE(total, 103u);
  EXPECT_GE(told.shards[0].messages, 40u);
  EXPECT_GE(told.shards[1].messages, 40u);
}

TEST_F(GovernorTest, RateDelayCountsFromTheEndOfADelivery) {
  policy.rate_delay = 10s;
  policy.window = {.initial = 1, .limit = 1};
  const SiteNumber site = governor.open("mx", policy, 0, now);
  governor.want(site, 0, 1, 5, now);
  EXPECT_EQ(told.shards[0].messages, 1u);
  advance(60s);
  EXPECT_EQ(told.shards[0].messages, 1u);  // still under way
  succeed(site, 0);
  governor.want(site, 0, 0, 5, now);
  advance(9s);
  EXPECT_EQ(told.shards[0].messages, 1u);
  advance(1s);
  EXPECT_EQ(told.shards[0].messages, 2u);
  for (int i = 0; i < 9; ++i) fail(site, 0);
  EXPECT_EQ(told.shards[0].dead_until, MonoTime{});  // never dead
}

TEST_F(GovernorTest, UnusedSitesAreForgotten) {
  for (int i = 0; i < 100; ++i) {
    const SiteNumber site = governor.open("mx" + std::to_string(i), policy, 0, now);
    governor.close(site, 0, now);
  }
  EXPECT_EQ(governor.sites_count(), 100u);
  advance(61s);
  EXPECT_EQ(governor.sites_count(), 0u);
  EXPECT_EQ(governor.next_event(), MonoTime::max());
}

// Random shards that ask, use, fail and give back: the invariants hold at every step, and every
// shard that keeps wanting gets a lease within a bounded time.
TEST_F(GovernorTest, InvariantsUnderRandomUse) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    told = Told{};
    Governor fresh(told);
    now = MonoTime(1h);
    policy = SitePolicy{};
    policy.window.initial = 1 + static_cast<uint32_t>(rng.below(5));
    policy.window.limit = static_cast<uint32_t>(rng.below(8));
    const auto shards = static_cast<uint16_t>(1 + rng.below(6));
    SiteNumber site = 0;
    for (uint16_t shard = 0; shard < shards; ++shard) site = fresh.open("mx", policy, shard, now);
    std::vector<MonoTime> served(shards, now);
    const auto fail_per_mille = static_cast<uint32_t>(rng.below(3) == 0 ? rng.below(200) : 0);
    for (int step = 0; step < 3000; ++step) {
      now += std::chrono::microseconds(rng.below(3000));
      fresh.tick(now);
      const auto shard = static_cast<uint16_t>(rng.below(shards));
      Told::Shard& state = told.shards[shard];
      const uint32_t out = told.total();
      uint32_t window = 0;
      fresh.for_each([&](const Governor::View& view) {
        window = view.window;
        EXPECT_EQ(view.leased, out);
      });
      if (state.leases > 0) {
        served[shard] = now;
        if (rng.chance(fail_per_mille)) {
          const SiteTrouble trouble{.text = "no"};
          fresh.report(site, shard, {.failures = 1, .trouble = &trouble}, now);
        } else {
          fresh.report(site, shard, {.successes = 1}, now);
        }
        const uint32_t back =
            std::min(state.leases, std::max<uint32_t>(state.recalled, rng.chance(50) ? 1 : 0));
        if (back > 0) {
          state.leases -= back;
          state.recalled -= std::min(back, state.recalled);
          fresh.give_back(site, shard, back, 0, now);
        }
      }
      fresh.want(site, shard, 1 + static_cast<uint32_t>(rng.below(10)), 0, now);
      fresh.for_each([&](const Governor::View& view) {
        if (told.total() > out) EXPECT_LE(told.total(), std::max(view.window, window));
      });
      if (fail_per_mille == 0) EXPECT_LT(now - served[shard], 5s) << "starved";
    }
  }
}

}  // namespace
}  // namespace barid::schedule
