// Goal: the forms of probes.cc hold for the project's own Task on the compiler in use.
// Method: the forms that once broke elsewhere, plus depth and destruction, on shard/runtime/task.h.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/base/result.h"
#include "shard/runtime/task.h"

namespace barid::rt {
namespace {

/// Runs a task that never waits for anything outside itself.
template <typename T>
T finish(Task<T> task) {
  const auto handle = task.release();
  handle.resume();
  BARID_ASSERT(handle.done());
  T result = handle.promise().take();
  handle.destroy();
  return result;
}

using Counter = std::shared_ptr<int>;  // use_count() tells how many copies are alive

struct Options {
  Counter first;
  Counter second;
  bool flag = false;
};

Task<bool> truth() { co_return true; }
Task<Counter> copy(Counter counter) { co_return counter; }
Task<long> uses(Options options) { co_return options.first.use_count(); }
template <typename Function>
Task<long> call(Function function) {
  co_return function();
}
Task<Result<int>> number(bool ok) {
  if (ok) co_return 7;
  co_return Error{.code = Code::kTimeout};
}

Task<int> if_head() {
  if (co_await truth()) co_return 1;
  co_return 0;
}
Task<long> designated(Counter counter) {
  co_return co_await uses({.first = counter, .second = counter, .flag = true});
}
Task<long> lambda(Counter counter) {
  co_return co_await call([counter] { return counter.use_count(); });
}
Task<long> braces(Counter counter) {
  const Options options{co_await copy(counter), co_await copy(counter)};
  co_return options.first.use_count();
}
Task<Result<int>> tried(bool ok) {
  BARID_CO_TRY(const int value, co_await number(ok));
  co_return value + 1;
}
Task<int> deep(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await deep(depth - 1);
}
Task<int> loop(int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) total += co_await if_head();
  co_return total;
}

TEST(TaskProbe, AwaitInIfHeadTakesTheBranch) { EXPECT_EQ(finish(if_head()), 1); }

TEST(TaskProbe, ArgumentsAreDestroyedOnce) {
  const auto counter = std::make_shared<int>(1);
  EXPECT_GE(finish(designated(counter)), 3);
  EXPECT_GE(finish(lambda(counter)), 3);
  EXPECT_GE(finish(braces(counter)), 3);
  EXPECT_EQ(counter.use_count(), 1);
}

TEST(TaskProbe, TryMacroReturnsValueOrError) {
  EXPECT_EQ(*finish(tried(true)), 8);
  EXPECT_EQ(finish(tried(false)).error().code, Code::kTimeout);
}

TEST(TaskProbe, ManyAwaitsUseNoStack) { EXPECT_EQ(finish(loop(200'000)), 200'000); }

TEST(TaskProbe, NestedAwaitsUseStackOnlyWhileTheyRun) { EXPECT_EQ(finish(deep(1000)), 1000); }

TEST(TaskProbe, UnstartedTaskFreesItsArguments) {
  const auto counter = std::make_shared<int>(1);
  { const auto task = designated(counter); }
  EXPECT_EQ(counter.use_count(), 1);
}

}  // namespace
}  // namespace barid::rt
