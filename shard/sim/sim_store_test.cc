// Goal: the store twin keeps the promises of queue::Store, loses what a crash may lose, never more.
// Method: a listener that records; virtual time; crashes and failures at chosen moments.
#include "shard/sim/sim_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "shard/sim/world.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;
using queue::Family;

struct Recorder final : queue::Store::Listener {
  void on_commit(uint64_t group, Status status) override {
    (status.ok() ? committed : failed).push_back(group);
  }
  void on_recovered() override { ++recoveries; }
  std::vector<uint64_t> committed, failed;
  int recoveries = 0;
};

class SimStoreTest : public ::testing::Test {
 protected:
  SimStoreTest() { open(1); }
  void open(uint64_t seed) {
    store = std::make_unique<SimStore>(shard.reactor, disk, seed);
    store->set_listener(recorder);
  }
  void put(std::string_view key, std::string_view value) {
    const std::string_view parts[] = {value.substr(0, value.size() / 2),
                                      value.substr(value.size() / 2)};
    store->put(Family::kFresh, key, parts);
  }
  std::string get(std::string_view key) {
    const auto value = store->get(Family::kFresh, key);
    return value.ok() ? *value : code_name(value.error().code);
  }

  using Groups = std::vector<uint64_t>;
  World world{{.seed = 1}};
  World::Shard& shard = world.add_shard();
  SimDisk disk;
  Recorder recorder;
  std::unique_ptr<SimStore> store;
};

TEST_F(SimStoreTest, GroupsGatherWhileOneIsUnderWay) {
  put("a", "1");
  EXPECT_EQ(store->open_group(), 1u);
  EXPECT_EQ(get("a"), "not found");
  store->seal();
  EXPECT_EQ(store->open_group(), 2u);
  put("b", "2");
  store->seal();  // no effect: the first one is still being written
  put("c", "3");
  EXPECT_EQ(store->open_group(), 2u);
  world.run_for(1s);
  EXPECT_EQ(recorder.committed, (Groups{1}));
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "not found");
  store->seal();
  world.run_for(1s);
  EXPECT_EQ(recorder.committed, (Groups{1, 2}));
  EXPECT_EQ(get("c"), "3");
  store->seal();
  world.run_for(1s);
  EXPECT_EQ(store->commits_count(), 2u);  // an empty group is not written
}

TEST_F(SimStoreTest, EraseAndScanInOrder) {
  for (const char* key : {"b", "a", "d", "c"}) put(key, key);
  store->erase(Family::kFresh, "b");
  store->erase_once(Family::kFresh, "d");
  store->seal();
  world.run_for(1s);
  struct Keys final : queue::Store::Visitor {
    bool on_entry(std::string_view key, std::string_view) override {
      text += key;
      return text.size() < 3;
    }
    std::string text;
  } keys;
  EXPECT_TRUE(store->scan(Family::kFresh, "a", keys).ok());
  EXPECT_EQ(keys.text, "ac");
}

TEST_F(SimStoreTest, FailureTakesTheOpenGroupAlongAndRecovers) {
  store->fail_next_commit();
  put("a", "1");
  store->seal();
  put("b", "2");
  world.run_for(100ms);
  EXPECT_EQ(recorder.failed, (Groups{1, 2}));
  EXPECT_FALSE(store->writable());
  EXPECT_EQ(recorder.recoveries, 0);
  world.run_for(2s);
  EXPECT_EQ(recorder.recoveries, 1);
  EXPECT_TRUE(store->writable());
  EXPECT_EQ(get("b"), "not found");
  put("c", "3");
  store->seal();
  world.run_for(1s);
  EXPECT_EQ(recorder.committed, (Groups{3}));
}

TEST_F(SimStoreTest, CrashLosesOnlyWhatWasNotAcknowledged) {
  int survived = 0;
  constexpr int kCrashes = 100;
  for (int round = 0; round < kCrashes; ++round) {
    const std::string suffix = std::to_string(round);
    put("done" + suffix, "x");
    store->seal();
    world.run_for(1s);
    put("flying" + suffix, "x");
    put("with it" + suffix, "x");
    store->seal();
    put("open" + suffix, "x");
    store->crash();
    EXPECT_EQ(get("done" + suffix), "unavailable");
    open(static_cast<uint64_t>(round) + 2);
    EXPECT_EQ(get("done" + suffix), "x");
    EXPECT_EQ(get("open" + suffix), "not found");
    EXPECT_EQ(get("flying" + suffix), get("with it" + suffix));  // a group is whole or not there
    survived += get("flying" + suffix) == "x" ? 1 : 0;
  }
  EXPECT_GT(survived, 20);
  EXPECT_LT(survived, 80);
  EXPECT_EQ(recorder.committed.size(), size_t{kCrashes});
}

TEST_F(SimStoreTest, EraseOnceOfWhatWasPutTwiceIsABug) {
  put("a", "1");
  put("a", "2");
  store->erase_once(Family::kFresh, "a");
  store->seal();
  EXPECT_DEATH(world.run_for(1s), "puts_count");
}

}  // namespace
}  // namespace barid::sim
