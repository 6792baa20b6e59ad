// Goal: what a store acknowledged is there after any failure and reopening, and nothing else is
// promised. Method: the real RocksDB on a temporary directory, with failing log writes and syncs.
#include "shard/queue/rocks_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "shard/queue/faulty_file_system.h"
#include "shard/runtime/test_shard.h"

namespace barid::queue {
namespace {

struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory() {
    char name[] = "/tmp/barid-store-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

/// Remembers what the store said about each group.
struct Recorder final : Store::Listener {
  void on_commit(uint64_t group, Status status) override {
    EXPECT_EQ(group, last_group + 1) << "groups are decided in order";
    last_group = group;
    ok[group] = status.ok();
  }
  void on_recovered() override { ++recovered; }
  uint64_t last_group = 0;
  std::map<uint64_t, bool> ok;
  int recovered = 0;
};

struct Fixture {
  TemporaryDirectory directory;
  std::shared_ptr<FaultPlan> plan = std::make_shared<FaultPlan>();
  rt::SystemClock clock;
  rt::NoIo io;
  std::unique_ptr<rt::Reactor> reactor = std::make_unique<rt::Reactor>(clock, io, 1);
  Recorder recorder;
  std::unique_ptr<RocksStore> store;
  uint64_t content_buffer_bytes = 64u << 20;

  void open() {
    OpenFailure failure;
    store = open_rocks_store({.directory = directory.path + "/db",
                              .content_buffer_bytes = content_buffer_bytes,
                              .file_system = std::make_shared<FaultyFileSystem>(plan),
                              .reopen_delay = std::chrono::milliseconds(5)},
                             &failure);
    ASSERT_NE(store, nullptr) << failure.text;
    recorder = Recorder{};
    store->set_listener(recorder);
    store->attach(*reactor);
  }
  void put(std::string_view key, std::string_view value) {
    store->put(Family::kFresh, key, std::span<const std::string_view>(&value, 1));
  }
  template <typename P>
  bool turn_until(P done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < give_up) {
      reactor->turn(Duration::zero());
      usleep(200);
    }
    return done();
  }
  void commit() {
    const uint64_t group = store->open_group();
    store->seal();
    ASSERT_TRUE(turn_until([&] { return recorder.last_group >= group; }));
  }
};

std::set<std::string> keys(const Store& store, Family family) {
  struct Collector final : Store::Visitor {
    bool on_entry(std::string_view key, std::string_view) override {
      all.emplace(key);
      return true;
    }
    std::set<std::string> all;
  } collector;
  EXPECT_TRUE(store.scan(family, "", collector).ok());
  return collector.all;
}

TEST(RocksStore, AcknowledgedIsThereAfterReopening) {
  Fixture f;
  f.open();
  f.put("a", "1");
  f.commit();
  EXPECT_TRUE(f.recorder.ok[1]);
  f.put("b", "2");
  f.store->erase_once(Family::kFresh, "a");
  f.commit();
  ASSERT_TRUE(f.store->close().ok());
  f.open();
  EXPECT_EQ(keys(*f.store, Family::kFresh), std::set<std::string>{"b"});
  EXPECT_EQ(*f.store->get(Family::kFresh, "b"), "2");
  EXPECT_EQ(f.store->get(Family::kFresh, "a").error().code, Code::kNotFound);
  ASSERT_TRUE(f.store->close().ok());
}

TEST(RocksStore, WhatGathersWhileACommitRunsIsTheNextGroup) {
  Fixture f;
  f.open();
  f.put("a", "1");
  f.store->seal();
  EXPECT_EQ(f.store->open_group(), 2u);
  for (int i = 0; i < 100; ++i) f.put("k" + std::to_string(i), "v");
  f.store->seal();  // no effect while the first one flies
  ASSERT_TRUE(f.turn_until([&] { return f.recorder.last_group == 1; }));
  f.commit();
  EXPECT_EQ(f.recorder.last_group, 2u);
  EXPECT_EQ(keys(*f.store, Family::kFresh).size(), 101u);
  ASSERT_TRUE(f.store->close().ok());
}

// What came and went leaves no trace in the files that recovery makes of a long log, not even of
// how far the log went; that must not pass for a log that lost its end.
TEST(RocksStore, AStoreThatRanEmptyOpensAgainAndAgain) {
  Fixture f;
  f.content_buffer_bytes = 2u << 20;
  f.open();
  const std::string large(1u << 20, 'x');
  const std::string_view part = large;
  for (const char* key : {"a", "b", "c"}) {
    f.store->put(Family::kContent, key, std::span<const std::string_view>(&part, 1));
  }
  f.commit();
  f.put("x", "1");
  f.commit();
  f.store->erase_once(Family::kFresh, "x");
  f.commit();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(f.store->close().ok());
    f.open();
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_EQ(keys(*f.store, Family::kContent).size(), 3u);
    EXPECT_TRUE(keys(*f.store, Family::kFresh).empty());
  }
  ASSERT_TRUE(f.store->close().ok());
}

// The n-th write or sync of the log fails, for n = 0, 1, 2 …, once or for good.
TEST(RocksStore, NthLogFaultLosesNothingAcknowledged) {
  for (const bool only_once : {true, false}) {
    for (const bool no_space : {true, false}) {
      for (int64_t n = 0; n < 12; ++n) {
        SCOPED_TRACE(testing::Message()
                     << "n=" << n << " only_once=" << only_once << " no_space=" << no_space);
        Fixture f;
        f.open();
        std::set<std::string> acknowledged;
        std::set<std::string> refused;
        f.plan->only_once = only_once;
        f.plan->no_space = no_space;
        f.plan->calls_left = n;
        for (int i = 0; i < 10 && f.store->writable(); ++i) {
          const std::string key = "k" + std::to_string(i);
          f.put(key, std::string(3000, 'x'));
          const uint64_t group = f.store->open_group();
          f.commit();
          (f.recorder.ok[group] ? acknowledged : refused).insert(key);
        }
        const bool struck = f.plan->failures > 0;
        EXPECT_EQ(struck, !f.store->writable() || f.recorder.recovered > 0);
        if (struck) EXPECT_FALSE(refused.empty()) << "the fault was swallowed";
        f.plan->calls_left = -1;
        if (struck) ASSERT_TRUE(f.turn_until([&] { return f.recorder.recovered == 1; }));
        ASSERT_TRUE(f.store->writable());
        f.put("after", "1");
        f.commit();
        acknowledged.insert("after");
        ASSERT_TRUE(f.store->close().ok());
        f.open();
        const std::set<std::string> found = keys(*f.store, Family::kFresh);
        for (const std::string& key : acknowledged) EXPECT_TRUE(found.contains(key)) << key;
        ASSERT_TRUE(f.store->close().ok());
      }
    }
  }
}

TEST(RocksStore, AFlippedByteInTheLogIsRefusedOrHarmless) {
  Fixture f;
  f.open();
  for (int i = 0; i < 20; ++i) {
    f.put("k" + std::to_string(i), std::string(500, 'x'));
    f.commit();
  }
  ASSERT_TRUE(f.store->close().ok());
  f.store.reset();
  const std::string original = f.directory.path + "/db";
  int refused = 0;
  for (int step = 1; step < 20; ++step) {
    const std::string copy = f.directory.path + "/copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(original, copy, std::filesystem::copy_options::recursive);
    for (const auto& entry : std::filesystem::directory_iterator(copy)) {
      if (entry.path().extension() != ".log" || entry.file_size() < 1000) continue;
      FILE* file = fopen(entry.path().c_str(), "r+b");
      const auto offset = static_cast<long>(entry.file_size()) * step / 20;
      fseek(file, offset, SEEK_SET);
      const int byte = fgetc(file);
      fseek(file, offset, SEEK_SET);
      fputc(byte ^ 0x40, file);
      fclose(file);
    }
    OpenFailure failure;
    const auto damaged = open_rocks_store({.directory = copy}, &failure);
    if (!damaged) {
      ++refused;
      EXPECT_EQ(failure.error.code, Code::kCorrupt);
      EXPECT_FALSE(failure.text.empty());
    } else {
      EXPECT_EQ(keys(*damaged, Family::kFresh).size(), 20u) << "acknowledged data vanished quietly";
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace barid::queue
