// Goal: every message that is on disk ends as delivered, noticed or discarded by rule, at the times
// the policy says, whatever the store does meanwhile.
// Method: the real queue manager and partition on the store twin; a scripted agent; virtual time.
#include <fmt/format.h>

#include "shard/schedule/test_queue_manager.h"

namespace barid::schedule {
namespace {

using namespace test;
using namespace std::chrono_literals;

TEST_F(QueueManagerTest, DeliveredIsRemoved) {
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@b.example"}));
  EXPECT_TRUE(node->notices.texts.empty());
  expect_empty_disk();
  EXPECT_NE(node->log_text.find(": removed"), std::string::npos);
}

TEST_F(QueueManagerTest, KnowsHowManyMessagesThereAre) {
  using Count = std::optional<uint64_t>;
  EXPECT_EQ(node->manager.queued_count(), std::nullopt);  // not counted yet
  run_for(1s);
  EXPECT_EQ(node->manager.queued_count(), Count(0));
  node->agent.answers = {{"later@b.example", Disposition::kDeferred}};
  node->agent.work = 10s;
  node->stage("s@a.example", {"now@b.example"});
  node->stage("s@a.example", {"later@b.example"});
  node->stage("s@a.example", {"later@b.example"});
  run_for(1s);
  EXPECT_EQ(node->manager.queued_count(), Count(3));
  run_for(40s);
  EXPECT_EQ(node->manager.queued_count(), Count(2));
  node->store.fail_next_commit();
  node->stage("s@a.example", {"now@b.example"});  // refused
  run_for(40s);
  EXPECT_EQ(node->manager.queued_count(), Count(2));
  start(2);
  node->agent.work = 0s;
  node->stage("s@a.example", {"now@b.example"});
  run_for(10s);
  EXPECT_EQ(node->manager.queued_count(), Count(2));
  node->agent.answers.clear();
  run_for(2h);
  EXPECT_EQ(node->manager.queued_count(), Count(0));
  expect_empty_disk();
}

TEST_F(QueueManagerTest, RecipientsArePackedByDestinationAndLimit) {
  node->stage("s@a.example",
              {"1@b.example", "2@b.example", "x@c.example", "3@b.example", "4@b.example"});
  run_for(1s);
  std::sort(node->agent.jobs.begin(), node->agent.jobs.end());
  EXPECT_EQ(node->agent.jobs, (std::vector<size_t>{1, 1, 3}));
  EXPECT_EQ(node->agent.delivered.size(), 5u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, DeferredIsTriedWhenDue) {
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  EXPECT_EQ(node->manager.active_count(), 0u);  // it waits on disk only
  EXPECT_EQ(count(Family::kQueued), 1u);
  EXPECT_EQ(count(Family::kSchedule), 1u);
  run_for(9000s);
  const Duration expected[] = {0s, 300s, 600s, 1200s, 2400s, 4800s, 8800s};
  const std::vector<Duration> ages = ages_of("u@b.example");
  ASSERT_EQ(ages.size(), std::size(expected));
  for (size_t i = 0; i < ages.size(); ++i) {
    EXPECT_GE(ages[i], expected[i]) << i;  // never early
    EXPECT_LE(ages[i], expected[i] + 1s) << i;
  }
  node->agent.answers.clear();
  run_for(4000s);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@b.example"}));
  expect_empty_disk();
}

TEST_F(QueueManagerTest, InDoubtIsTriedAgainAndCounted) {
  node->agent.answers["u@b.example"] = Disposition::kInDoubt;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  EXPECT_EQ(node->counters.get(Counter::kInDoubt), 1u);
  node->agent.answers.clear();
  run_for(301s);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@b.example"}));
  expect_empty_disk();
}

TEST_F(QueueManagerTest, MixedRecipientsMakeOneNotice) {
  node->agent.answers = {{"no@b.example", Disposition::kFailed},
                         {"never@c.example", Disposition::kFailed},
                         {"later@b.example", Disposition::kDeferred}};
  node->stage("s@a.example", {"ok@b.example", "no@b.example", "later@b.example", "never@c.example"},
              "four");
  run_for(1s);
  EXPECT_EQ(node->notices.texts, (Strings{"failed: no@b.example never@c.example"}));
  EXPECT_EQ(node->notices.bytes_seen, 4u);
  EXPECT_EQ(node->agent.delivered, (Strings{"ok@b.example", "s@a.example"}));
  EXPECT_EQ(count(Family::kQueued), 1u);
  node->agent.answers.clear();
  run_for(301s);  // who is done is not tried again, nor noticed again
  EXPECT_EQ(node->agent.tries["ok@b.example"].size(), 1u);
  EXPECT_EQ(node->agent.tries["no@b.example"].size(), 1u);
  EXPECT_EQ(node->agent.tries["later@b.example"].size(), 2u);
  EXPECT_EQ(node->notices.texts.size(), 1u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, NullSenderGetsNoNotice) {
  node->agent.answers["u@b.example"] = Disposition::kFailed;
  node->stage("", {"u@b.example"});
  run_for(1s);
  EXPECT_TRUE(node->agent.delivered.empty());
  EXPECT_EQ(node->counters.get(Counter::kNoticesSent), 0u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, SuccessIsToldOnceARound) {
  node->agent.answers = {{"later@b.example", Disposition::kDeferred}};
  node->stage("s@a.example", {"ok@b.example", "ok@c.example", "later@b.example"}, "four",
              kNotifySuccess);
  run_for(1s);
  EXPECT_EQ(node->notices.texts, (Strings{"succeeded: ok@b.example/250 ok ok@c.example/250 ok"}));
  EXPECT_NE(node->log_text.find(": sender delivery status notification: "), std::string::npos);
  node->agent.answers.clear();
  run_for(301s);
  EXPECT_EQ(node->notices.texts.size(), 2u);
  EXPECT_EQ(node->notices.texts.back(), "succeeded: later@b.example/250 ok");
  expect_empty_disk();
}

TEST_F(QueueManagerTest, SuccessIsForTheNextHopToTell) {
  node->agent.handover = Handover::kPassedOn;
  node->stage("s@a.example", {"ok@b.example"}, "text", kNotifySuccess);
  run_for(1s);
  EXPECT_TRUE(node->notices.texts.empty());
  expect_empty_disk();
}

// The owed success notice is on disk with the delivery; a crash before the round's end keeps it.
TEST_F(QueueManagerTest, SuccessIsToldAfterACrash) {
  // The other destination's job is never handed out before the process dies.
  node->agent.before_job = [&] { node->manager.dispatcher().pause(); };
  node->stage("s@a.example", {"one@b.example", "two@c.example"}, "text", kNotifySuccess);
  run_for(1s);
  ASSERT_EQ(node->agent.delivered.size(), 1u);
  const std::string first = node->agent.delivered.front();
  EXPECT_TRUE(node->notices.texts.empty());  // the round is not over
  start(2);
  run_for(1s);
  EXPECT_EQ(node->agent.tries[first].size(), 0u);
  EXPECT_EQ(node->notices.texts, (Strings{"succeeded: one@b.example/250 ok two@c.example/250 ok"}));
  expect_empty_disk();
}

TEST_F(QueueManagerTest, LatenessIsToldOnce) {
  node->notices.late_after = 1000s;
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1100s);  // tried at 0, 300, 600
  EXPECT_TRUE(node->notices.texts.empty());
  run_for(200s);  // and at 1200
  EXPECT_EQ(node->notices.texts, (Strings{"late"}));
  EXPECT_NE(node->log_text.find(": sender delay notification: "), std::string::npos);
  start(2);  // it is remembered
  node->notices.late_after = 1000s;
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  run_for(10'000s);
  EXPECT_TRUE(node->notices.texts.empty());
  node->agent.answers.clear();
  run_for(4000s);
  expect_empty_disk();
}

// More notices than one group should hold: each part is on disk before the next is made.
TEST_F(QueueManagerTest, NoticesInParts) {
  node->notices.told_max = 2;
  Strings recipients;
  for (char c = 'a'; c < 'f'; ++c) {
    recipients.push_back(std::string(1, c) + "@b.example");
    node->agent.answers[recipients.back()] = Disposition::kFailed;
  }
  node->stage("s@a.example", recipients);
  run_for(1s);
  EXPECT_EQ(node->notices.texts,
            (Strings{"failed: a@b.example b@b.example", "failed: c@b.example d@b.example",
                     "failed: e@b.example"}));
  EXPECT_EQ(node->agent.delivered.size(), 3u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, SoftBounceKeepsWhatFailed) {
  retry.soft_bounce = true;
  retry.queue_lifetime = 500s;
  start(2);
  node->agent.answers["u@b.example"] = Disposition::kFailed;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  EXPECT_TRUE(node->notices.texts.empty());
  EXPECT_EQ(count(Family::kQueued), 1u);
  EXPECT_NE(node->log_text.find("dsn=5.0.0, status=SOFTBOUNCE (said so)"), std::string::npos);
  run_for(1000s);  // until its lifetime is over
  EXPECT_EQ(node->notices.texts, (Strings{"failed: u@b.example"}));
  expect_empty_disk();
}

TEST_F(QueueManagerTest, ExpiredIsReturned) {
  retry.queue_lifetime = 1000s;
  retry.bounce_lifetime = 500s;
  start(2);
  node->agent.answers = {{"u@b.example", Disposition::kDeferred},
                         {"n@b.example", Disposition::kDeferred}};
  node->stage("s@a.example", {"u@b.example"});
  node->stage("", {"n@b.example"});
  run_for(5000s);
  EXPECT_EQ(node->agent.tries["u@b.example"].size(), 4u);  // at 0, 300, 600, 1200
  EXPECT_EQ(node->agent.tries["n@b.example"].size(), 3u);  // at 0, 300, 600
  EXPECT_EQ(node->notices.texts, (Strings{"failed: u@b.example"}));
  EXPECT_EQ(node->agent.delivered, (Strings{"s@a.example"}));
  EXPECT_EQ(node->counters.get(Counter::kExpired), 2u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, UnknownTransportGoesToRetry) {
  node->stage("s@a.example", {"u@nowhere.example"});
  run_for(1s);
  EXPECT_EQ(node->agent.tries["u@nowhere.example"].size(), 1u);  // by the transport `retry`
  expect_empty_disk();
}

TEST_F(QueueManagerTest, OverflowWaitsOnDiskAndComesBack) {
  limits.active_messages_max = 2;
  start(2);
  node->agent.work = 1s;
  for (int i = 0; i < 9; ++i) node->stage("s@a.example", {"u" + std::to_string(i) + "@b.example"});
  run_for(100ms);
  EXPECT_EQ(node->manager.active_count(), 2u);
  EXPECT_EQ(count(Family::kFresh), 2u);
  EXPECT_EQ(count(Family::kQueued), 7u);
  EXPECT_EQ(node->counters.reached(Limit::kActiveMessages), 7u);
  run_for(60s);
  EXPECT_EQ(node->agent.delivered.size(), 9u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, MoreRoomAtReloadIsUsed) {
  limits.active_messages_max = 16;
  start(2);
  node->agent.work = 1h;
  for (int i = 0; i < 40; ++i) node->stage("s@a.example", {"u@d" + std::to_string(i) + ".example"});
  run_for(1s);
  EXPECT_EQ(node->manager.active_count(), 16u);
  limits.active_messages_max = 100;
  node->manager.set_policy(retry, limits);
  run_for(1s);
  EXPECT_EQ(node->manager.active_count(), 40u);
  run_for(3h);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, ContentBeyondItsMemoryIsReadBack) {
  limits.content_memory_bytes_max = 1;
  start(2);
  node->agent.answers["u@b.example"] = Disposition::kFailed;
  node->stage("s@a.example", {"u@b.example"}, "seven b");
  run_for(1s);
  EXPECT_EQ(node->manager.content_memory_bytes(), 0u);
  EXPECT_EQ(node->notices.bytes_seen, 7u);
  expect_empty_disk();
}

TEST_F(QueueManagerTest, RecoveryAdoptsFreshAndDue) {
  node->agent.answers["late@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"late@b.example"});
  run_for(1s);
  node->manager.dispatcher().pause();  // what comes now stays in memory
  for (int i = 0; i < 3; ++i) node->stage("s@a.example", {"fresh@c.example"});
  run_for(1s);
  EXPECT_EQ(count(Family::kFresh), 3u);
  EXPECT_EQ(count(Family::kQueued), 1u);
  start(2);
  EXPECT_TRUE(node->manager.recovering());
  run_for(1s);
  EXPECT_FALSE(node->manager.recovering());
  EXPECT_EQ(node->agent.tries["fresh@c.example"].size(), 3u);
  EXPECT_EQ(node->agent.tries["late@b.example"].size(), 0u);  // not due yet
  run_for(300s);
  EXPECT_EQ(node->agent.tries["late@b.example"].size(), 1u);
  expect_empty_disk();
}

// --- what is on its way when the process dies

TEST_F(QueueManagerTest, AMessageFliesUntilItsOutcomeIsOnDisk) {
  node->agent.answers["late@b.example"] = Disposition::kDeferred;
  for (const char* address : {"u@b.example", "late@b.example"}) {
    node->agent.work = 10s;
    node->stage("s@a.example", {address});
    run_for(5s);
    EXPECT_EQ(flying().size(), 1u) << address;
    node->store.faults.sync_min = node->store.faults.sync_max = 2s;
    run_for(6s);
    EXPECT_EQ(node->agent.tries[address].size(), 1u);
    EXPECT_EQ(flying().size(), 1u) << address << ": its outcome is not on disk";
    run_for(3s);
    EXPECT_EQ(flying().size(), 0u) << address;
    node->store.faults.sync_min = node->store.faults.sync_max = 1ms;
  }
  EXPECT_EQ(node->log_text.find("in doubt"), std::string::npos);
}

TEST_F(QueueManagerTest, OneDestinationsOutcomeSaysNothingOfAnother) {
  node->agent.work = 10s;
  node->agent.before_job = [this, first = true]() mutable {
    if (!std::exchange(first, false)) node->agent.work = 60s;
  };
  node->stage("s@a.example", {"quick@b.example", "slow@c.example"});
  run_for(20s);
  EXPECT_EQ(node->agent.delivered, (Strings{"quick@b.example"}));
  EXPECT_EQ(flying().size(), 1u);
  run_for(60s);
  EXPECT_EQ(node->agent.delivered.size(), 2u);
  EXPECT_TRUE(flying().empty());
  expect_empty_disk();
}

TEST_F(QueueManagerTest, WhatFlewWhenTheProcessDiedIsInDoubt) {
  node->agent.answers["late@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"late@b.example"});
  run_for(1s);
  node->manager.dispatcher().pause();
  for (int i = 0; i < 2; ++i) node->stage("s@a.example", {"fresh@c.example"});
  run_for(301s);
  // As if the process had died in the middle of these, and behind the end of the last one.
  std::vector<QueueId> flew;
  for (const Family family : {Family::kFresh, Family::kQueued}) {
    flew.push_back(*QueueId::from_key(disk.table(family).begin()->first));
  }
  for (const QueueId id : flew) static_cast<void>(node->flights->set(id));
  static_cast<void>(node->flights->set(QueueId{.micros = 5}));
  start(2);
  EXPECT_EQ(flying().size(), 2u) << "what was settled is not in doubt";
  run_for(1s);
  for (const QueueId id : flew) {
    const std::string line = ": " + id.text() + ": in doubt: ";
    EXPECT_NE(node->log_text.find(line), std::string::npos) << node->log_text;
  }
  EXPECT_EQ(node->counters.get(Counter::kInDoubt), 2u);
  EXPECT_TRUE(flying().empty());
  node->agent.answers.clear();
  run_for(600s);
  expect_empty_disk();
}

/// An observer that keeps fates as the API does, on the same disk.
struct KeptFates final : FateObserver {
  void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
               const Outcome*) override {
    untold[message.id] += fmt::format("{}:{} ", message.envelope.recipients[recipient].address,
                                      static_cast<int>(fate));
  }
  void on_change(const queue::Message& message) override {
    const std::string fates = std::exchange(untold[message.id], {});
    if (fates.empty()) return;
    if (message.partition->writable()) {
      message.partition->put_entry(Family::kFates, message.id.text(), fates,
                                   queue::IfLost::kMadeAgain);
    } else {
      waiting.emplace_back(message.id.text(), fates);
    }
    partition = message.partition;
  }
  void on_requeued(const queue::Message&) override {}
  void on_store_recovered() override {
    for (const auto& [key, fates] : std::exchange(waiting, {})) {
      partition->put_entry(Family::kFates, key, fates, queue::IfLost::kMadeAgain);
    }
  }
  size_t untold_count() const {
    return static_cast<size_t>(std::count_if(untold.begin(), untold.end(),
                                             [](const auto& one) { return !one.second.empty(); }));
  }
  std::map<QueueId, std::string> untold;
  std::vector<std::pair<std::string, std::string>> waiting;
  queue::Partition* partition = nullptr;
};

/// At no moment does the disk have a recipient's fate without the message's change, or the change
/// without the fate: a process that starts from either would let him meet another one.
TEST_F(QueueManagerTest, AFateIsOnDiskWithTheChangeAndNotBefore) {
  limits.content_memory_bytes_max = 1;  // a notice needs the content back, which takes turns
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    start(seed);
    KeptFates fates;
    node->manager.set_fate_observer(&fates);
    node->store.faults.sync_min = 10ms;
    node->store.faults.sync_max = 50ms;
    node->store.faults.fail_per_mille = seed % 3 == 0 ? 300 : 0;
    node->agent.answers["bad@b.example"] = Disposition::kFailed;
    for (int i = 0; i < 4; ++i) {
      node->stage("s@a.example", {"bad@b.example", "good@b.example"});
    }
    for (int step = 0; step < 2000; ++step) {
      shard.advance(1ms);
      for (const auto& [key, value] : disk.table(Family::kFates)) {
        const QueueId id = *QueueId::parse(key);
        const auto id_key = id.key();
        for (const Family family : {Family::kFresh, Family::kQueued}) {
          const auto& table = disk.table(family);
          const auto record = table.find(std::string_view(id_key.data(), id_key.size()));
          if (record == table.end()) continue;
          const auto message = queue::decode_message(id, record->second.bytes);
          ASSERT_EQ((*message)->pending_count(), 0u) << value.bytes << "seed " << seed;
        }
      }
    }
    node->store.faults.fail_per_mille = 0;
    run_for(600s);
    node->manager.set_fate_observer(nullptr);
    expect_empty_disk();
    // Of those that were stored, and of their notices; nothing is told twice.
    EXPECT_EQ(fates.untold_count(), 0u);
    if (seed == 2) EXPECT_EQ(count(Family::kFates), 2 * 8u);
  }
}

TEST_F(QueueManagerTest, CorruptRecordsAreQuarantined) {
  node->manager.dispatcher().pause();
  for (int i = 0; i < 2; ++i) node->stage("s@a.example", {"fresh@c.example"});
  run_for(1s);
  const std::string key = disk.table(Family::kFresh).begin()->first;
  disk.overwrite(Family::kFresh, key, "junk");
  start(2);
  run_for(1s);
  EXPECT_EQ(node->agent.delivered.size(), 1u);  // the other one goes on
  EXPECT_EQ(count(Family::kFresh), 0u);
  ASSERT_EQ(count(Family::kCorrupt), 1u);
  EXPECT_EQ(disk.table(Family::kCorrupt).begin()->first, key);
  EXPECT_EQ(disk.table(Family::kCorrupt).begin()->second.bytes, "junk");
  EXPECT_EQ(node->counters.get(Counter::kRecordsCorrupt), 1u);
  EXPECT_NE(node->log_text.find("saving corrupt record"), std::string::npos);
}

TEST_F(QueueManagerTest, CorruptDeferredRecordIsQuarantinedWhenDue) {
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  disk.overwrite(Family::kQueued, disk.table(Family::kQueued).begin()->first, "junk");
  run_for(301s);
  EXPECT_EQ(count(Family::kQueued), 0u);
  EXPECT_EQ(count(Family::kCorrupt), 1u);
  EXPECT_EQ(node->agent.tries["u@b.example"].size(), 1u);
}

TEST_F(QueueManagerTest, MailIsTurnedAway) {
  limits.free_disk_bytes_min = 1000;
  start(2);
  EXPECT_EQ(node->manager.refuse_mail(0), "");
  node->store.faults.free_bytes = 1500;
  EXPECT_EQ(node->manager.refuse_mail(500), "");
  EXPECT_TRUE(node->manager.refuse_mail(501).starts_with("452 4.3.1 "));
  EXPECT_EQ(node->counters.reached(Limit::kDiskSpace), 1u);
  node->store.faults.free_bytes = 1 << 20;
  limits.staged_bytes_max = 10;
  node->manager.set_policy(retry, limits);
  node->stage("s@a.example", {"u@b.example"});
  EXPECT_TRUE(node->manager.refuse_mail(0).starts_with("452 4.3.1 "));
  EXPECT_EQ(node->counters.reached(Limit::kCommitBacklog), 1u);
  run_for(1s);
  EXPECT_EQ(node->manager.refuse_mail(0), "");
}

TEST_F(QueueManagerTest, ShutDownEndsInTime) {
  node->agent.work = 10s;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  std::optional<Code> code;
  rt::Scope scope(shard.reactor);
  const auto stop = [](QueueManager* manager, MonoTime deadline,
                       std::optional<Code>* out) -> rt::Task<void> {
    *out = co_await manager->shut_down(deadline);
  };
  scope.spawn(stop(&node->manager, shard.clock.now + 60s, &code));
  EXPECT_TRUE(node->manager.refuse_mail(0).starts_with("421 "));
  ASSERT_TRUE(shard.run_until([&] { return code.has_value(); }, 60s));
  EXPECT_EQ(*code, Code::kOk);
  run_for(1s);
  EXPECT_EQ(count(Family::kFresh), 0u);  // what was under way is settled
}

// --- store failures: seeds decide whether a failed group is on disk after all

class StoreFailureTest : public QueueManagerTest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  StoreFailureTest() { start(GetParam()); }
};

TEST_P(StoreFailureTest, PausesAndResumes) {
  node->stage("s@a.example", {"refused@b.example"});
  node->store.fail_next_commit();
  run_for(100ms);
  EXPECT_TRUE(node->manager.refuse_mail(0).starts_with("452 4.3.1 "));
  EXPECT_EQ(node->counters.get(Counter::kStoreFailures), 1u);
  EXPECT_TRUE(node->agent.tries.empty());
  run_for(2s);
  EXPECT_EQ(node->manager.refuse_mail(0), "");
  EXPECT_TRUE(node->agent.tries.empty());  // its client was told no
  node->stage("s@a.example", {"u@b.example"});
  run_for(1s);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@b.example"}));
  expect_empty_disk();
}

TEST_P(StoreFailureTest, OutcomesSurvive) {
  node->agent.answers["late@c.example"] = Disposition::kDeferred;
  node->agent.before_job = [this] { node->store.fail_next_commit(); };
  node->stage("s@a.example", {"u@b.example", "late@c.example"});
  run_for(2s);
  node->agent.before_job = nullptr;
  run_for(2s);
  node->agent.answers.clear();
  run_for(600s);
  EXPECT_EQ(node->agent.tries["u@b.example"].size(), 1u);
  EXPECT_EQ(node->agent.tries["late@c.example"].size(), 2u);
  expect_empty_disk();
}

TEST_P(StoreFailureTest, ANoticeIsNotLostWithItsGroup) {
  node->agent.answers["u@b.example"] = Disposition::kFailed;
  bool failed = false;
  node->agent.before_job = [&] {
    if (!std::exchange(failed, true)) node->store.fail_next_commit();
  };
  node->stage("s@a.example", {"u@b.example"});
  run_for(10s);
  EXPECT_EQ(node->counters.get(Counter::kStoreFailures), 1u);
  EXPECT_EQ(node->agent.tries["u@b.example"].size(), 1u);
  EXPECT_EQ(node->agent.delivered, (Strings{"s@a.example"}));
  expect_empty_disk();
}

TEST_P(StoreFailureTest, ASuccessNoticeIsMadeOnce) {
  bool failed = false;
  node->agent.before_job = [&] {
    if (!std::exchange(failed, true)) node->store.fail_next_commit();
  };
  node->stage("s@a.example", {"u@b.example"}, "text", kNotifySuccess);
  run_for(10s);
  EXPECT_EQ(node->counters.get(Counter::kStoreFailures), 1u);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@b.example", "s@a.example"}));
  expect_empty_disk();
}

TEST_P(StoreFailureTest, PartsOfNoticesAreNeitherLostNorDoubled) {
  node->notices.told_max = 1;
  node->agent.answers = {{"1@b.example", Disposition::kFailed},
                         {"2@b.example", Disposition::kFailed}};
  bool failed = false;
  node->agent.before_job = [&] {
    if (!std::exchange(failed, true)) node->store.fail_next_commit();
  };
  node->stage("s@a.example", {"1@b.example", "2@b.example"});
  run_for(900s);
  EXPECT_EQ(node->counters.get(Counter::kStoreFailures), 1u);
  EXPECT_EQ(node->notices.texts, (Strings{"failed: 1@b.example", "failed: 2@b.example"}));
  EXPECT_EQ(node->agent.delivered.size(), 2u);
  expect_empty_disk();
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreFailureTest, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace barid::schedule
