// How fast a memtable is written out. A flush as fast as the disk allows stands before every sync
// of the log for as long as it lasts; one that takes half the time in which the memtable filled is
// done early enough and leaves the disk to the log most of the time. Nothing to configure: the
// fuller the stream of mail, the faster the flush, and one that is behind is not held back at all.
// Thread-safe where it says so. Layer: shard/queue.
#pragma once

#include <rocksdb/listener.h>
#include <rocksdb/rate_limiter.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "core/base/time.h"

namespace barid::queue {

/// The decision. Times are of a steady clock.
class FlushPace {
 public:
  /// `flush_bytes`: what one flush writes, about. `now`: when the memtable that fills was begun.
  FlushPace(uint64_t flush_bytes, MonoTime now) : flush_bytes_(flush_bytes), sealed_at_(now) {}

  /// A memtable is full, the next one begins.
  void on_sealed(MonoTime now) noexcept;
  /// What was sealed until now is about to be written.
  void on_flush_begin() noexcept { taken_count_ = sealed_count_; }
  /// Another memtable waits already.
  [[nodiscard]] bool behind() const noexcept { return sealed_count_ != taken_count_; }
  /// A sync of the log waits for at most one write: small ones where there is time.
  [[nodiscard]] uint64_t write_bytes_max() const noexcept;
  /// How long the writer of `bytes` has to wait first; zero if the flush is behind.
  [[nodiscard]] Duration wait(uint64_t bytes, MonoTime now) noexcept;

 private:
  [[nodiscard]] double rate() const noexcept;  // bytes a second

  const uint64_t flush_bytes_;
  MonoTime sealed_at_;
  Duration fill_time_{};  // of the memtable sealed last
  uint64_t sealed_count_ = 0;
  uint64_t taken_count_ = 0;  // of those, by flushes
  MonoTime next_at_{};        // of the next write
};

/// The decision in RocksDB's hands. Compactions are not paced. Thread-safe.
class PacedFlushes final : public rocksdb::RateLimiter, public rocksdb::EventListener {
 public:
  /// `family`: whose memtables set the pace.
  PacedFlushes(std::string family, uint64_t flush_bytes);

  // rocksdb::EventListener
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override;
  void OnFlushBegin(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;

  // rocksdb::RateLimiter
  using rocksdb::RateLimiter::Request;
  void Request(int64_t bytes, rocksdb::Env::IOPriority priority,
               rocksdb::Statistics* statistics) override;
  void SetBytesPerSecond(int64_t /*rate*/) override {}  // it sets itself
  int64_t GetSingleBurstBytes() const override;
  int64_t GetTotalBytesThrough(rocksdb::Env::IOPriority priority) const override;
  int64_t GetTotalRequests(rocksdb::Env::IOPriority priority) const override;
  int64_t GetBytesPerSecond() const override { return 0; }  // no fixed one

 private:
  const std::string family_;
  mutable std::mutex mutex_;
  FlushPace pace_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> requests_{0};
};

}  // namespace barid::queue
