// Goal: faults do what they say, and a seed replays to the packet. (That the network behaves like
// the kernel's is the contract suite's affair.)
// Method: one stream between two shards of a world, one fault at a time.
#include "shard/sim/sim_network.h"

#include <gtest/gtest.h>

#include <optional>

#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "shard/sim/world.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;
using net::SocketAddress;
using net::Stream;
using rt::Task;

const SocketAddress kServer = *SocketAddress::from_ip("192.0.2.1", 25);

/// Receives everything and remembers how each connection ended.
struct Receiver final : net::ConnectionHandler {
  explicit Receiver(World::Shard& s) : shard(s), listener(s.reactor, *this), scope(s.reactor) {
    EXPECT_TRUE(listener.open(kServer).ok());
  }
  void on_connection(int fd, const SocketAddress& peer) override {
    ++connections_count;
    scope.spawn(receive(Stream(shard.reactor, fd, peer)));
  }
  Task<void> receive(Stream stream) {
    for (;;) {
      const Status status = co_await stream.read(shard.reactor.now() + 24h);
      bytes.append(stream.input());
      stream.consume(stream.input().size());
      if (!status.ok()) {
        last_end = status.error().code;
        co_return;
      }
    }
  }
  World::Shard& shard;
  net::Listener listener;
  rt::Scope scope;
  std::string bytes;
  std::optional<Code> last_end;
  int connections_count = 0;
};

Task<void> send_all(World::Shard& shard, std::string bytes, MonoTime deadline, Code& result) {
  auto stream = co_await net::connect(shard.reactor, kServer, nullptr, deadline);
  if (!stream.ok()) {
    result = stream.error().code;
    co_return;
  }
  (*stream).write(bytes);
  const Status sent = co_await (*stream).flush(deadline);
  result = sent.ok() ? Code::kOk : sent.error().code;
}

class SimNetworkTest : public ::testing::Test {
 protected:
  SimNetworkTest() { build(/*seed=*/42); }
  ~SimNetworkTest() override { tear_down(); }
  void build(uint64_t seed) {
    world.emplace(WorldOptions{.seed = seed});
    server = &world->add_shard();
    client = &world->add_shard();
    receiver.emplace(*server);
    scope.emplace(client->reactor);
  }
  void tear_down() {
    receiver->listener.close();
    EXPECT_TRUE(world->run_until(
        [this] { return receiver->scope.tasks_count() == 0 && receiver->listener.closed(); }, 48h));
    scope.reset();
    receiver.reset();
    EXPECT_EQ(world->network.descriptors_count(), 0u);
    world.reset();
  }
  Code send(std::string bytes, Duration limit = 1h) {
    Code result = Code::kIo;
    scope->spawn(send_all(*client, std::move(bytes), client->reactor.now() + limit, result));
    EXPECT_TRUE(world->run_until([this] { return scope->tasks_count() == 0; }, 48h));
    EXPECT_TRUE(world->run_until([this] { return receiver->scope.tasks_count() == 0; }, 48h));
    return result;
  }

  std::optional<World> world;
  World::Shard* server = nullptr;
  World::Shard* client = nullptr;
  std::optional<Receiver> receiver;
  std::optional<rt::Scope> scope;
};

TEST_F(SimNetworkTest, ASeedReplaysToThePacket) {
  struct Trace {
    uint64_t packets;
    Duration time;
    bool operator==(const Trace&) const = default;
  };
  const auto run = [this](uint64_t seed) {
    tear_down();
    build(seed);
    world->network.faults.segment_bytes_max = 100;
    world->network.faults.latency_max = 50ms;
    const MonoTime start = world->clock.mono();
    EXPECT_EQ(send(std::string(50'000, 'x')), Code::kOk);
    return Trace{world->network.packets_count(), world->clock.mono() - start};
  };
  const Trace first = run(7);
  EXPECT_EQ(run(7), first);
  EXPECT_FALSE(run(8) == first);
}

TEST_F(SimNetworkTest, ResetAtEveryByte) {
  const std::string text = "EHLO example\r\nMAIL FROM:<>\r\n";
  for (size_t at = 1; at < text.size(); ++at) {
    receiver->bytes.clear();
    receiver->last_end.reset();
    world->network.reset_next_connection_after(at);
    static_cast<void>(send(text));
    EXPECT_EQ(receiver->bytes, text.substr(0, at));
    EXPECT_EQ(receiver->last_end, Code::kReset);
  }
}

TEST_F(SimNetworkTest, RandomResetsNeverReorderOrDamage) {
  world->network.faults.reset_per_mille = 50;
  world->network.faults.segment_bytes_max = 7;
  std::string text;
  for (int i = 0; i < 200; ++i) text += std::to_string(i) + ",";
  int resets = 0;
  for (int i = 0; i < 100; ++i) {
    receiver->bytes.clear();
    static_cast<void>(send(text));
    EXPECT_EQ(text.substr(0, receiver->bytes.size()), receiver->bytes);
    resets += receiver->last_end == Code::kReset ? 1 : 0;
  }
  EXPECT_GT(resets, 50);
}

TEST_F(SimNetworkTest, ConnectFaults) {
  world->network.faults.refuse_per_mille = 1000;
  EXPECT_EQ(send("x"), Code::kRefused);
  world->network.faults.refuse_per_mille = 0;
  world->network.faults.unanswered_per_mille = 1000;
  EXPECT_EQ(send("x", 30s), Code::kTimeout);
  world->network.faults.unanswered_per_mille = 0;
  world->network.set_silent(kServer, true);
  EXPECT_EQ(send("x", 30s), Code::kTimeout);
  world->network.set_silent(kServer, false);
  EXPECT_EQ(send("x"), Code::kOk);
}

TEST_F(SimNetworkTest, PartitionHoldsEverythingAndLosesNothing) {
  world->network.set_partitioned("192.0.2.1", true);
  Code result = Code::kIo;
  scope->spawn(send_all(*client, "held", client->reactor.now() + 2h, result));
  world->run_for(1h);
  EXPECT_EQ(receiver->connections_count, 0);
  world->network.set_partitioned("192.0.2.1", false);
  ASSERT_TRUE(world->run_until([this] { return receiver->last_end.has_value(); }, 1min));
  EXPECT_EQ(result, Code::kOk);
  EXPECT_EQ(receiver->bytes, "held");
}

TEST_F(SimNetworkTest, SlowHostsAreSlow) {
  world->network.set_delay("192.0.2.1", 10s);
  const MonoTime start = world->clock.mono();
  EXPECT_EQ(send("slow"), Code::kOk);
  EXPECT_GE(world->clock.mono() - start, 30s);  // connect, its answer, the bytes
}

TEST_F(SimNetworkTest, ConnectionsSpreadOverReusePortListeners) {
  Receiver second(*client);
  for (int i = 0; i < 60; ++i) {
    Code result = Code::kIo;
    scope->spawn(send_all(*client, "x", client->reactor.now() + 1h, result));
    ASSERT_TRUE(world->run_until([this] { return scope->tasks_count() == 0; }, 1h));
  }
  world->run_for(1min);
  EXPECT_GT(receiver->connections_count, 10);
  EXPECT_GT(second.connections_count, 10);
  second.listener.close();
  EXPECT_TRUE(world->run_until(
      [&] { return second.listener.closed() && second.scope.tasks_count() == 0; }, 1min));
}

}  // namespace
}  // namespace barid::sim
