// Goal: awaiting costs no stack, values arrive whole, frames are freed wherever a task ends.
// Method: deep chains, long sequences, counted live objects; sanitizers see the rest.
#include "shard/runtime/task.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "shard/runtime/frame_pool.h"
#include "shard/runtime/test_shard.h"

namespace barid::rt {
namespace {

using namespace std::chrono_literals;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BARID_SANITIZED 1
#endif
#endif

Task<int> give(int value) { co_return value; }
Task<int> give_later(Reactor& reactor, int value) {
  co_await yield(reactor);
  co_return value;
}

[[gnu::noinline]] uintptr_t stack_position() noexcept {
  return reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
}

Task<void> await_many(int64_t times, int64_t& sum, uintptr_t& drift_bytes) {
  const uintptr_t start = stack_position();
  for (int64_t i = 0; i < times; ++i) sum += co_await give(1);
  const uintptr_t end = stack_position();
  drift_bytes = start > end ? start - end : end - start;
}

TEST(Task, AMillionReadyAwaitsUseNoStack) {
  TestShard shard;
  Scope scope(shard.reactor);
  int64_t sum = 0;
  uintptr_t drift_bytes = 1 << 20;
  scope.spawn(await_many(1'000'000, sum, drift_bytes));
  EXPECT_EQ(scope.tasks_count(), 0u);
  EXPECT_EQ(sum, 1'000'000);
  EXPECT_LT(drift_bytes, 4096u);
}

Task<void> await_many_later(Reactor& reactor, int times, int64_t& sum) {
  for (int i = 0; i < times; ++i) sum += co_await give_later(reactor, 1);
}

TEST(Task, SuspendedAwaitsUseNoStackEither) {
  TestShard shard;
  Scope scope(shard.reactor);
  int64_t sum = 0;
  scope.spawn(await_many_later(shard.reactor, 100'000, sum));
  ASSERT_TRUE(shard.run_until([&] { return scope.tasks_count() == 0; }));
  EXPECT_EQ(sum, 100'000);
}

Task<int> descend(Reactor& reactor, int depth) {
  if (depth == 0) {
    co_await yield(reactor);
    co_return 0;
  }
  const int below = co_await descend(reactor, depth - 1);
  co_return below + 1;
}
Task<void> run_descend(Reactor& reactor, int depth, int& result) {
  result = co_await descend(reactor, depth);
}

// Going down uses the stack (each level is resumed in place); coming back up must not.
TEST(Task, DeepChainUnwindsThroughEveryLevel) {
  TestShard shard;
  Scope scope(shard.reactor);
  int result = 0;
  scope.spawn(run_descend(shard.reactor, 5'000, result));
  EXPECT_EQ(result, 0);
  shard.turn();
  EXPECT_EQ(result, 5'000);
}

Task<std::unique_ptr<std::string>> give_owned() {
  co_return std::make_unique<std::string>("owned");
}
Task<void> take_owned(std::string& out) {
  const std::unique_ptr<std::string> got = co_await give_owned();
  out = *got;
}

TEST(Task, MoveOnlyValues) {
  TestShard shard;
  Scope scope(shard.reactor);
  std::string out;
  scope.spawn(take_owned(out));
  EXPECT_EQ(out, "owned");
}

struct Counted {
  explicit Counted(int& live_count) : live(&live_count) { ++*live; }
  Counted(Counted&& other) noexcept : live(other.live) { ++*live; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*live; }
  int* live;
};

Task<void> hold(Reactor& reactor, Counted parameter) {
  const Counted local(*parameter.live);
  co_await Sleep(reactor, reactor.now() + 1s);
}
Task<void> hold_below(Reactor& reactor, Counted parameter) {
  const Counted local(*parameter.live);
  co_await hold(reactor, Counted(*parameter.live));
}
constexpr int kHeldBelow = 5;  // a parameter and a local in each frame, the temporary between them

TEST(Task, FramesAreFreedWhereverTheTaskStands) {
  TestShard shard;
  int live = 0;
  { const Task<void> never_started = hold_below(shard.reactor, Counted(live)); }
  EXPECT_EQ(live, 0);
  {
    Task<void> sleeping = hold_below(shard.reactor, Counted(live));
    const auto handle = sleeping.release();
    handle.resume();
    EXPECT_EQ(live, kHeldBelow);  // suspended two levels down, in a Sleep
    handle.destroy();
  }
  EXPECT_EQ(live, 0);
  EXPECT_TRUE(shard.reactor.timers().empty());
  {
    Task<void> replaced = hold(shard.reactor, Counted(live));
    replaced = hold(shard.reactor, Counted(live));
    EXPECT_EQ(live, 1);
  }
  EXPECT_EQ(live, 0);
  {
    Scope scope(shard.reactor);
    scope.spawn(hold_below(shard.reactor, Counted(live)));
    EXPECT_EQ(live, kHeldBelow);
    shard.advance(1s);
    EXPECT_EQ(scope.tasks_count(), 0u);
  }
  EXPECT_EQ(live, 0);
}

TEST(FramePool, ReusesFramesOfOneClassAndKeepsClassesApart) {
  frame_pool_trim();
  void* const first = frame_pool_allocate(200);
  std::memset(first, 0xab, 200);
  frame_pool_free(first, 200);
  void* const same_class = frame_pool_allocate(250);
#ifndef BARID_SANITIZED
  EXPECT_EQ(same_class, first);
#endif
  void* const other_class = frame_pool_allocate(300);
  EXPECT_NE(other_class, same_class);
  frame_pool_free(same_class, 250);
  frame_pool_free(other_class, 300);
  frame_pool_trim();
}

TEST(FramePool, EverySizeIsWritableToItsEnd) {
  std::vector<std::pair<void*, size_t>> frames;
  for (size_t bytes = 1; bytes < 9000; bytes += 61) {
    void* const frame = frame_pool_allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(frame) % alignof(std::max_align_t), 0u);
    std::memset(frame, 0x5a, bytes);
    frames.emplace_back(frame, bytes);
  }
  for (const auto& [frame, bytes] : frames) frame_pool_free(frame, bytes);
  frame_pool_trim();
}

}  // namespace
}  // namespace barid::rt
