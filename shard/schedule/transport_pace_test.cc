// Goal: of a transport with a rate delay one delivery runs at a time, the next begins the delay
// after it ended, whatever the number of shards and who has mail; nobody who has some waits for
// ever, and what is not used goes back.
// Method: paces of several shards on one mesh, stepped on one thread, with random work.
#include "shard/schedule/transport_pace.h"

#include <gtest/gtest.h>

#include "core/base/rng.h"
#include "shard/runtime/test_shard.h"
#include "shard/schedule/dispatcher.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

struct Deliveries {
  uint32_t running = 0;
  MonoTime last_end{};
  std::vector<MonoTime> starts;
};

struct Node final : GovernorHost, TransportPace::Listener {
  Node(rt::Mesh& mesh, uint16_t self, Deliveries& all, Duration pause)
      : deliveries(all),
        delay(pause),
        port(mesh, self, shard.reactor, static_cast<GovernorHost*>(this)),
        link(shard.reactor, &port) {
    transport.name = "smtp";
    pace = std::make_unique<TransportPace>(link, *this, transport, pause);
  }
  GovernorLink& governor_link() override { return link; }
  void on_pace(Transport&) override { consider(); }

  /// As the dispatcher does: asks while something waits, starts what it may.
  void consider() {
    if (busy) return;
    busy = true;
    while (work > 0 && !running) {
      if (pace->ready_count() == 0) pace->ask();
      if (pace->ready_count() == 0) break;
      pace->start();
      EXPECT_EQ(++deliveries.running, 1u);
      const MonoTime now = shard.clock.now;
      if (!deliveries.starts.empty()) EXPECT_GE(now, deliveries.last_end + delay);
      deliveries.starts.push_back(now);
      running = true;
      --work;
    }
    if (work == 0 && !running) pace->rest();
    busy = false;
  }
  void end() {
    running = false;
    --deliveries.running;
    deliveries.last_end = shard.clock.now;
    ++done;
    pace->finish();
    consider();
  }

  Deliveries& deliveries;
  const Duration delay;
  rt::TestShard shard;
  rt::Mesh::Port port;
  GovernorLink link;
  Transport transport;
  std::unique_ptr<TransportPace> pace;
  uint32_t work = 0, done = 0;
  bool running = false, busy = false;
};

class Rig {
 public:
  Rig(uint16_t count, Duration delay) : mesh_(count) {
    for (uint16_t i = 0; i < count; ++i) {
      nodes.push_back(std::make_unique<Node>(mesh_, i, deliveries, delay));
    }
  }
  ~Rig() { nodes.clear(); }
  void step(Duration by) {
    for (const auto& node : nodes) node->shard.clock.now += by;
    for (int quiet = 0, turns = 0; quiet < 3; ++turns) {
      ASSERT_LT(turns, 10'000) << "they talk for ever";
      bool any = false;
      for (const auto& node : nodes) any = node->shard.reactor.turn(Duration::zero()) || any;
      quiet = any ? 0 : quiet + 1;
    }
  }
  [[nodiscard]] uint32_t leased() const {
    uint32_t sum = 0;
    for (const auto& node : nodes) {
      node->link.governor().for_each([&](const Governor::View& view) { sum += view.leased; });
    }
    return sum;
  }

 private:
  rt::Mesh mesh_;

 public:
  Deliveries deliveries;
  std::vector<std::unique_ptr<Node>> nodes;
};

TEST(TransportPace, OneAtATimeOverAllShardsAndNobodyStarves) {
  for (const uint16_t shards : {uint16_t{1}, uint16_t{2}, uint16_t{5}}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE("shards " + std::to_string(shards) + " seed " + std::to_string(seed));
      Rng rng(seed);
      Rig rig(shards, 2s);
      uint32_t total = 0;
      for (const auto& node : rig.nodes) {
        node->work = static_cast<uint32_t>(rng.below(6));
        total += node->work;
        node->consider();
      }
      uint32_t done = 0;
      for (int i = 0; i < 4'000 && done < total; ++i) {
        rig.step(100ms);
        done = 0;
        for (const auto& node : rig.nodes) {
          if (node->running && rng.chance(500)) node->end();
          done += node->done;
        }
      }
      EXPECT_EQ(done, total);
      rig.step(1s);
      EXPECT_EQ(rig.leased(), 0u) << "somebody keeps a turn without mail";
    }
  }
}

TEST(TransportPace, ShardsTakeTurns) {
  Rig rig(3, 1s);
  for (const auto& node : rig.nodes) {
    node->work = 100;
    node->consider();
  }
  for (int i = 0; i < 600; ++i) {
    rig.step(100ms);
    for (const auto& node : rig.nodes) {
      if (node->running) node->end();
    }
  }
  for (const auto& node : rig.nodes) EXPECT_GE(node->done, rig.deliveries.starts.size() / 4);
}

TEST(TransportPace, WhatWasNotAttemptedIsForTheNext) {
  Rig rig(2, 10s);
  Node& node = *rig.nodes[0];
  node.work = 1;
  node.consider();
  rig.step(1ms);
  ASSERT_TRUE(node.running);
  node.pace->cancel();
  EXPECT_EQ(node.pace->ready_count(), 1u);
  node.running = false;
  --rig.deliveries.running;
  rig.deliveries.starts.clear();
  node.consider();  // without mail it goes back
  Node& other = *rig.nodes[1];
  other.work = 1;
  other.consider();
  rig.step(1ms);
  EXPECT_TRUE(other.running) << "a pause after nothing";
  other.end();
}

}  // namespace
}  // namespace barid::schedule
