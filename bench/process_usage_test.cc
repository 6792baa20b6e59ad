// Goal: what a process tree uses is counted, also by processes that ended, and a tree is ended
// whole. Method: real shells that burn CPU, write, and leave a detached child behind.
#include "bench/process_usage.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "bench/subprocess.h"

namespace barid::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SpawnOptions shell(const std::string& script, const std::string& output = "") {
  return {.arguments = {"/bin/sh", "-c", script},
          .environment_extra = {},
          .output_path = output,
          .directory = ""};
}

/// Waits until the condition holds, at most ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

TEST(RunToEnd, ExitCodesAndTimeouts) {
  const std::string output = testing::TempDir() + "/barid-bench-run-" + std::to_string(::getpid());
  EXPECT_TRUE(run_to_end(shell("exit 0"), seconds(10)).ok());
  const absl::Status failed = run_to_end(shell("echo why; exit 3", output), seconds(10));
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(std::string(failed.message()).find("ended with 3: why"), std::string::npos);
  EXPECT_TRUE(absl::IsDeadlineExceeded(run_to_end(shell("sleep 30"), milliseconds(50))));
  EXPECT_FALSE(run_to_end({.arguments = {"/nonexistent/program"},
                           .environment_extra = {},
                           .output_path = "",
                           .directory = ""},
                          seconds(10))
                   .ok());
  ::unlink(output.c_str());
}

TEST(ProcessTree, CountsWhatEndedProcessesUsed) {
  ProcessTree tree;
  // The burner is a grandchild that ends; its shell lives on.
  ASSERT_TRUE(
      tree.start(shell("sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; sleep 30"))
          .ok());
  EXPECT_TRUE(eventually([&] { return read_tree_usage(tree.root()).cpu_seconds >= 0.05; }));
  EXPECT_GT(read_tree_memory(tree.root()), 100'000u);
  EXPECT_GE(read_tree_usage(tree.root()).process_count, 2u);
  tree.stop(Duration{});
  EXPECT_FALSE(tree.running());
}

TEST(ProcessTree, CatchesProcessesThatDetach) {
  ProcessTree tree;
  ASSERT_TRUE(tree.start(shell("setsid sh -c 'sleep 30 & exec sleep 30' & exit 0")).ok());
  // The shell is gone; guardian and two sleepers remain.
  EXPECT_TRUE(eventually([&] { return descendants_of(tree.root()).size() == 2; }));
  const std::vector<pid_t> sleepers = descendants_of(tree.root());
  EXPECT_TRUE(tree.running());
  tree.stop(seconds(5));
  EXPECT_FALSE(tree.running());
  for (const pid_t pid : sleepers) EXPECT_NE(::kill(pid, 0), 0) << pid;
}

TEST(ProcessTree, StubbornProcessesAreKilled) {
  ProcessTree tree;
  ASSERT_TRUE(tree.start(shell("trap '' TERM; while :; do sleep 1; done")).ok());
  ASSERT_TRUE(eventually([&] { return !children_of(tree.root()).empty(); }));
  std::this_thread::sleep_for(milliseconds(50));
  tree.stop(milliseconds(100));
  EXPECT_FALSE(tree.running());
}

TEST(ProcessTree, EndsWithItsLastProcess) {
  ProcessTree tree;
  ASSERT_TRUE(tree.start(shell("exit 7")).ok());
  EXPECT_TRUE(eventually([&] { return !tree.running(); }));
  EXPECT_EQ(tree.root(), 0);
}

TEST(MachineCpu, Grows) {
  const double before = read_machine_cpu();
  EXPECT_GT(before, 0);
  EXPECT_TRUE(eventually([&] { return read_machine_cpu() > before; }));
}

}  // namespace
}  // namespace barid::bench
