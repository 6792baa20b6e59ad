// A disk for tests that can lose power at any moment of its past: a file system that records what
// is written, renamed and synced, and builds the directory as it may stand after a power cut at the
// n-th event. What was synced is there. Of the rest, names survive as a prefix (journals keep their
// order), bytes written over existing ones sector by sector, bytes that make a file longer as a
// prefix. A lying disk forgets about syncs: a test that passes on it proves nothing.
// One flat directory. Thread-safe while recording. Layer: shard/queue, tests only.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/rng.h"

namespace barid::queue {

struct DiskEvent {
  enum class Kind : uint8_t { kName, kRename, kRemove, kWrite, kTruncate, kSync, kSyncNames };
  Kind kind;
  uint64_t file = 0;     ///< kName, kWrite, kTruncate, kSync
  std::string name;      ///< kName, kRename (from), kRemove
  std::string new_name;  ///< kRename
  uint64_t offset = 0;   ///< kWrite; kTruncate: the new size
  std::string bytes;     ///< kWrite
};

class RecordingDisk final : public rocksdb::FileSystemWrapper {
 public:
  /// What is in `directory` now counts as synced.
  explicit RecordingDisk(std::string directory);
  const char* Name() const override { return "RecordingDisk"; }

  [[nodiscard]] size_t event_count() const;
  /// A moment to cut the power: any, or as often one where everything waits for a sync to return.
  [[nodiscard]] size_t moment(Rng& dice) const;
  struct Cut {
    size_t at = 0;  ///< events from here on did not happen
    bool lying = false;
  };
  /// Makes `target` the directory after a power cut. Call when nothing writes any more.
  void restore_after(const Cut& cut, Rng& dice, const std::string& target) const;

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* context) override;

  void record(DiskEvent event);

 private:
  using Names = std::map<std::string, uint64_t>;
  static void apply_name(Names& names, const DiskEvent& event);
  uint64_t add_file(const std::string& name);
  void record_rename(const std::string& from, const std::string& to);

  mutable std::mutex mutex_;
  std::map<uint64_t, std::string> first_contents_;
  Names first_names_;
  Names names_;  // now
  uint64_t file_count_ = 0;
  std::vector<DiskEvent> events_;
};

}  // namespace barid::queue
