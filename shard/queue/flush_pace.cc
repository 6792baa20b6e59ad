#include "shard/queue/flush_pace.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace barid::queue {
namespace {

constexpr int kHeadroom = 2;                    // a flush takes 1/2 of the time of filling
constexpr double kRateMin = 64.0 * (1u << 20);  // bytes a second: a rare flush is over soon
constexpr Duration kCatchUpMax = std::chrono::milliseconds(5);
constexpr Duration kWaitMax = std::chrono::milliseconds(50);
constexpr uint64_t kWriteBytesMin = 64u << 10;
constexpr uint64_t kWriteBytesMax = 1u << 20;
constexpr double kWriteSeconds = 0.001;  // what goes out in this time goes out in one write

MonoTime steady_now() noexcept { return std::chrono::steady_clock::now(); }

}  // namespace

void FlushPace::on_sealed(MonoTime now) noexcept {
  fill_time_ = now - sealed_at_;
  sealed_at_ = now;
  ++sealed_count_;
}

double FlushPace::rate() const noexcept {
  const double fill_seconds = std::chrono::duration<double>(fill_time_).count();
  if (fill_seconds <= 0) return kRateMin;
  return std::max(kRateMin, kHeadroom * static_cast<double>(flush_bytes_) / fill_seconds);
}

uint64_t FlushPace::write_bytes_max() const noexcept {
  if (behind()) return kWriteBytesMax;
  return std::clamp(static_cast<uint64_t>(rate() * kWriteSeconds), kWriteBytesMin, kWriteBytesMax);
}

Duration FlushPace::wait(uint64_t bytes, MonoTime now) noexcept {
  if (behind()) return Duration::zero();
  const MonoTime begin = std::max(next_at_, now - kCatchUpMax);
  next_at_ = begin + std::chrono::duration_cast<Duration>(
                         std::chrono::duration<double>(static_cast<double>(bytes) / rate()));
  return std::clamp<Duration>(begin - now, Duration::zero(), kWaitMax);
}

PacedFlushes::PacedFlushes(std::string family, uint64_t flush_bytes)
    : family_(std::move(family)), pace_(flush_bytes, steady_now()) {}

void PacedFlushes::OnMemTableSealed(const rocksdb::MemTableInfo& info) {
  if (info.cf_name != family_) return;
  const std::lock_guard lock(mutex_);
  pace_.on_sealed(steady_now());
}

void PacedFlushes::OnFlushBegin(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& info) {
  if (info.cf_name != family_) return;
  const std::lock_guard lock(mutex_);
  pace_.on_flush_begin();
}

void PacedFlushes::Request(int64_t bytes, rocksdb::Env::IOPriority priority,
                           rocksdb::Statistics* /*statistics*/) {
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (priority != rocksdb::Env::IO_HIGH) return;  // a flush that mail waits for is IO_USER
  Duration wait{};
  {
    const std::lock_guard lock(mutex_);
    wait = pace_.wait(static_cast<uint64_t>(bytes), steady_now());
  }
  if (wait > Duration::zero()) std::this_thread::sleep_for(wait);
}

int64_t PacedFlushes::GetSingleBurstBytes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(pace_.write_bytes_max());
}
int64_t PacedFlushes::GetTotalBytesThrough(rocksdb::Env::IOPriority /*priority*/) const {
  return bytes_.load(std::memory_order_relaxed);
}
int64_t PacedFlushes::GetTotalRequests(rocksdb::Env::IOPriority /*priority*/) const {
  return requests_.load(std::memory_order_relaxed);
}

}  // namespace barid::queue
