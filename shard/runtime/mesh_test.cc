// Goal: messages between shards arrive once and in order, a full ring holds back instead of losing,
// and no message waits for a sleeping receiver.
// Method: both ports on one thread for the edges; two reactors on two threads for the traffic.
#include "shard/runtime/mesh.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

struct Inbox {
  std::vector<uint64_t> values;
  uint16_t last_from = 0;
  static void take(void* receiver, const ShardMessage& message) {
    auto& self = *static_cast<Inbox*>(receiver);
    self.values.push_back(message.words[0]);
    self.last_from = message.from;
  }
};
ShardMessage value(uint64_t v) { return {.handle = &Inbox::take, .words = {v}}; }

class MeshTest : public ::testing::Test {
 protected:
  Mesh mesh{2};
  TestShard a, b;
  Inbox inbox_a, inbox_b;
  Mesh::Port port_a{mesh, 0, a.reactor, &inbox_a};
  Mesh::Port port_b{mesh, 1, b.reactor, &inbox_b};
};

TEST_F(MeshTest, ArrivesInOrderWithItsSender) {
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(port_a.send(1, value(i)));
  a.turn();
  b.turn();
  EXPECT_EQ(inbox_b.values, (std::vector<uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(inbox_b.last_from, 0);
  EXPECT_TRUE(inbox_a.values.empty());
}

TEST_F(MeshTest, AShardMaySendToItself) {
  ASSERT_TRUE(port_a.send(0, value(7)));
  a.turn();
  EXPECT_EQ(inbox_a.values, (std::vector<uint64_t>{7}));
}

TEST_F(MeshTest, FullRingOverflowsInOrderAndThenRefuses) {
  constexpr uint64_t kFits = Mesh::kRingCapacity + Mesh::kOverflowMax;
  for (uint64_t i = 0; i < kFits; ++i) ASSERT_TRUE(port_a.send(1, value(i)));
  EXPECT_FALSE(port_a.send(1, value(kFits)));
  while (inbox_b.values.size() < kFits) {
    const size_t before = inbox_b.values.size();
    a.turn();
    b.turn();
    ASSERT_GT(inbox_b.values.size(), before);
  }
  for (uint64_t i = 0; i < kFits; ++i) ASSERT_EQ(inbox_b.values[i], i);
}

TEST_F(MeshTest, WakesOnceATurnAndOnlyASleeper) {
  ASSERT_TRUE(port_a.send(1, value(1)));
  a.turn();
  EXPECT_EQ(b.io.wakes_count, 0);
  b.turn();
  b.reactor.waker().prepare_sleep();
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(port_a.send(1, value(i)));
  EXPECT_EQ(b.io.wakes_count, 0);  // at the end of the sender's turn, once
  a.turn();
  EXPECT_EQ(b.io.wakes_count, 1);
}

TEST_F(MeshTest, WhatALaterHookSendsDoesNotWaitForTheSendersSleep) {
  struct SendsLate final : TurnHook {
    explicit SendsLate(Mesh::Port& p) : port(p) {}
    void on_turn_end() override {
      if (std::exchange(armed, false)) EXPECT_TRUE(port.send(1, value(9)));
    }
    Mesh::Port& port;
    bool armed = true;
  } late(port_a);
  a.reactor.add_turn_hook(late);
  b.reactor.waker().prepare_sleep();
  a.reactor.turn(std::chrono::seconds(9));
  a.reactor.turn(std::chrono::seconds(9));
  EXPECT_EQ(a.io.last_wait, Duration::zero());
  EXPECT_EQ(b.io.wakes_count, 1);
  a.reactor.turn(std::chrono::seconds(9));
  EXPECT_EQ(a.io.last_wait, std::chrono::seconds(9));
}

/// Sends numbers and takes their echoes; echoes the other side's.
struct PingPong {
  Mesh::Port* port = nullptr;
  uint64_t sent = 0;
  uint64_t echoed = 0;
  uint64_t out_of_order = 0;
  static void echo(void* receiver, const ShardMessage& message) {
    auto& self = *static_cast<PingPong*>(receiver);
    ShardMessage answer{.handle = &PingPong::answered, .words = {message.words[0]}};
    if (!self.port->send(message.from, answer)) ++self.out_of_order;
  }
  static void answered(void* receiver, const ShardMessage& message) {
    auto& self = *static_cast<PingPong*>(receiver);
    if (message.words[0] != self.echoed++) ++self.out_of_order;
  }
};

TEST(Mesh, TwoThreadsWithSleepsBetween) {
  constexpr uint64_t kCount = 100'000;
  Mesh mesh(2);
  std::atomic<int> unfinished{2};
  std::barrier both_ended(2);  // a port must live while the other thread may still send to it
  PingPong ends[2];
  const auto shard_main = [&](uint16_t self) {
    SystemClock clock;
    const std::unique_ptr<Io> io = *make_epoll_backend();
    Reactor reactor(clock, *io, self);
    PingPong& me = ends[self];
    Mesh::Port port(mesh, self, reactor, &me);
    me.port = &port;
    const auto peer = static_cast<uint16_t>(1 - self);
    const MonoTime give_up_at = clock.mono() + std::chrono::seconds(40);
    bool finished = false;
    while (unfinished > 0 && clock.mono() < give_up_at) {
      const uint64_t window = me.sent % 64 == 0 ? 1 : 3'000;  // lone messages, and floods
      while (me.sent < kCount && me.sent - me.echoed < window) {
        if (!port.send(peer, {.handle = &PingPong::echo, .words = {me.sent}})) break;
        ++me.sent;
      }
      reactor.turn(finished ? std::chrono::milliseconds(5) : std::chrono::seconds(50));
      if (!finished && me.echoed == kCount) {
        finished = true;
        --unfinished;
      }
    }
    both_ended.arrive_and_wait();
  };
  std::thread other([&] { shard_main(1); });
  shard_main(0);
  other.join();
  for (const PingPong& end : ends) {
    EXPECT_EQ(end.echoed, kCount);
    EXPECT_EQ(end.out_of_order, 0u);
  }
}

}  // namespace
}  // namespace barid::rt
