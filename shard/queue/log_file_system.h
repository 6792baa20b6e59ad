// The file system that a partition's RocksDB gets: log files that are no longer needed are kept
// and written over, instead of being deleted and made anew. A sync of bytes that lie in blocks the
// file already has needs no journal commit of the file system: it takes half the time, and other
// files' unwritten data does not delay it (docs/performance.md). RocksDB's own recycling is no
// choice, it excludes every strict recovery mode (docs/adr/0004-recovery-mode.md).
// Files other than logs pass through. Thread-safe. Layer: shard/queue.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace barid::queue {

struct LogReuse {
  size_t spares_max = 0;     ///< files kept for reuse; 0 = none are
  uint64_t bytes_max = 0;    ///< a larger one is deleted all the same
  size_t ready_count = 0;    ///< so many spares are there after prepare()
  uint64_t ready_bytes = 0;  ///< size of those that it makes
};

class LogFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  LogFileSystem(std::shared_ptr<rocksdb::FileSystem> target, std::string directory,
                const LogReuse& reuse);
  const char* Name() const override { return "BaridLogFileSystem"; }

  /// Finds the spare files of earlier runs and makes the missing ones, written and synced.
  rocksdb::IOStatus prepare();

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

 private:
  [[nodiscard]] std::string spare_path(size_t slot) const;
  rocksdb::IOStatus make_spare(const std::string& path);
  rocksdb::IOStatus open_log(const std::string& name, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result,
                             rocksdb::IODebugContext* context);
  rocksdb::IOStatus open_table(const std::string& name, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSWritableFile>* result,
                               rocksdb::IODebugContext* context);

  const std::string directory_;
  const LogReuse reuse_;
  std::mutex mutex_;
  std::vector<bool> spares_;  // slot: is there a file
};

}  // namespace barid::queue
