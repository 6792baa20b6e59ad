// What RocksDB itself writes down (warnings and errors of its background work), as the file `LOG`
// in a partition's directory. RocksDB's own logger ends the process when the disk was full at one
// line and is asked for another one; here a line that cannot be written is left out.
// At most two files (`LOG`, `LOG.old`) of `bytes_max` each. Thread-safe. Layer: shard/queue.
#pragma once

#include <rocksdb/env.h>

#include <cstdarg>
#include <cstdint>
#include <mutex>
#include <string>

namespace barid::queue {

class InfoLog final : public rocksdb::Logger {
 public:
  /// Appends to `directory`/LOG, which is made when the first line comes.
  InfoLog(const std::string& directory, uint64_t bytes_max);
  InfoLog(const InfoLog&) = delete;
  InfoLog& operator=(const InfoLog&) = delete;
  ~InfoLog() override;

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;
  /// The settings it started with: they follow from ours.
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {}
  size_t GetLogFileSize() const override;

 private:
  void append(const std::string& line);

  const std::string path_;
  const uint64_t bytes_max_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace barid::queue
