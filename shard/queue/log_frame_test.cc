// Goal: a log file gives back exactly what was written to it and nothing that an earlier use of the
// file left there; a write that was cut short ends it, damage does not pass for that.
// Method: images of files built in memory, cut and flipped at every byte.
#include "shard/queue/log_frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace barid::queue {
namespace {

class Memory final : public LogSource {
 public:
  explicit Memory(std::string bytes) : bytes_(std::move(bytes)) {}
  size_t read(char* buffer, size_t bytes) override {
    const size_t take = std::min(bytes, bytes_.size() - at_);
    std::memcpy(buffer, bytes_.data() + at_, take);
    at_ += take;
    return take;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

constexpr uint32_t kBlock = 32;

/// A payload that ends in "+" is not synced before the next one is written.
std::string image(uint64_t number, const std::vector<std::string>& payloads) {
  LogFrameWriter writer(number, kBlock);
  const auto header = writer.file_header();
  std::string bytes(header.data(), header.size());
  bytes.append(writer.padding(bytes.size()), '\0');
  for (const std::string& payload : payloads) {
    const auto frame = writer.frame_header(payload);
    bytes.append(frame.data(), frame.size()).append(payload);
    bytes.append(writer.padding(bytes.size()), '\0');
    if (!payload.ends_with('+')) writer.synced();
  }
  return bytes;
}

/// Written over the start of what was there.
std::string over(std::string older, const std::string& newer) {
  return newer.size() >= older.size() ? newer : older.replace(0, newer.size(), newer);
}

struct Outcome {
  LogFrameReader::Form form;
  std::string bytes;
  bool damaged = false;
};

Outcome read_all(const std::string& file, uint64_t number, size_t step = 7) {
  Memory source(file);
  LogFrameReader reader(source, number);
  Outcome outcome{.form = reader.start(), .bytes = {}};
  if (outcome.form == LogFrameReader::Form::kForeign) return outcome;
  std::string buffer(step, '\0');
  for (;;) {
    const size_t got = reader.read(buffer.data(), step);
    outcome.bytes.append(buffer, 0, got);
    if (got < step) break;
  }
  outcome.damaged = reader.damaged();
  return outcome;
}

TEST(LogFrame, GivesBackWhatWasWrittenWhateverTheStep) {
  const std::string file = image(5, {"alpha", std::string(1000, 'b'), "c"});
  const std::string expected = "alpha" + std::string(1000, 'b') + "c";
  for (const size_t step : {1u, 2u, 7u, 64u, 4096u})
    EXPECT_EQ(read_all(file, 5, step).bytes, expected);
}

TEST(LogFrame, EndsWhereItsOwnWritesEndWhateverTheFileHeldBefore) {
  const std::string zeros(5000, '\0');
  const std::string older = image(4, {"one", "two", "three", "four", std::string(2000, 'x')});
  const std::string twin = image(3, {"first", "second", "stale", "more"});  // same places
  for (const std::string& before : {zeros, older, twin}) {
    EXPECT_EQ(read_all(over(before, image(5, {"first", "other2"})), 5).bytes, "firstother2");
  }
  EXPECT_EQ(read_all(over(older, image(5, {})), 5).bytes, "") << "only the header was written";
}

TEST(LogFrame, NeverWrittenMeansEmpty) {
  EXPECT_EQ(read_all(std::string(4096, '\0'), 5).form, LogFrameReader::Form::kEmpty);
  EXPECT_EQ(read_all("", 5).form, LogFrameReader::Form::kEmpty);
  const Outcome earlier = read_all(image(4, {"earlier"}), 5);
  EXPECT_EQ(earlier.form, LogFrameReader::Form::kEmpty) << "still the file of log 4";
  EXPECT_EQ(earlier.bytes, "");
}

TEST(LogFrame, AnotherFormIsForeign) {
  EXPECT_EQ(read_all("a log of RocksDB itself, no frames", 5).form, LogFrameReader::Form::kForeign);
}

TEST(LogFrame, CutAnywhereGivesWholeFramesOnly) {
  const std::vector<std::string> payloads = {"alpha", "beta", "gamma"};
  const std::string file = image(5, payloads);
  for (size_t cut = kLogHeaderBytes; cut < file.size(); ++cut) {
    const std::string got = read_all(file.substr(0, cut), 5).bytes;
    const size_t whole = (cut + kBlock - kLogFrameHeaderBytes - 4) / kBlock;
    EXPECT_TRUE(got.empty() || got == "alpha" || got == "alphabeta" || got == "alphabetagamma");
    EXPECT_LE(got.size(), whole * 5) << cut << ": " << got;
  }
}

TEST(LogFrame, DamageBeforeALaterSyncIsToldNotForgotten) {
  const std::string file = image(5, {"alpha", "beta", "gamma"});
  for (size_t i = 0; i < 4; ++i) {
    std::string damaged = file;
    damaged[2 * kBlock + kLogFrameHeaderBytes + i] ^= 0x40;  // in "beta"
    const Outcome outcome = read_all(damaged, 5);
    EXPECT_EQ(outcome.bytes, "alpha");
    EXPECT_TRUE(outcome.damaged);
  }
  std::string torn = file;
  torn[3 * kBlock + kLogFrameHeaderBytes] ^= 0x40;  // the last: cut short as far as one can tell
  EXPECT_EQ(read_all(torn, 5).bytes, "alphabeta");
  EXPECT_FALSE(read_all(torn, 5).damaged);
}

// A large group is several frames and one sync; a disk keeps no order among them.
TEST(LogFrame, AFrameMissingFromTheLastSyncIsNoDamage) {
  std::string file = image(5, {"alpha", "beta+", "gamma+", "delta"});
  file[2 * kBlock + kLogFrameHeaderBytes] ^= 0x40;  // "beta" did not reach the disk, "delta" did
  EXPECT_EQ(read_all(file, 5).bytes, "alpha");
  EXPECT_FALSE(read_all(file, 5).damaged);
  std::string synced = image(5, {"alpha", "beta+", "gamma+", "delta", "epsilon"});
  synced[2 * kBlock + kLogFrameHeaderBytes] ^= 0x40;
  EXPECT_TRUE(read_all(synced, 5).damaged) << "epsilon was written after a sync of all before it";
}

}  // namespace
}  // namespace barid::queue
