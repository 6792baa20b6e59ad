// Goal: blocking work comes back to its shard with its result; full, late and stopped pools are
// answered; nothing is leaked or touched after its end.
// Method: the same scenarios on the pool and on the inline twin, latches inside the callables.
#include "shard/runtime/offload.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <optional>
#include <string>

#include "shard/runtime/epoll_backend.h"
#include "shard/runtime/scope.h"
#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

using namespace std::chrono_literals;

struct RealShard {
  SystemClock clock;
  std::unique_ptr<Io> io = *make_epoll_backend();
  Reactor reactor{clock, *io, 1};
  template <typename Predicate>
  bool run_until(Predicate done, Duration limit = 20s) {
    const MonoTime end = clock.mono() + limit;
    while (!done() && clock.mono() < end) reactor.turn(100ms);
    return done();
  }
};

template <typename F, typename R>
Task<void> run_into(Offload& offload, F call, MonoTime deadline, std::optional<R>& out) {
  R result = co_await offload.run(std::move(call), deadline);
  out.emplace(std::move(result));
}

TEST(Offload, ResultsOfEveryShapeComeBack) {
  RealShard shard;
  OffloadPool pool(2, 16);
  ShardOffload offload(shard.reactor, pool);
  Scope scope(shard.reactor);
  const MonoTime deadline = shard.reactor.now() + 20s;
  std::optional<Result<std::string>> text;
  std::optional<Result<int>> number;
  std::optional<Result<int>> failure;
  std::optional<Status> nothing;
  const auto shard_thread = std::this_thread::get_id();
  std::thread::id ran_on;

  auto make_text = [captured = std::string("captured ")] { return captured + "text"; };
  auto make_number = []() -> Result<int> { return 42; };
  auto fail = []() -> Result<int> { return Error{.code = Code::kTemporary}; };
  auto note_thread = [&ran_on] { ran_on = std::this_thread::get_id(); };
  scope.spawn(run_into(offload, make_text, deadline, text));
  scope.spawn(run_into(offload, make_number, deadline, number));
  scope.spawn(run_into(offload, fail, deadline, failure));
  scope.spawn(run_into(offload, note_thread, deadline, nothing));
  ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(**text, "captured text");
  EXPECT_EQ(**number, 42);
  EXPECT_EQ(failure->error().code, Code::kTemporary);
  EXPECT_TRUE(nothing->ok());
  EXPECT_NE(ran_on, shard_thread);
  EXPECT_EQ(offload.counters().finished, 4u);
  EXPECT_EQ(offload.pending_count(), 0u);
}

TEST(Offload, FullQueueIsExhaustedAtOnce) {
  RealShard shard;
  OffloadPool pool(1, 2);
  ShardOffload offload(shard.reactor, pool);
  Scope scope(shard.reactor);
  std::latch started(1), release(1);
  const MonoTime deadline = shard.reactor.now() + 20s;
  std::optional<Result<int>> running, waiting[2], refused;
  auto block = [&] {
    started.count_down();
    release.wait();
    return 1;
  };
  auto quick = [] { return 2; };
  scope.spawn(run_into(offload, block, deadline, running));
  started.wait();
  for (auto& result : waiting) scope.spawn(run_into(offload, quick, deadline, result));
  scope.spawn(run_into(offload, quick, deadline, refused));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->error().code, Code::kExhausted);
  EXPECT_EQ(offload.counters().rejected, 1u);
  release.count_down();
  ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(**running, 1);
  EXPECT_EQ(**waiting[1], 2);
}

TEST(Offload, DeadlineDropsTheJobWhetherItRunsOrWaits) {
  RealShard shard;
  OffloadPool pool(1, 8);
  ShardOffload offload(shard.reactor, pool);
  Scope scope(shard.reactor);
  std::latch started(1), release(1);
  const auto alive = std::make_shared<int>(7);  // counts copies of the callables
  std::atomic<int> ran{0};
  std::optional<Result<int>> running, waiting;
  auto block = [&started, &release, alive] {
    started.count_down();
    release.wait();
    return *alive;
  };
  auto never = [&ran, alive] { return ++ran; };
  scope.spawn(run_into(offload, block, shard.reactor.now() + 50ms, running));
  scope.spawn(run_into(offload, never, shard.reactor.now() + 50ms, waiting));
  started.wait();
  ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(running->error().code, Code::kTimeout);
  EXPECT_EQ(waiting->error().code, Code::kTimeout);
  EXPECT_EQ(offload.counters().abandoned, 2u);
  EXPECT_EQ(offload.pending_count(), 2u);
  release.count_down();
  ASSERT_TRUE(shard.run_until([&] { return offload.pending_count() == 0; }));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(alive.use_count(), 3);  // this one and the two lambdas above
}

TEST(Offload, StopSendsBackWhatDidNotStart) {
  RealShard shard;
  OffloadPool pool(1, 8);
  ShardOffload offload(shard.reactor, pool);
  Scope scope(shard.reactor);
  std::latch started(1), release(1);
  std::optional<Result<int>> running, waiting, late;
  const MonoTime deadline = shard.reactor.now() + 20s;
  auto block = [&] {
    started.count_down();
    release.wait();
    return 1;
  };
  auto quick = [] { return 2; };
  scope.spawn(run_into(offload, block, deadline, running));
  scope.spawn(run_into(offload, quick, deadline, waiting));
  started.wait();
  std::thread stopper([&] { pool.stop(); });
  // stop() is under way once the pool refuses work.
  while (!late.has_value() || late->ok()) {
    late.reset();
    scope.spawn(run_into(offload, quick, deadline, late));
    if (!late.has_value()) break;  // was still accepted; it comes back like `waiting`
  }
  release.count_down();
  stopper.join();
  ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(**running, 1);
  EXPECT_TRUE(waiting->ok() || waiting->error().code == Code::kCancelled);
  std::optional<Result<int>> after;
  scope.spawn(run_into(offload, quick, deadline, after));
  EXPECT_EQ(after->error().code, Code::kExhausted);
}

TEST(Offload, DestructorWaitsForAbandonedJobs) {
  RealShard shard;
  OffloadPool pool(2, 64);
  std::atomic<int> ran{0};
  {
    ShardOffload offload(shard.reactor, pool);
    Scope scope(shard.reactor);
    std::optional<Result<int>> results[32];
    auto slow = [&ran] {
      std::this_thread::sleep_for(5ms);
      return ++ran;
    };
    for (auto& result : results) scope.spawn(run_into(offload, slow, shard.reactor.now(), result));
    ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  }
  const int ran_at_destruction = ran;
  pool.stop();
  EXPECT_EQ(ran, ran_at_destruction);
}

TEST(Offload, TwoShardsShareOnePool) {
  OffloadPool pool(2, 1000);
  constexpr int kCalls = 2'000;
  const auto shard_main = [&pool](uint64_t& sum) {
    RealShard shard;
    ShardOffload offload(shard.reactor, pool);
    Scope scope(shard.reactor);
    for (int i = 0; i < kCalls;) {
      std::optional<Result<int>> results[50];
      for (auto& result : results) {
        auto echo = [i] { return i; };
        scope.spawn(run_into(offload, echo, shard.reactor.now() + 20s, result));
        ++i;
      }
      ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
      for (auto& result : results) sum += static_cast<uint64_t>(**result);
    }
  };
  uint64_t sums[2] = {0, 0};
  std::thread other([&] { shard_main(sums[1]); });
  shard_main(sums[0]);
  other.join();
  constexpr uint64_t kExpected = uint64_t{kCalls} * (kCalls - 1) / 2;
  EXPECT_EQ(sums[0], kExpected);
  EXPECT_EQ(sums[1], kExpected);
}

TEST(InlineOffload, RunsOnTheShardInOrderOneTurnLater) {
  TestShard shard;
  InlineOffload offload(shard.reactor, 2);
  Scope scope(shard.reactor);
  std::vector<int> order;
  std::optional<Result<int>> results[3];
  for (int i = 0; i < 3; ++i) {
    auto note = [&order, i] {
      order.push_back(i);
      return i;
    };
    scope.spawn(run_into(offload, note, shard.reactor.now() + 1s, results[i]));
  }
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(results[2]->error().code, Code::kExhausted);
  shard.turn();
  EXPECT_EQ(order, (std::vector{0, 1}));
  EXPECT_EQ(**results[1], 1);
  EXPECT_EQ(offload.counters().rejected, 1u);
}

}  // namespace
}  // namespace barid::rt
