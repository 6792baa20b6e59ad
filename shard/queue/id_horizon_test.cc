// Goal: no listing is told of an id while a smaller one can still get visible, however long a
// commit takes and wherever the clock stands. Method: partitions on store twins whose disks differ
// in speed; what a reader is told is compared with what gets visible later.
#include "shard/queue/id_horizon.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "shard/queue/partition.h"
#include "shard/runtime/test_shard.h"
#include "shard/sim/sim_store.h"

namespace barid::queue {
namespace {

using namespace std::chrono_literals;

struct NoEvents final : Partition::Events {
  void on_accepted(std::unique_ptr<Message>) override {}
  void on_filed(QueueId, const std::vector<std::string>&, WallTime) override {}
  void on_removed(QueueId) override {}
  void on_refused(QueueId, std::unique_ptr<Message>) override {}
  void on_undone(QueueId) override {}
  void on_synced(Duration) override {}
  void on_store_failed(const Error&) override {}
  void on_store_recovered() override {}
};

/// One partition, with events in it.
struct Book {
  Book(rt::TestShard& shard, NoEvents& events, uint16_t number)
      : store(shard.reactor, disk, number), partition(shard.reactor, store, events, number) {}
  uint64_t add() {
    const QueueId id = partition.allocate_id();
    const auto key = id.key();
    partition.put_entry(Family::kEvents, {key.data(), key.size()}, "event", IfLost::kErased);
    store.seal();
    return id.micros;
  }
  /// The ids that a listing up to `bound` shows.
  std::vector<uint64_t> below(uint64_t bound) const {
    std::vector<uint64_t> ids;
    for (const auto& [key, value] : disk.table(Family::kEvents)) {
      const uint64_t micros = QueueId::from_key(key)->micros;
      if (micros < bound) ids.push_back(micros);
    }
    return ids;
  }
  sim::SimDisk disk;
  sim::SimStore store;
  Partition partition;
};

class IdHorizonTest : public ::testing::Test {
 protected:
  IdHorizonTest() : quick(shard, events, 0), slow(shard, events, 1) {
    shard.advance(10h);
    start(0, 0);
  }
  void start(uint64_t quick_mark, uint64_t slow_mark) {
    horizon.add_partition(0, quick_mark);
    horizon.add_partition(1, slow_mark);
    EXPECT_EQ(settle(), 0u) << "no partition has said a word";
    for (Book* book : {&quick, &slow}) book->partition.join(horizon);
    quick.partition.start_ids_after(quick_mark);
    slow.partition.start_ids_after(slow_mark);
  }
  uint64_t now() const { return static_cast<uint64_t>(unix_micros(shard.reactor.wall_now())); }
  uint64_t settle() { return horizon.settle(now() - 500'000); }
  void run(Duration time) {
    for (; time > 0s; time -= 100ms) shard.advance(100ms);
  }

  rt::TestShard shard;
  NoEvents events;
  IdHorizon horizon;
  Book quick, slow;
};

TEST_F(IdHorizonTest, ACommitThatTakesLongHoldsBackWhatCameLater) {
  quick.store.faults.sync_min = quick.store.faults.sync_max = 1ms;
  slow.store.faults.sync_min = slow.store.faults.sync_max = 5s;
  run(1s);
  const uint64_t before = quick.add();
  run(1s);
  const uint64_t late = slow.add();
  run(1s);
  const uint64_t after = quick.add();
  run(2s);
  EXPECT_EQ(quick.below(settle()), std::vector{before});
  EXPECT_EQ(settle(), late);
  run(3s);
  EXPECT_EQ(quick.below(settle()), (std::vector{before, after}));
  EXPECT_EQ(slow.below(settle()), std::vector{late});
}

TEST_F(IdHorizonTest, WhatWasListedIsListedAgain) {
  const uint64_t listed = slow.add();
  run(3s);
  ASSERT_EQ(slow.below(settle()), std::vector{listed});
  for (Book* book : {&quick, &slow}) {
    book->partition.erase_entry(Family::kEvents, "no such key");
    EXPECT_EQ(slow.below(settle()), std::vector{listed}) << "while another change is committed";
  }
  run(1s);
}

/// A failed group may be on the disk all the same: its events are not listed before they are
/// undone.
TEST_F(IdHorizonTest, WhatAFailedGroupLeftIsNotListed) {
  size_t left = 0;
  for (int round = 0; round < 8; ++round) {  // the twin throws dice
    run(2s);
    const size_t listed = slow.below(settle()).size();
    slow.store.fail_next_commit();
    const uint64_t lost = slow.add();
    for (int step = 0; step < 100; ++step) {
      if (step == 50) slow.add();  // long after it was undone
      slow.store.seal();
      run(100ms);
      const std::vector<uint64_t> ids = slow.below(horizon.final_below(1));
      EXPECT_EQ(std::count(ids.begin(), ids.end(), lost), 0);
      EXPECT_LE(settle(), horizon.final_below(1));
      left += slow.below(lost + 1).size() - ids.size() > 0 && step < 50 ? 1 : 0;
    }
    EXPECT_GT(settle(), lost);
    EXPECT_EQ(slow.below(settle()).size(), listed + 1);
  }
  EXPECT_GT(left, 0u) << "no failed group got to the disk: nothing was tested";
}

TEST_F(IdHorizonTest, NoIdBelowWhatWasToldWhereverTheClockStands) {
  uint64_t told = 0;
  for (int round = 0; round < 50; ++round) {
    Book& book = round % 3 == 0 ? slow : quick;
    const uint64_t id = book.add();
    EXPECT_GE(id, told) << round;
    run(round % 5 == 0 ? 2s : 200ms);
    told = std::max(told, settle());
    if (round % 7 == 6) shard.clock.wall_offset -= 1h;
    if (round % 7 == 2) shard.clock.wall_offset += 30min;
  }
}

TEST_F(IdHorizonTest, AtStartIdsAreAboveTheMarksOfAllPartitions) {
  const uint64_t future = now() + 3'600'000'000;
  IdHorizon later;
  later.add_partition(0, future);
  later.add_partition(1, 17);
  for (Book* book : {&quick, &slow}) book->partition.join(later);
  EXPECT_GT(slow.add(), future) << "a reader may have got as far as the mark of the other one";
  run(1s);
  EXPECT_EQ(slow.below(later.settle(now())).size(), 0u);
  EXPECT_GT(quick.add(), future);
  run(1s);
  EXPECT_EQ(slow.below(later.settle(now())).size(), 1u);
}

}  // namespace
}  // namespace barid::queue
