// What a server costs: CPU, memory and written bytes of a process and all its descendants, read
// from /proc. A process that ended is included through its parent: the kernel adds the CPU time and
// the I/O of a child that was waited for to its parent's own figures.
// Source: proc(5). Layer: bench.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace barid::bench {

/// Living descendants of a process, nearest first, without itself.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t root);
[[nodiscard]] std::vector<pid_t> children_of(pid_t parent);

struct TreeUsage {
  double cpu_seconds = 0;
  /// Bytes handed to the block layer or about to be (pages made dirty), minus those that were
  /// dropped again before they were written. 0 and !io_known where /proc/PID/io is not readable.
  uint64_t written_bytes = 0;
  bool io_known = true;
  uint32_t process_count = 0;
};
[[nodiscard]] TreeUsage read_tree_usage(pid_t root);

/// Proportional set sizes of the tree's processes: pages that several of them share, such as those
/// of a forked server, count once.
[[nodiscard]] uint64_t read_tree_memory(pid_t root);

/// CPU seconds that all processes together have used on all processors since boot.
[[nodiscard]] double read_machine_cpu() noexcept;

/// Bytes written to the block device that holds `path`, by anybody, since boot. Nothing when the
/// kernel has no counter for it (overlay, tmpfs, network file systems).
[[nodiscard]] std::optional<uint64_t> read_device_written(const std::string& path);

/// Writes back everything the file system of `path` still holds in memory.
void sync_file_system(const std::string& path) noexcept;

/// Samples read_tree_memory() from construction to stop().
class MemorySampler {
 public:
  explicit MemorySampler(pid_t root);
  ~MemorySampler();
  MemorySampler(const MemorySampler&) = delete;
  MemorySampler& operator=(const MemorySampler&) = delete;

  /// Ends the sampling and returns the peak in bytes.
  uint64_t stop();

 private:
  void run();

  const pid_t root_;
  std::atomic<uint64_t> peak_{0};
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace barid::bench
