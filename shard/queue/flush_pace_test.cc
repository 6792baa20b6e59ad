// FlushPace: the time a flush takes follows from the time the memtable took to fill.
#include "shard/queue/flush_pace.h"

#include <gtest/gtest.h>

#include <chrono>

namespace barid::queue {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kFlushBytes = 32u << 20;
constexpr uint64_t kWriteBytes = 256u << 10;

class FlushPaceTest : public testing::Test {
 protected:
  /// Seals memtables `fill` apart and begins to write the last one.
  void fill(milliseconds fill) {
    for (int i = 0; i < 3; ++i) {
      now_ += fill;
      pace_.on_sealed(now_);
    }
    pace_.on_flush_begin();
  }
  /// Time from now until all is written by a disk that takes `each` for a write.
  milliseconds flush(milliseconds each = milliseconds(0)) {
    const MonoTime begin = now_;
    for (uint64_t done = 0; done < kFlushBytes; done += kWriteBytes) {
      now_ += pace_.wait(kWriteBytes, now_);
      now_ += each;
    }
    return std::chrono::duration_cast<milliseconds>(now_ - begin);
  }

  MonoTime now_{std::chrono::seconds(1000)};
  FlushPace pace_{kFlushBytes, now_};
};

TEST_F(FlushPaceTest, TakesHalfTheTimeOfFilling) {
  for (const int ms : {100, 250, 700}) {
    fill(milliseconds(ms));
    EXPECT_NEAR(static_cast<double>(flush().count()), ms / 2.0, 10) << ms;
  }
}

TEST_F(FlushPaceTest, RareFlushIsOverSoon) {
  fill(std::chrono::hours(1));
  EXPECT_NEAR(static_cast<double>(flush().count()), 500, 10);
}

TEST_F(FlushPaceTest, SlowDiskIsNotHeldBack) {
  fill(milliseconds(250));
  EXPECT_LE(flush(milliseconds(1)).count(), 140);  // 128 writes of 1 ms each: more than half of 250
}

TEST_F(FlushPaceTest, FlushThatIsBehindDoesNotWait) {
  fill(milliseconds(700));
  EXPECT_GT(
      pace_.wait(kWriteBytes, now_) + pace_.wait(kFlushBytes, now_) + pace_.wait(kWriteBytes, now_),
      Duration::zero());
  pace_.on_sealed(now_);
  EXPECT_EQ(pace_.wait(kWriteBytes, now_), Duration::zero());
  EXPECT_EQ(flush(), milliseconds(0));
  pace_.on_flush_begin();  // the next one takes what is sealed
  fill(milliseconds(700));
  EXPECT_GT(flush().count(), 300);
}

TEST_F(FlushPaceTest, WritesAreSmallWhereThereIsTime) {
  fill(std::chrono::seconds(1));
  EXPECT_LT(pace_.write_bytes_max(), 80U << 10);
  fill(milliseconds(250));  // 256 MiB a second
  EXPECT_NEAR(static_cast<double>(pace_.write_bytes_max()), 256 * 1048.576, 10);
  pace_.on_sealed(now_);
  EXPECT_EQ(pace_.write_bytes_max(), 1U << 20);
}

TEST_F(FlushPaceTest, NoSingleWaitIsLong) {
  fill(milliseconds(700));
  for (int i = 0; i < 100; ++i) EXPECT_LE(pace_.wait(kFlushBytes, now_), milliseconds(50));
}

TEST(PacedFlushesTest, OnlyFlushesNobodyWaitsForArePaced) {
  PacedFlushes flushes("content", kFlushBytes);
  const auto time = [&](rocksdb::Env::IOPriority priority) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) flushes.Request(4 << 20, priority, nullptr);
    return std::chrono::steady_clock::now() - begin;
  };
  EXPECT_GE(time(rocksdb::Env::IO_HIGH), milliseconds(90));  // 64 MiB a second, the third waits
  EXPECT_LT(time(rocksdb::Env::IO_USER), milliseconds(40));
  EXPECT_LT(time(rocksdb::Env::IO_LOW), milliseconds(40));
  EXPECT_EQ(flushes.GetTotalBytesThrough(rocksdb::Env::IO_TOTAL), 9 * (4 << 20));
  EXPECT_EQ(flushes.GetTotalRequests(rocksdb::Env::IO_TOTAL), 9);
}

}  // namespace
}  // namespace barid::queue
