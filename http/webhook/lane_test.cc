// Goal: what a lane sends next, whatever the receiver does: order, retries, bounds, and what is
// left after a restart. Method: virtual time; a receiver that fails by plan.
#include "http/webhook/lane.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/rng.h"

namespace barid::http {
namespace {

using namespace std::chrono_literals;

const WallTime kStart = wall_from_micros(1'700'000'000'000'000);
const std::vector<Duration> kRetries = {5s, 5min, 30min};

QueueId id(uint64_t number) { return {.micros = 1000 + number, .partition = 1}; }
WallTime at(Duration since_start) {
  return std::chrono::time_point_cast<WallTime::duration>(kStart + since_start);
}
Lane new_lane() { return {kRetries, id(0)}; }

TEST(Lane, RetriesByTheScheduleThenDead) {
  Lane lane = new_lane();
  lane.offer(id(1), 7, kStart);
  WallTime now = kStart;
  for (const Duration pause : kRetries) {
    ASSERT_EQ(lane.take(now), std::vector{id(1)});
    EXPECT_TRUE(lane.take(now).empty());  // under way
    lane.on_answer(id(1), Lane::Answer::kFailed, now, 0.5);
    EXPECT_TRUE(lane.take(now).empty());
    const auto due = lane.next_due();
    ASSERT_TRUE(due);
    EXPECT_EQ(*due - now, pause * 11 / 10);  // half of the jitter of a fifth
    now = *due;
  }
  ASSERT_EQ(lane.take(now), std::vector{id(1)});
  lane.on_answer(id(1), Lane::Answer::kFailed, now, 0);
  EXPECT_EQ(lane.open_count(), 0u);
  EXPECT_EQ(lane.dead_count(), 1u);
  EXPECT_EQ(lane.oldest_needed(), id(1));  // a replay may want it
  lane.forget_dead(now);
  EXPECT_EQ(lane.dead_count(), 0u);
}

TEST(Lane, OfOneEmailInOrderOthersPass) {
  Lane lane = new_lane();
  lane.offer(id(1), 7, kStart);
  lane.offer(id(2), 7, kStart);
  lane.offer(id(3), 8, kStart);
  EXPECT_EQ(lane.take(kStart), (std::vector{id(1), id(3)}));
  lane.on_answer(id(3), Lane::Answer::kTaken, kStart, 0);
  lane.on_answer(id(1), Lane::Answer::kFailed, kStart, 0);
  EXPECT_TRUE(lane.take(at(4s)).empty());
  EXPECT_EQ(lane.take(at(5s)), std::vector{id(1)});
  lane.on_answer(id(1), Lane::Answer::kTaken, at(5s), 0);
  EXPECT_EQ(lane.take(at(5s)), std::vector{id(2)});
}

TEST(Lane, DeadEndpointCostsAWindowAtMostAndIsProbedEverLess) {
  Lane lane = new_lane();
  uint64_t next = 0;
  uint64_t attempts = 0;
  for (Duration time = 0s; time < 12h; time += 1s) {
    while (lane.wants_more() && next < 100'000) {
      ++next;
      lane.offer(id(next), next, at(time));
    }
    for (const QueueId event : lane.take(at(time))) {
      ++attempts;
      lane.on_answer(event, Lane::Answer::kFailed, at(time), 0.5);
    }
    ASSERT_LE(lane.open_count(), Lane::kWindowMax);
  }
  EXPECT_LT(next, 1000u);
  EXPECT_LT(attempts, 2000u);
  EXPECT_GT(attempts, 100u);
  // It is back: everything is taken within minutes.
  WallTime now = at(12h);
  for (int second = 0; second < 1200; ++second, now += 1s) {
    for (const QueueId event : lane.take(now)) lane.on_answer(event, Lane::Answer::kTaken, now, 0);
  }
  EXPECT_EQ(lane.open_count(), 0u);
  EXPECT_EQ(lane.failing_since(), WallTime{});
}

TEST(Lane, APoisonedEventKeepsItsPaceBesideAHealthyStream) {
  Lane lane = new_lane();
  lane.offer(id(1), 1, kStart);
  uint64_t next = 1;
  std::vector<Duration> tries;
  for (Duration time = 0s; time < 10min; time += 1s) {
    ++next;
    lane.offer(id(next), next, at(time));
    for (const QueueId event : lane.take(at(time))) {
      if (event == id(1)) tries.push_back(time);
      lane.on_answer(event, event == id(1) ? Lane::Answer::kFailed : Lane::Answer::kTaken, at(time),
                     0);
    }
    ASSERT_LE(lane.open_count(), 1u);
  }
  EXPECT_EQ(tries, (std::vector<Duration>{0s, 5s, 305s}));
}

TEST(Lane, NothingIsLostOverRestarts) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    Lane lane = new_lane();
    std::string stored = lane.state();
    std::map<uint64_t, uint64_t> taken;  // times
    constexpr uint64_t kEvents = 300;
    WallTime now = kStart;
    const auto read_up = [&] {  // what the worker does from the store
      for (uint64_t n = lane.cursor().micros - 1000 + 1; n <= kEvents && lane.wants_more(); ++n) {
        lane.offer(id(n), n % 20, now);
      }
    };
    std::map<uint64_t, uint64_t> last_of_order;
    for (int step = 0; step < 20'000 && taken.size() < kEvents; ++step, now += 1s) {
      read_up();
      for (const QueueId event : lane.take(now)) {
        const uint64_t number = event.micros - 1000;
        if (rng.below(10) == 0) {
          lane.on_answer(event, Lane::Answer::kFailed, now, 0);
          continue;
        }
        if (taken[number]++ == 0) {
          EXPECT_LT(last_of_order[number % 20], number) << "seed " << seed;
          last_of_order[number % 20] = number;
        }
        lane.on_answer(event, Lane::Answer::kTaken, now, 0);
      }
      if (rng.below(3) == 0) stored = lane.state();
      if (rng.below(50) == 0) {  // a crash: the last state stored counts
        Lane again = new_lane();
        ASSERT_TRUE(again.restore(stored));
        lane = std::move(again);
      }
    }
    EXPECT_EQ(taken.size() + lane.dead_count(), kEvents) << "seed " << seed;
  }
}

TEST(Lane, ReplayStartsAgainOnceForEachOrder) {
  Lane lane = new_lane();
  for (uint64_t n = 1; n <= 3; ++n) {
    lane.offer(id(n), n, kStart);
    for (const QueueId event : lane.take(kStart))
      lane.on_answer(event, Lane::Answer::kTaken, kStart, 0);
  }
  lane.replay(1, id(1));
  EXPECT_EQ(lane.cursor(), id(1));
  lane.offer(id(2), 2, kStart);
  Lane again = new_lane();
  ASSERT_TRUE(again.restore(lane.state()));
  again.replay(1, id(1));  // known already
  EXPECT_EQ(again.cursor(), id(2));
  EXPECT_EQ(again.take(kStart), std::vector{id(2)});
}

/// What was wanted since some moment is wanted from before it if a replay says so; a restart, or
/// news of any endpoint, tells both again.
TEST(Lane, AReplayOfEarlierEventsGoesOnAfterARestart) {
  Lane lane = new_lane();
  lane.start_after(id(50));
  EXPECT_EQ(lane.cursor(), id(50));
  lane.replay(1, QueueId{});
  for (uint64_t n = 1; n <= 3; ++n) {
    Lane again = new_lane();
    ASSERT_TRUE(again.restore(lane.state())) << lane.state();
    again.start_after(id(50));
    again.replay(1, QueueId{});
    ASSERT_LT(again.cursor(), id(n));
    again.skip(id(n));
    lane = std::move(again);
  }
  lane.start_after(id(60));  // it was disabled, and enabled again
  EXPECT_EQ(lane.cursor(), id(60));
}

TEST(Lane, DamagedStatesAreRefused) {
  Lane lane = new_lane();
  lane.offer(id(1), 1, kStart);
  const std::string good = lane.state();
  for (const std::string& state :
       {std::string("{"), std::string("{}"), std::string("[]"), good.substr(0, good.size() / 2),
        std::string(R"({"cursor":"x","open":[],"dead":[]})"),
        std::string(R"({"cursor":"00000000G000","open":[["a"]],"dead":[]})"),
        std::string(R"({"cursor":"00000000G000","open":[],"dead":["3"]})")}) {
    EXPECT_FALSE(lane.restore(state)) << state;
  }
  EXPECT_EQ(lane.state(), good);
}

}  // namespace
}  // namespace barid::http
