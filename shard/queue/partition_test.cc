// Goal: a record is always in exactly one state on disk, ids never repeat, and what a failed commit
// lost is made again, or undone, afterwards.
// Method: a partition on the store twin in virtual time; the disk's tables are compared.
#include "shard/queue/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "shard/queue/reader.h"
#include "shard/queue/record.h"
#include "shard/runtime/test_shard.h"
#include "shard/sim/sim_store.h"

namespace barid::queue {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

struct EventLog final : Partition::Events {
  void on_accepted(std::unique_ptr<Message> message) override {
    accepted.push_back(std::move(message));
  }
  void on_filed(QueueId id, const Strings&, WallTime due) override { filed.emplace_back(id, due); }
  void on_removed(QueueId id) override { removed.push_back(id); }
  void on_refused(QueueId id, std::unique_ptr<Message>) override { refused.push_back(id); }
  void on_undone(QueueId id) override { undone.push_back(id); }
  void on_synced(Duration took) override {
    ++syncs;
    longest_sync = std::max(longest_sync, took);
  }
  void on_store_failed(const Error&) override { ++failures; }
  void on_store_recovered() override { ++recoveries; }

  std::vector<std::unique_ptr<Message>> accepted;
  std::vector<std::pair<QueueId, WallTime>> filed;
  std::vector<QueueId> removed, refused, undone;
  int failures = 0, recoveries = 0, syncs = 0;
  Duration longest_sync{};
};

struct Waiter {
  bool done = false;
  Status status;
};
rt::Task<void> wait_for(Partition* partition, uint64_t group, Waiter* waiter) {
  waiter->status = co_await partition->committed(group);
  waiter->done = true;
}

class PartitionTest : public ::testing::Test {
 protected:
  PartitionTest() { open(1); }
  /// Opens the disk anew, as a later process does.
  void open(uint64_t seed) {
    partition.reset();
    store = std::make_unique<sim::SimStore>(shard.reactor, disk, seed);
    store->faults.reopen_delay = 1s;
    partition = std::make_unique<Partition>(shard.reactor, *store, events, 4);
  }
  std::unique_ptr<Message> message(std::string_view text, Strings filed_under = {},
                                   WallTime due = {}) {
    auto out = std::make_unique<Message>();
    out->id = partition->allocate_id();
    out->envelope.recipients = {{.address = "u@b.example"}};
    out->status.resize(1);
    out->content = ContentRef::make();
    out->content->append(text);
    out->size = text.size();
    out->filed_under = std::move(filed_under);
    out->due = due;
    return out;
  }
  void commit() {
    store->seal();
    shard.advance(10ms);
    shard.turn();
  }
  void recover() {
    shard.advance(1s);
    commit();
  }
  size_t count(Family family) const { return disk.table(family).size(); }
  /// fresh, queued, schedule, content
  using Sizes = std::array<size_t, 4>;
  Sizes sizes() const {
    return {count(Family::kFresh), count(Family::kQueued), count(Family::kSchedule),
            count(Family::kContent)};
  }
  std::unique_ptr<Message> stored(QueueId id) const {
    const auto key = id.key();
    const auto& table = disk.table(Family::kQueued);
    const auto found = table.find(std::string_view(key.data(), key.size()));
    return found == table.end() ? nullptr : *decode_message(id, found->second.bytes);
  }
  std::unique_ptr<Message> accept(std::string_view text) {
    partition->stage(message(text), true);
    commit();
    auto out = std::move(events.accepted.back());
    events.accepted.pop_back();
    return out;
  }

  rt::TestShard shard;
  sim::SimDisk disk;
  EventLog events;
  std::unique_ptr<sim::SimStore> store;
  std::unique_ptr<Partition> partition;
};

const WallTime kDue = wall_from_micros(5'000'000'000);

TEST_F(PartitionTest, StageIntoMemory) {
  Waiter waiter;
  rt::Scope scope(shard.reactor);
  scope.spawn(wait_for(partition.get(), partition->stage(message("hello"), true), &waiter));
  shard.turn();
  EXPECT_FALSE(waiter.done);
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));  // nothing is acknowledged before it is on disk
  commit();
  ASSERT_TRUE(waiter.done);
  EXPECT_TRUE(waiter.status.ok());
  ASSERT_EQ(events.accepted.size(), 1u);
  EXPECT_EQ(events.accepted[0]->area, Area::kFresh);
  EXPECT_EQ(events.accepted[0]->partition, partition.get());
  EXPECT_EQ(sizes(), (Sizes{1, 0, 0, 1}));
  EXPECT_EQ(events.syncs, 1);  // from the first change to the disk, 10 ms later
  EXPECT_EQ(events.longest_sync, 10ms);
  EXPECT_EQ(*Partition::load_content(*store, events.accepted[0]->id, 5), "hello");
}

TEST_F(PartitionTest, StagePastMemory) {
  partition->stage(message("hello", {"smtp:a", "smtp:b"}, kDue), false);
  commit();
  EXPECT_TRUE(events.accepted.empty());
  ASSERT_EQ(events.filed.size(), 1u);
  EXPECT_EQ(events.filed[0].second, kDue);
  EXPECT_EQ(sizes(), (Sizes{0, 1, 2, 1}));
}

TEST_F(PartitionTest, RemoveLeavesNothing) {
  const auto kept = accept("hello");
  partition->remove(*kept);
  EXPECT_TRUE(events.removed.empty());
  commit();
  EXPECT_EQ(events.removed, (std::vector<QueueId>{kept->id}));
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
}

TEST_F(PartitionTest, RewriteMovesTheRecordAndItsEntries) {
  const auto kept = accept("hello");
  kept->attempts = 3;
  partition->rewrite(*kept, {"smtp:a", "smtp:b"}, kDue);
  EXPECT_EQ(kept->area, Area::kQueued);
  commit();
  EXPECT_EQ(sizes(), (Sizes{0, 1, 2, 1}));
  EXPECT_EQ(stored(kept->id)->attempts, 3u);
  EXPECT_EQ(stored(kept->id)->due, kDue);

  partition->rewrite(*kept, {"smtp:c"}, kDue + 1s);
  commit();
  EXPECT_EQ(sizes(), (Sizes{0, 1, 1, 1}));
  const auto& schedule = disk.table(Family::kSchedule);
  EXPECT_EQ(schedule.begin()->first, schedule_key("smtp:c", kDue + 1s, kept->id));

  partition->remove(*kept);
  commit();
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
}

TEST_F(PartitionTest, LargeContentIsCutIntoChunks) {
  for (const size_t size : {size_t{1}, kContentChunkBytes - 1, kContentChunkBytes,
                            kContentChunkBytes + 1, 3 * kContentChunkBytes + 17}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
    const auto kept = accept(text);
    EXPECT_EQ(count(Family::kContent), (size + kContentChunkBytes - 1) / kContentChunkBytes);
    EXPECT_EQ(*Partition::load_content(*store, kept->id, size), text);
    EXPECT_EQ(Partition::load_content(*store, kept->id, size + 1).ok(), false);
    partition->remove(*kept);
    commit();
    EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0})) << size;
  }
}

TEST_F(PartitionTest, MissingAndShortContentIsTold) {
  const auto kept = accept("hello");
  EXPECT_EQ(Partition::load_content(*store, kept->id, 4).error().code, Code::kCorrupt);
  EXPECT_EQ(Partition::load_content(*store, kept->id, kContentChunkBytes + 1).error().code,
            Code::kNotFound);
  EXPECT_EQ(Partition::load_content(*store, QueueId{.micros = 1}, 5).error().code, Code::kNotFound);
}

TEST_F(PartitionTest, QuarantineAndDropEntry) {
  partition->stage(message("hello", {"smtp:a"}, kDue), false);
  commit();
  const QueueId id = events.filed[0].first;
  const auto key = id.key();
  partition->quarantine(Family::kQueued, {key.data(), key.size()}, "junk");
  partition->drop_entry("smtp:a", kDue, id);
  commit();
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 1}));
  ASSERT_EQ(count(Family::kCorrupt), 1u);
  EXPECT_EQ(disk.table(Family::kCorrupt).begin()->second.bytes, "junk");
}

// --- ids

TEST_F(PartitionTest, IdsIncreaseStrictly) {
  QueueId last{};
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) shard.advance(1us);
    if (i == 500) shard.clock.now -= 1h;  // the clock is set back
    if (i == 500) shard.turn();
    const QueueId id = partition->allocate_id();
    EXPECT_GT(id, last);
    EXPECT_EQ(id.partition, 4);
    last = id;
  }
}

TEST_F(PartitionTest, IdsStayAboveTheMarkOnDisk) {
  EXPECT_EQ(*read_id_mark(*store), 0u);
  QueueId last{};
  for (uint64_t run = 1; run <= 5; ++run) {
    const QueueId id = accept("x")->id;
    EXPECT_GT(id, last);
    last = id;
    const uint64_t mark = *read_id_mark(*store);
    EXPECT_GE(mark, id.micros);
    shard.clock.now -= 10min;  // every process starts with a clock further back
    shard.turn();
    open(run + 1);
    partition->start_ids_after(mark);
    EXPECT_GT(partition->allocate_id().micros, mark);
  }
}

TEST_F(PartitionTest, AnIdOfAnEntryAloneIsBelowTheMarkToo) {
  std::set<uint64_t> given;
  for (uint64_t run = 1; run <= 5; ++run) {
    for (int i = 0; i < 20; ++i) {
      const QueueId id = partition->allocate_id();
      EXPECT_TRUE(given.insert(id.micros).second) << "given twice: " << id.text();
      const auto key = id.key();
      partition->put_entry(Family::kEvents, {key.data(), key.size()}, "event");
    }
    commit();
    const uint64_t mark = *read_id_mark(*store);
    EXPECT_GE(mark, *given.rbegin());
    open(run + 1);  // at once: the clock has not reached the mark
    partition->start_ids_after(mark);
  }
  EXPECT_EQ(disk.table(Family::kEvents).size(), given.size());
}

TEST_F(PartitionTest, EntriesOfAFailedGroupAreUndoneOrMadeAgainWithItsMessages) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {  // the twin throws dice for what got to the disk
    open(seed);
    partition->stage(message("x"), true);
    partition->put_entry(Family::kIdempotency, "key", "answer", IfLost::kErased);
    partition->put_entry(Family::kFates, "fate", "canceled", IfLost::kMadeAgain);
    store->fail_next_commit();
    commit();
    EXPECT_TRUE(partition->undoing());
    shard.advance(1s);  // it is back
    EXPECT_TRUE(partition->undoing()) << "staged, not on disk";
    const uint64_t commits = store->commits_count();
    if (seed % 2 == 0) store->fail_next_commit();
    commit();
    if (seed % 2 == 0) recover();
    EXPECT_FALSE(partition->undoing());
    EXPECT_EQ(store->commits_count(), commits + (seed % 2 == 0 ? 2 : 1)) << "in one group";
    EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
    EXPECT_EQ(count(Family::kIdempotency), 0u);
    EXPECT_EQ(disk.table(Family::kFates).at("fate").bytes, "canceled");
  }
}

TEST_F(PartitionTest, AMarkThatIsNoNumberIsCorrupt) {
  accept("x");
  disk.overwrite(Family::kMeta, std::string(kIdMarkKey), "x");
  EXPECT_EQ(read_id_mark(*store).error().code, Code::kCorrupt);
}

// --- flights

TEST_F(PartitionTest, AFlightEndsWithTheChangeThatSettlesIt) {
  std::vector<uint64_t> mapped(FlightMarks::kHeaderWords + 8);
  FlightMarks marks(mapped, 4, 1);
  partition->set_flight_marks(&marks);
  const auto flying = [&mapped] {
    std::vector<uint64_t> copy = mapped;
    return FlightMarks(copy, 4, 1).left().size();
  };
  const auto deferred = accept("deferred");
  const auto removed = accept("removed");
  for (Message* message : {deferred.get(), removed.get()}) {
    message->flight_mark = partition->begin_flight(message->id);
  }
  partition->rewrite(*deferred, {"smtp:a"}, kDue);
  partition->remove(*removed);
  EXPECT_EQ(deferred->flight_mark, FlightMarks::kNone);
  EXPECT_EQ(flying(), 2u);
  store->fail_next_commit();
  commit();
  EXPECT_EQ(flying(), 2u) << "their outcomes may not be on disk";
  recover();
  EXPECT_EQ(flying(), 0u);
  partition->drop_flight(partition->begin_flight(deferred->id));
  EXPECT_EQ(flying(), 0u);
}

// --- failed commits: seeds decide whether the failed group is on disk after all

class PartitionFailureTest : public PartitionTest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  PartitionFailureTest() { open(GetParam()); }
};

TEST_P(PartitionFailureTest, RefusedMailIsUndone) {
  Waiter waiter;
  rt::Scope scope(shard.reactor);
  const uint64_t group = partition->stage(message("hello"), true);
  partition->stage(message("there", {"smtp:a"}, kDue), false);
  scope.spawn(wait_for(partition.get(), group, &waiter));
  store->fail_next_commit();
  commit();
  ASSERT_TRUE(waiter.done);
  EXPECT_EQ(waiter.status.error().code, Code::kIo);
  EXPECT_EQ(events.refused.size(), 2u);  // the one kept for the schedule, and the one for the disk
  EXPECT_EQ(events.failures, 1);
  EXPECT_EQ(events.syncs, 0);
  EXPECT_FALSE(partition->writable());
  EXPECT_TRUE(events.undone.empty());  // it may be there to be read
  recover();
  EXPECT_EQ(events.recoveries, 1);
  EXPECT_TRUE(partition->writable());
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
  EXPECT_EQ(events.undone, events.refused);
  EXPECT_TRUE(events.accepted.empty());
  EXPECT_TRUE(events.removed.empty());
}

TEST_P(PartitionFailureTest, OutcomesAreWrittenAgain) {
  const auto gone = accept("gone");
  const auto late = accept("late");
  partition->remove(*gone);
  partition->rewrite(*late, {"smtp:a"}, kDue);
  store->fail_next_commit();
  commit();
  EXPECT_TRUE(events.removed.empty());
  EXPECT_TRUE(events.filed.empty());
  recover();
  EXPECT_EQ(events.removed, (std::vector<QueueId>{gone->id}));
  ASSERT_EQ(events.filed.size(), 1u);
  EXPECT_EQ(events.filed[0].first, late->id);
  EXPECT_EQ(sizes(), (Sizes{0, 1, 1, 1}));
  partition->remove(*late);
  commit();
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
}

TEST_P(PartitionFailureTest, ChangesWhileFailedAreKept) {
  const auto gone = accept("gone");
  const auto late = accept("late");
  partition->stage(message("refused"), true);
  store->fail_next_commit();
  commit();
  partition->remove(*gone);
  partition->rewrite(*late, {"smtp:a"}, kDue);
  partition->rewrite(*late, {"smtp:b"}, kDue + 1s);
  recover();
  EXPECT_EQ(sizes(), (Sizes{0, 1, 1, 1}));
  EXPECT_EQ(disk.table(Family::kSchedule).begin()->first,
            schedule_key("smtp:b", kDue + 1s, late->id));
}

TEST_P(PartitionFailureTest, FailingTwiceLosesNothing) {
  const auto gone = accept("gone");
  partition->remove(*gone);
  partition->stage(message("refused"), true);
  store->fail_next_commit();
  commit();
  store->fail_next_commit();
  recover();  // the repair fails too
  EXPECT_EQ(events.failures, 2);
  EXPECT_TRUE(events.removed.empty());
  recover();
  EXPECT_EQ(events.removed, (std::vector<QueueId>{gone->id}));
  EXPECT_EQ(sizes(), (Sizes{0, 0, 0, 0}));
}

TEST_P(PartitionFailureTest, TheMarkIsWrittenAgain) {
  partition->stage(message("refused"), true);
  store->fail_next_commit();
  commit();
  recover();
  const QueueId id = accept("x")->id;
  EXPECT_GE(*read_id_mark(*store), id.micros);
}

TEST_P(PartitionFailureTest, GroupsBehindTheFailedOneFailToo) {
  Waiter first, second, third;
  rt::Scope scope(shard.reactor);
  scope.spawn(wait_for(partition.get(), partition->stage(message("a"), true), &first));
  store->fail_next_commit();
  store->seal();
  scope.spawn(wait_for(partition.get(), partition->stage(message("b"), true), &second));
  commit();
  EXPECT_FALSE(first.status.ok());
  EXPECT_TRUE(second.done);
  EXPECT_FALSE(second.status.ok());
  EXPECT_EQ(events.refused.size(), 2u);
  recover();
  scope.spawn(wait_for(partition.get(), partition->stage(message("c"), true), &third));
  commit();
  EXPECT_TRUE(third.done);
  EXPECT_TRUE(third.status.ok());
  EXPECT_EQ(sizes(), (Sizes{1, 0, 0, 1}));
}

INSTANTIATE_TEST_SUITE_P(Seeds, PartitionFailureTest, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace barid::queue
