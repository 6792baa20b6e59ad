// Micro benchmarks of the runtime: ring, task, timer, event, echo round trip per back end.
// Gates: allocs_per_op == 0 for every one of them in the steady state.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/io_uring_backend.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/spsc_ring.h"

namespace {
std::atomic<uint64_t> allocations_count{0};
}

void* operator new(size_t bytes) {
  allocations_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace barid {
namespace {

using namespace std::chrono_literals;
using net::Stream;
using rt::Task;

/// Counts allocations of its lifetime into a per-operation counter.
class AllocationProbe {
 public:
  explicit AllocationProbe(benchmark::State& state) : state_(state), start_(allocations_count) {}
  void finish(double operations) {
    const auto count = static_cast<double>(allocations_count - start_);
    state_.counters["allocs_per_op"] = operations > 0 ? count / operations : 0;
  }

 private:
  benchmark::State& state_;
  uint64_t start_;
};

struct Message {
  std::array<uint64_t, 8> words;
};

void BM_RingPushPopSameThread(benchmark::State& state) {
  rt::SpscRing<Message, 1024> ring;
  Message message{};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(ring.try_push(message));
    benchmark::DoNotOptimize(ring.try_pop(&message));
  }
}
BENCHMARK(BM_RingPushPopSameThread);

void BM_RingCrossThread(benchmark::State& state) {
  auto ring = std::make_unique<rt::SpscRing<Message, 1024>>();
  std::atomic<bool> stop{false};
  std::thread producer([&] {
    const Message message{};
    while (!stop.load(std::memory_order_relaxed)) {
      if (!ring->try_push(message)) std::this_thread::yield();
    }
  });
  Message message{};
  AllocationProbe probe(state);
  for ([[maybe_unused]] auto _ : state) {
    while (!ring->try_pop(&message)) std::this_thread::yield();
  }
  probe.finish(static_cast<double>(state.iterations()));
  stop = true;
  producer.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RingCrossThread)->UseRealTime();

/// A reactor on a real back end.
struct Shard {
  explicit Shard(std::unique_ptr<rt::Io> backend)
      : io(std::move(backend)), reactor(clock, *io, 1), scope(reactor) {}
  rt::SystemClock clock;
  std::unique_ptr<rt::Io> io;
  rt::Reactor reactor;
  rt::Scope scope;
};

Task<int> one() { co_return 1; }
Task<void> await_ready_tasks(benchmark::State& state) {
  AllocationProbe probe(state);
  int64_t sum = 0;
  for ([[maybe_unused]] auto _ : state) sum += co_await one();
  benchmark::DoNotOptimize(sum);
  probe.finish(static_cast<double>(state.iterations()));
}
void BM_TaskAwait(benchmark::State& state) {
  Shard shard(*rt::make_epoll_backend());
  shard.scope.spawn(await_ready_tasks(state));
}
BENCHMARK(BM_TaskAwait);

struct NullTimer final : rt::Timer {
  void on_timer() override {}
};
void BM_TimerArmCancel(benchmark::State& state) {
  rt::TimerQueue queue;
  std::vector<NullTimer> others(static_cast<size_t>(state.range(0)));
  Rng rng(1);
  for (NullTimer& timer : others) {
    queue.arm(timer, MonoTime(std::chrono::milliseconds(rng.below(600'000))));
  }
  NullTimer timer;
  queue.arm(timer, MonoTime());  // the heap has its size now
  AllocationProbe probe(state);
  for ([[maybe_unused]] auto _ : state) {
    queue.arm(timer, MonoTime(std::chrono::milliseconds(rng.below(600'000))));
    queue.cancel(timer);
  }
  probe.finish(static_cast<double>(state.iterations()));
}
BENCHMARK(BM_TimerArmCancel)->Arg(0)->Arg(1'000)->Arg(100'000);

struct Server final : net::ConnectionHandler {
  explicit Server(Shard& s) : shard(s), listener(s.reactor, *this) {}
  void on_connection(int fd, const net::SocketAddress& peer) override {
    shard.scope.spawn(echo(shard.reactor, Stream(shard.reactor, fd, peer)));
  }
  static Task<void> echo(rt::Reactor& reactor, Stream stream) {
    for (;;) {
      const Status status = co_await stream.read(reactor.now() + 300s);
      if (!status.ok()) co_return;
      stream.write(stream.input());
      stream.consume(stream.input().size());
    }
  }
  Shard& shard;
  net::Listener listener;
};

Task<void> ping(benchmark::State& state, Shard& shard, net::SocketAddress address) {
  auto connected =
      co_await net::connect(shard.reactor, address, nullptr, shard.reactor.now() + 10s);
  if (!connected.ok()) {
    state.SkipWithError("connect");
    co_return;
  }
  Stream stream = *std::move(connected);
  const std::string question(static_cast<size_t>(state.range(0)), 'q');
  size_t round_trips = 0;
  std::optional<AllocationProbe> probe;
  for ([[maybe_unused]] auto _ : state) {
    if (++round_trips == 10) probe.emplace(state);  // pools and buffers have their size by then
    stream.write(question);
    size_t left = question.size();
    while (left > 0) {
      const Status status = co_await stream.read(shard.reactor.now() + 300s);
      if (!status.ok()) {
        state.SkipWithError("read");
        co_return;
      }
      const size_t count = std::min(left, stream.input().size());
      stream.consume(count);
      left -= count;
    }
  }
  if (probe.has_value()) probe->finish(static_cast<double>(round_trips - 9));
}

void echo_round_trip(benchmark::State& state, Result<std::unique_ptr<rt::Io>> io) {
  if (!io.ok()) {
    state.SkipWithError("this back end is not available here");
    return;
  }
  Shard shard(*std::move(io));
  Server server(shard);
  const Status opened = server.listener.open(*net::SocketAddress::from_ip("127.0.0.1", 0));
  if (!opened.ok()) {
    state.SkipWithError("listen");
    return;
  }
  const uint64_t turns_before = shard.reactor.turns_count();
  shard.scope.spawn(ping(state, shard, server.listener.local()));
  while (shard.scope.tasks_count() > 0) shard.reactor.turn(1s);
  state.counters["turns_per_op"] = static_cast<double>(shard.reactor.turns_count() - turns_before) /
                                   static_cast<double>(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0) * 2);
  server.listener.close();
  while (!server.listener.closed()) shard.reactor.turn(10ms);
}
void BM_EchoUring(benchmark::State& state) { echo_round_trip(state, rt::make_uring_backend()); }
void BM_EchoEpoll(benchmark::State& state) { echo_round_trip(state, rt::make_epoll_backend()); }
BENCHMARK(BM_EchoUring)->Arg(64)->Arg(16'384)->UseRealTime();
BENCHMARK(BM_EchoEpoll)->Arg(64)->Arg(16'384)->UseRealTime();

}  // namespace
}  // namespace barid

BENCHMARK_MAIN();
