// Goal: after a power cut at any moment the store holds every group that it acknowledged, the group
// in flight wholly or not at all, and nothing else; again and again, on the same log files.
// Method: the real store on a recording disk; for many moments the directory as it may stand after
// the cut is built, opened and compared with a model. On a disk that lies about syncs the same
// check must fail. BARID_SIM_SEED=n replays one seed, BARID_SIM_COUNT=n runs seeds 1 to n.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "shard/queue/recording_disk.h"
#include "shard/queue/rocks_store.h"
#include "shard/runtime/test_shard.h"

namespace barid::queue {
namespace {

namespace fs = std::filesystem;
using Content = std::map<std::string, std::string>;

constexpr int kLives = 3;
constexpr int kCutsPerLife = 6;
constexpr int kGroupsPerLife = 16;

struct Acknowledgements final : Store::Listener {
  void on_commit(uint64_t group, Status status) override {
    EXPECT_TRUE(status.ok());
    last_group = group;
  }
  void on_recovered() override {}
  uint64_t last_group = 0;
};

Content content_of(const Store& store) {
  struct Collector final : Store::Visitor {
    bool on_entry(std::string_view key, std::string_view value) override {
      all.emplace(key, value);
      return true;
    }
    Content all;
  } collector;
  EXPECT_TRUE(store.scan(Family::kContent, "", collector).ok());
  return std::move(collector.all);
}

/// One start of the store, and what was promised until its end.
class Life {
 public:
  Life(std::string directory, Content content)
      : directory_(std::move(directory)),
        mark_path_(directory_ + "/ACKNOWLEDGED"),
        disk_(std::make_shared<RecordingDisk>(directory_)) {
    states_.push_back(std::move(content));
    acknowledged_at_.push_back(0);
    marks_.push_back(read_mark());
  }

  void run(Rng& dice) {
    OpenFailure failure;
    const auto store = open(disk_, directory_, &failure);
    ASSERT_NE(store, nullptr) << failure.text;
    rt::SystemClock clock;
    rt::NoIo io;
    rt::Reactor reactor(clock, io, 1);
    Acknowledgements acknowledgements;
    store->set_listener(acknowledgements);
    store->attach(reactor);
    for (int i = 0; i < kGroupsPerLife; ++i) {
      const uint64_t group = store->open_group();
      states_.push_back(change(*store, states_.back(), dice));
      store->seal();
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (acknowledgements.last_group < group && std::chrono::steady_clock::now() < give_up) {
        reactor.turn(Duration::zero());
        usleep(50);
      }
      ASSERT_EQ(acknowledgements.last_group, group);
      acknowledged_at_.push_back(disk_->event_count());
      marks_.push_back(read_mark());
    }
    ASSERT_TRUE(store->close().ok());
  }

  struct Verdict {
    std::string wrong;  ///< empty: the store kept its promise
    Content content;
  };
  /// Cuts the power at a random moment; leaves in `target` what the disk then holds.
  Verdict cut(Rng& dice, const std::string& target, bool lying = false) const {
    const size_t at = disk_->moment(dice);
    disk_->restore_after({.at = at, .lying = lying}, dice, target);
    size_t acknowledged = 0;
    while (acknowledged + 1 < states_.size() && acknowledged_at_[acknowledged + 1] <= at) {
      ++acknowledged;
    }
    // Written by the kernel whenever it likes.
    std::ofstream(target + "/ACKNOWLEDGED", std::ios::binary)
        << marks_[dice.next() % 2 == 0 ? acknowledged : dice.next() % (acknowledged + 1)];
    const std::string copy = target + "-opened";
    fs::remove_all(copy);
    fs::copy(target, copy);
    Verdict verdict;
    OpenFailure failure;
    const auto store = open(nullptr, copy, &failure);
    const std::string where =
        "event " + std::to_string(at) + ", " + std::to_string(acknowledged) + " groups: ";
    if (store == nullptr) {
      verdict.wrong = where + failure.text;
      return verdict;
    }
    verdict.content = content_of(*store);
    const bool in_flight_too = acknowledged + 1 < states_.size();
    if (verdict.content != states_[acknowledged] &&
        !(in_flight_too && verdict.content == states_[acknowledged + 1])) {
      verdict.wrong = where + std::to_string(verdict.content.size()) + " entries instead of " +
                      std::to_string(states_[acknowledged].size());
    }
    return verdict;
  }

 private:
  static std::unique_ptr<RocksStore> open(std::shared_ptr<rocksdb::FileSystem> disk,
                                          const std::string& directory, OpenFailure* failure) {
    return open_rocks_store({.directory = directory,
                             .content_buffer_bytes = 8u << 20,
                             .other_buffer_bytes = 2u << 20,
                             .ready_logs_count = 2,
                             .file_system = std::move(disk)},
                            failure);
  }

  /// A group: some entries come, some go; now and then it is larger than a frame of the log.
  static Content change(Store& store, Content content, Rng& dice) {
    const bool large = dice.next() % 4 == 0;
    const int count = large ? 12 : static_cast<int>(1 + dice.next() % 4);
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(dice.next());
      std::string value(large ? 500'000 : dice.next() % 9000, 'v');
      for (char& byte : value) byte = static_cast<char>(dice.next());
      const std::string_view part = value;
      store.put(Family::kContent, key, std::span<const std::string_view>(&part, 1));
      content.emplace(key, std::move(value));
    }
    while (content.size() > 20) {
      store.erase_once(Family::kContent, content.begin()->first);
      content.erase(content.begin());
    }
    return content;
  }

  std::string read_mark() const {
    std::ifstream file(mark_path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string directory_;
  const std::string mark_path_;
  std::shared_ptr<RecordingDisk> disk_;
  std::vector<Content> states_;          // after so many groups
  std::vector<size_t> acknowledged_at_;  // event count when the group was acknowledged
  std::vector<std::string> marks_;       // the ACKNOWLEDGED file then
};

class PowerLoss : public testing::Test {
 protected:
  PowerLoss() {
    char name[] = "/tmp/barid-power-XXXXXX";
    root_ = mkdtemp(name);
    fs::create_directories(root_ + "/0");
  }
  ~PowerLoss() override { fs::remove_all(root_); }
  std::string root_;
};

std::vector<uint64_t> seeds() {
  if (const char* seed = std::getenv("BARID_SIM_SEED")) return {std::strtoull(seed, nullptr, 10)};
  const char* count = std::getenv("BARID_SIM_COUNT");
  std::vector<uint64_t> all;
  for (uint64_t i = 1; i <= (count ? std::strtoull(count, nullptr, 10) : 3); ++i) all.push_back(i);
  return all;
}

TEST_F(PowerLoss, WhatWasAcknowledgedIsThereAndNothingByHalves) {
  for (const uint64_t seed : seeds()) {
    Rng dice(seed);
    Content content;
    std::string directory = root_ + "/0";
    for (int life = 1; life <= kLives; ++life) {
      SCOPED_TRACE("BARID_SIM_SEED=" + std::to_string(seed) + " life " + std::to_string(life));
      Life current(directory, content);
      current.run(dice);
      if (HasFatalFailure()) return;
      const std::string next = root_ + "/" + std::to_string(life);
      for (int i = 0; i < kCutsPerLife; ++i) {
        const Life::Verdict verdict = current.cut(dice, next);
        ASSERT_EQ(verdict.wrong, "");
        content = verdict.content;
      }
      directory = next;
    }
    fs::remove_all(root_);
    fs::create_directories(root_ + "/0");
  }
}

TEST_F(PowerLoss, ADiskThatLiesAboutSyncsIsNoticed) {
  Rng dice(7);
  Life life(root_ + "/0", {});
  life.run(dice);
  int noticed = 0;
  for (int i = 0; i < 10; ++i) noticed += !life.cut(dice, root_ + "/1", true).wrong.empty();
  EXPECT_GT(noticed, 0) << "the check is blind";
}

}  // namespace
}  // namespace barid::queue
