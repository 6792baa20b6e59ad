// Goal: a reader that always leaves a remainder costs no more memory than one that does not. (What
// a Stream does is tested by tests/contract, on every back end.)
// Method: a simulated connection, and an operator new that remembers the largest request.
#include "shard/net/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>

#include "shard/net/listener.h"
#include "shard/runtime/scope.h"
#include "shard/sim/sim_network.h"

namespace {
size_t largest_allocation = 0;
}

#if !__has_feature(thread_sanitizer)  // whose run-time brings its own; the test then proves less
void* operator new(size_t bytes) {
  largest_allocation = std::max(largest_allocation, bytes);
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace barid::net {
namespace {

using namespace std::chrono_literals;
using rt::Task;

class StreamTest : public ::testing::Test, public ConnectionHandler {
 protected:
  void on_connection(int fd, const SocketAddress& peer) override {
    server.emplace(reactor, fd, peer);
  }
  bool run_until(const std::function<bool()>& done) {
    for (int turns = 0; turns < 1'000'000 && !done(); ++turns) {
      if (reactor.turn(Duration::zero()) || io.has_work()) continue;
      const auto arrival = network.next_arrival();
      if (arrival.has_value()) clock.advance_to(*arrival);
    }
    return done();
  }
  static Task<void> connect_into(rt::Reactor& reactor, SocketAddress address,
                                 std::optional<Stream>& out) {
    auto connected = co_await net::connect(reactor, address, nullptr, reactor.now() + 10s);
    if (connected.ok()) out.emplace(*std::move(connected));
  }
  void SetUp() override {
    ASSERT_TRUE(listener.open(*SocketAddress::from_ip("127.0.0.1", 0)).ok());
    scope.spawn(connect_into(reactor, listener.local(), client));
    ASSERT_TRUE(run_until([&] { return client.has_value() && server.has_value(); }));
  }
  void TearDown() override {
    client.reset();
    server.reset();
    listener.close();
    EXPECT_TRUE(run_until([&] { return listener.closed() && network.descriptors_count() == 0; }));
  }

  sim::SimClock clock;
  sim::SimNetwork network{clock, 1};
  sim::SimIo& io = network.add_io();
  rt::Reactor reactor{clock, io, 1};
  Listener listener{reactor, *this};
  rt::Scope scope{reactor};
  std::optional<Stream> client;
  std::optional<Stream> server;
};

/// Consumes whole 1,000-byte records only, as a reader of lines does.
Task<void> read_records(rt::Reactor& reactor, Stream& stream, size_t total, size_t& consumed) {
  while (consumed < total) {
    const Status status = co_await stream.read(reactor.now() + 10s);
    const size_t whole = stream.input().size() / 1000 * 1000;
    stream.consume(whole);
    consumed += whole;
    if (!status.ok()) co_return;
  }
}
Task<void> write_all(rt::Reactor& reactor, Stream& stream, size_t total) {
  const std::string piece(7'777, 'x');
  for (size_t sent = 0; sent < total; sent += piece.size()) {
    stream.write(piece);
    static_cast<void>(co_await stream.flush(reactor.now() + 10s));
  }
}

TEST_F(StreamTest, ARemainderThatIsNeverConsumedDoesNotGrowTheInbox) {
  constexpr size_t kTotal = 8'000'000;
  size_t consumed = 0;
  largest_allocation = 0;
  scope.spawn(read_records(reactor, *server, kTotal, consumed));
  scope.spawn(write_all(reactor, *client, kTotal));
  ASSERT_TRUE(run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_GE(consumed, kTotal);
  EXPECT_LT(largest_allocation, 512u * 1024);
}

}  // namespace
}  // namespace barid::net
