// Goal: the simulated store and the one on RocksDB keep the same promises of queue::Store, so that
// what simulation proves holds for the real one.
// Method: one suite on both; a failing sync is made by a file system under RocksDB and by the dice
// of the twin; reopening shows what is durable.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shard/queue/rocks_store.h"
#include "shard/runtime/epoll_backend.h"
#include "shard/sim/sim_store.h"
#include "shard/sim/world.h"

namespace barid::contract {
namespace {

using namespace std::chrono_literals;
using queue::Family;
using queue::Store;

// --- a file system whose WAL syncs fail on demand

class FailingFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::atomic<bool>& fails)
      : FSWritableFileOwnerWrapper(std::move(file)), fails_(fails) {}
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* dbg) override {
    if (fails_.exchange(false)) return rocksdb::IOStatus::IOError("made to fail");
    return FSWritableFileOwnerWrapper::Sync(options, dbg);
  }

 private:
  std::atomic<bool>& fails_;
};

class FailingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FailingFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FailingFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* dbg) override {
    const rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, dbg);
    if (status.ok() && name.ends_with(".log")) {
      *file = std::make_unique<FailingFile>(std::move(*file), fails);
    }
    return status;
  }
  std::atomic<bool> fails{false};
};

// --- harnesses

class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual Store& store() = 0;
  virtual bool run_until(const std::function<bool()>& done) = 0;
  virtual void fail_next_commit() = 0;
  /// Ends the store as a stopped process does, and opens it again.
  virtual void reopen(Store::Listener& listener) = 0;
};

class RocksHarness final : public StoreHarness {
 public:
  explicit RocksHarness(Store::Listener& listener) {
    std::string name = std::filesystem::temp_directory_path() / "barid-store.XXXXXX";
    directory_ = ::mkdtemp(name.data());
    open(listener);
  }
  ~RocksHarness() override {
    close();
    std::filesystem::remove_all(directory_);
  }
  Store& store() override { return *store_; }
  bool run_until(const std::function<bool()>& done) override {
    const MonoTime end = clock_.mono() + 20s;
    while (!done() && clock_.mono() < end) reactor_.turn(20ms);
    return done();
  }
  void fail_next_commit() override { file_system_->fails = true; }
  void reopen(Store::Listener& listener) override {
    close();
    open(listener);
  }

 private:
  void open(Store::Listener& listener) {
    queue::OpenFailure failure;
    store_ = queue::open_rocks_store({.directory = directory_,
                                      .content_buffer_bytes = 4 << 20,
                                      .other_buffer_bytes = 1 << 20,
                                      .file_system = file_system_,
                                      .reopen_delay = 50ms},
                                     &failure);
    BARID_ASSERT(store_ != nullptr);
    store_->set_listener(listener);
    store_->attach(reactor_);
  }
  void close() {
    EXPECT_TRUE(store_->close().ok());
    store_.reset();
  }
  std::string directory_;
  std::shared_ptr<FailingFileSystem> file_system_ = std::make_shared<FailingFileSystem>();
  rt::SystemClock clock_;
  std::unique_ptr<rt::Io> io_ = *rt::make_epoll_backend();
  rt::Reactor reactor_{clock_, *io_, 1};
  std::unique_ptr<queue::RocksStore> store_;
};

class SimHarness final : public StoreHarness {
 public:
  explicit SimHarness(Store::Listener& listener) { open(listener); }
  Store& store() override { return *store_; }
  bool run_until(const std::function<bool()>& done) override { return world_.run_until(done, 20s); }
  void fail_next_commit() override { store_->fail_next_commit(); }
  void reopen(Store::Listener& listener) override {
    store_->seal();
    world_.run_for(1s);
    store_->crash();
    open(listener);
  }

 private:
  void open(Store::Listener& listener) {
    store_ = std::make_unique<sim::SimStore>(shard_.reactor, disk_, world_.rng.next());
    store_->set_listener(listener);
  }
  sim::World world_{{.seed = 1}};
  sim::World::Shard& shard_ = world_.add_shard();
  sim::SimDisk disk_;
  std::unique_ptr<sim::SimStore> store_;
};

// --- the suite

enum class Kind { kRocks, kSimulated };

class StoreContract : public ::testing::TestWithParam<Kind>, public Store::Listener {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kRocks) {
      harness = std::make_unique<RocksHarness>(*this);
    } else {
      harness = std::make_unique<SimHarness>(*this);
    }
  }
  void on_commit(uint64_t group, Status status) override {
    log.push_back((status.ok() ? "ok " : "failed ") + std::to_string(group));
  }
  void on_recovered() override { log.emplace_back("recovered"); }

  Store& store() { return harness->store(); }
  void put(Family family, std::string_view key, std::string_view value) {
    const std::string_view parts[] = {value};
    store().put(family, key, parts);
  }
  std::string get(Family family, std::string_view key) {
    const auto value = store().get(family, key);
    return value.ok() ? *value : std::string("<") + code_name(value.error().code) + ">";
  }
  std::string keys(Family family, std::string_view from, size_t count_max = 100) {
    struct Keys final : Store::Visitor {
      bool on_entry(std::string_view key, std::string_view) override {
        text.append(key).append(" ");
        return --left > 0;
      }
      std::string text;
      size_t left = 0;
    } visitor;
    visitor.left = count_max;
    EXPECT_TRUE(store().scan(family, from, visitor).ok());
    return visitor.text;
  }
  bool wait_for(size_t entries) {
    return harness->run_until([&] { return log.size() >= entries; });
  }
  void commit() {
    const size_t before = log.size();
    store().seal();
    ASSERT_TRUE(wait_for(before + 1));
  }

  using Log = std::vector<std::string>;
  std::unique_ptr<StoreHarness> harness;
  Log log;
};

TEST_P(StoreContract, AGroupIsVisibleWhenCommittedAndNotBefore) {
  put(Family::kFresh, "k", "v");
  EXPECT_GT(store().open_group_bytes(), 0u);
  EXPECT_EQ(get(Family::kFresh, "k"), "<not found>");
  commit();
  EXPECT_EQ(log, (Log{"ok 1"}));
  EXPECT_EQ(get(Family::kFresh, "k"), "v");
  EXPECT_EQ(get(Family::kQueued, "k"), "<not found>");
  EXPECT_GT(store().free_bytes(), 0u);
}

TEST_P(StoreContract, ValuesAreJoinedFromTheirPartsAndMayHoldAnything) {
  const std::string binary = std::string("\0\xff", 2) + std::string(300'000, 'b');
  const std::string_view parts[] = {"head", binary, "", "tail"};
  store().put(Family::kContent, std::string_view("\0\x01", 2), parts);
  const std::string_view nothing[] = {""};
  store().put(Family::kContent, "empty", nothing);
  commit();
  EXPECT_EQ(get(Family::kContent, std::string_view("\0\x01", 2)), "head" + binary + "tail");
  EXPECT_EQ(get(Family::kContent, "empty"), "");
}

TEST_P(StoreContract, OnlyOneGroupIsUnderWayAndTheNextGathers) {
  put(Family::kFresh, "a", "1");
  const uint64_t first = store().open_group();
  store().seal();
  EXPECT_EQ(store().open_group(), first + 1);
  put(Family::kFresh, "b", "2");
  store().seal();
  EXPECT_EQ(store().open_group(), first + 1);
  ASSERT_TRUE(wait_for(1));
  commit();
  store().seal();  // nothing is open: no group of nothing
  EXPECT_EQ(log, (Log{"ok 1", "ok 2"}));
  EXPECT_EQ(get(Family::kFresh, "b"), "2");
}

TEST_P(StoreContract, LaterOperationsOfAGroupWin) {
  put(Family::kQueued, "k", "1");
  put(Family::kQueued, "k", "2");
  put(Family::kQueued, "gone", "x");
  store().erase(Family::kQueued, "gone");
  store().erase(Family::kQueued, "never there");
  put(Family::kFresh, "once", "x");
  commit();
  EXPECT_EQ(get(Family::kQueued, "k"), "2");
  EXPECT_EQ(get(Family::kQueued, "gone"), "<not found>");
  store().erase_once(Family::kFresh, "once");
  store().erase(Family::kQueued, "k");
  put(Family::kQueued, "k", "3");
  commit();
  EXPECT_EQ(get(Family::kFresh, "once"), "<not found>");
  EXPECT_EQ(get(Family::kQueued, "k"), "3");
}

TEST_P(StoreContract, ScansInByteOrderFromAKey) {
  for (const char* key : {"b", "a\x7f", "a", "c", "ab"}) put(Family::kSchedule, key, "");
  put(Family::kSchedule, "\xff", "");
  commit();
  EXPECT_EQ(keys(Family::kSchedule, ""), "a ab a\x7f b c \xff ");
  EXPECT_EQ(keys(Family::kSchedule, "ab"), "ab a\x7f b c \xff ");
  EXPECT_EQ(keys(Family::kSchedule, "aa", 2), "ab a\x7f ");
  EXPECT_EQ(keys(Family::kSchedule, "\xff\xff"), "");
}

TEST_P(StoreContract, WhatWasCommittedSurvivesReopening) {
  put(Family::kFresh, "a", "1");
  put(Family::kContent, "a", std::string(2'000'000, 'c'));
  commit();
  store().erase_once(Family::kFresh, "a");
  put(Family::kQueued, "a", "2");
  commit();
  harness->reopen(*this);
  EXPECT_EQ(get(Family::kFresh, "a"), "<not found>");
  EXPECT_EQ(get(Family::kQueued, "a"), "2");
  EXPECT_EQ(get(Family::kContent, "a").size(), 2'000'000u);
}

TEST_P(StoreContract, AFailedCommitFailsWhatGatheredBehindItAndRecovers) {
  put(Family::kFresh, "before", "1");
  commit();
  harness->fail_next_commit();
  put(Family::kFresh, "doomed", "2");
  store().seal();
  put(Family::kFresh, "behind", "3");
  ASSERT_TRUE(wait_for(3));
  EXPECT_EQ(Log(log.begin(), log.begin() + 3), (Log{"ok 1", "failed 2", "failed 3"}));
  ASSERT_TRUE(wait_for(4));
  EXPECT_EQ(log[3], "recovered");
  EXPECT_TRUE(store().writable());
  EXPECT_EQ(get(Family::kFresh, "before"), "1");
  EXPECT_EQ(get(Family::kFresh, "behind"), "<not found>");
  const std::string doomed = get(Family::kFresh, "doomed");
  EXPECT_TRUE(doomed == "2" || doomed == "<not found>") << doomed;
  put(Family::kFresh, "after", "4");
  commit();
  EXPECT_EQ(log.back(), "ok 4");
  harness->reopen(*this);
  EXPECT_EQ(get(Family::kFresh, "before"), "1");
  EXPECT_EQ(get(Family::kFresh, "after"), "4");
}

INSTANTIATE_TEST_SUITE_P(Twins, StoreContract, ::testing::Values(Kind::kRocks, Kind::kSimulated),
                         [](const auto& kind) {
                           return kind.param == Kind::kRocks ? "rocksdb" : "simulated";
                         });

}  // namespace
}  // namespace barid::contract
