// The queue directory: whose it is, which format it has, who uses it now, and which partitions are
// in it. A directory that is not ours, is newer, is in use or cannot be written is refused with one
// sentence and left untouched.
//
//   VERSION          "barid queue 1\n"
//   lock             locked (fcntl, open file description) by the living process; holds its pid
//   public/          the control socket
//   suspensions      what operators suspended
//   warmup           what warming addresses sent today
//   partition-NNNN/  one RocksDB each
//
// Layer: shard/queue. Blocking: used at start, before shards run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace barid::queue {

inline constexpr int kQueueFormatVersion = 1;

class QueueDirectory {
 public:
  QueueDirectory() = default;
  QueueDirectory(const QueueDirectory&) = delete;
  QueueDirectory& operator=(const QueueDirectory&) = delete;
  ~QueueDirectory();

  /// Creates the directory if it is missing or empty, checks it, and locks it for this process.
  /// Returns an empty string, or the sentence that says why not.
  [[nodiscard]] std::string open(const std::string& path);

  /// Finds the partitions of a queue that nobody serves, for reading: nothing is made or locked.
  /// Returns an empty string, or the sentence that says why not.
  [[nodiscard]] std::string look(const std::string& path);

  /// Numbers of the partitions found, ascending.
  [[nodiscard]] const std::vector<uint16_t>& partitions() const noexcept { return partitions_; }
  [[nodiscard]] std::string partition_path(uint16_t number) const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// The pid in the lock file if a living process holds it, else 0.
  [[nodiscard]] static int holder(const std::string& path);

 private:
  [[nodiscard]] std::string check_version();
  [[nodiscard]] std::string lock();
  [[nodiscard]] std::string create();
  void find_partitions();

  std::string path_;
  int lock_fd_ = -1;
  std::vector<uint16_t> partitions_;
};

}  // namespace barid::queue
