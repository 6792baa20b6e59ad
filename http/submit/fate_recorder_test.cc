// Goal: fates and events survive failed commits, whole and in order of their ids; an event's id is
// never below one that was visible before; orders are all or nothing; a hard bounce suppresses.
// Method: a partition on the store twin in virtual time, with commits that fail by plan.
#include "http/submit/fate_recorder.h"

#include <gtest/gtest.h>

#include "http/submit/json.h"
#include "shard/runtime/test_shard.h"
#include "shard/sim/sim_store.h"

namespace barid::http {
namespace {

using namespace std::chrono_literals;
using queue::Family;

struct NoEvents final : queue::Partition::Events {
  void on_accepted(std::unique_ptr<queue::Message>) override {}
  void on_filed(QueueId, const std::vector<std::string>&, WallTime) override {}
  void on_removed(QueueId) override {}
  void on_refused(QueueId, std::unique_ptr<queue::Message>) override {}
  void on_undone(QueueId) override {}
  void on_synced(Duration) override {}
  void on_store_failed(const Error&) override {}
  void on_store_recovered() override {}
};

struct CountingListener final : EventListener {
  void on_events() noexcept override { ++told; }
  int told = 0;
};

class FateRecorderTest : public ::testing::Test {
 protected:
  FateRecorderTest()
      : store(shard.reactor, disk, 1),
        partition(shard.reactor, store, events, 4),
        log({}, log_buffer),
        fates({.reactor = shard.reactor,
               .log = log,
               .counters = counters,
               .timings = timings,
               .listener = listener,
               .suppressions = suppressions}) {
    store.faults.reopen_delay = 1s;
    std::vector<std::string> errors;
    fates.set_bounce_rules(std::make_unique<const policy::BounceRules>(
        "", lookup::OpenContext{.read_file = lookup::read_whole_file, .errors = &errors}));
    message.id = partition.allocate_id();
    message.partition = &partition;
    message.envelope.sender = "a@b.example";
    message.envelope.tenant = "acme";
    message.envelope.email_id = "01a213c0-bd7a-80ae-9681-0000930841b6";
    message.envelope.recipients = {{.address = "joe@x.example"}, {.address = "eve@x.example"}};
    message.status.resize(2);
  }
  ~FateRecorderTest() override {
    bool closed = false;
    rt::Scope scope(shard.reactor);
    scope.spawn(close(&closed));
    for (int i = 0; i < 20 && !closed; ++i) settle();
    EXPECT_TRUE(closed);
  }
  rt::Task<void> close(bool* closed) { *closed = co_await fates.close(shard.reactor.now() + 10s); }
  void settle() {
    store.seal();
    shard.advance(100ms);
    shard.turn();
  }
  void recover() {
    for (int i = 0; i < 30; ++i) settle();
  }
  void deliver(uint32_t recipient) {
    const Outcome outcome{.disposition = Disposition::kDelivered, .text = "250 ok"};
    fates.on_fate(message, recipient, schedule::FateObserver::Fate::kDelivered, &outcome);
  }
  std::vector<std::string> event_types() const {
    std::vector<std::string> types;
    for (const auto& [key, value] : disk.table(Family::kEvents)) {
      types.emplace_back(json_text(*parse_json(value.bytes), "type"));
    }
    return types;
  }

  rt::TestShard shard;
  sim::SimDisk disk;
  NoEvents events;
  sim::SimStore store;
  queue::Partition partition;
  LogBuffer log_buffer;
  Log log;
  Counters counters;
  Timings timings{};
  CountingListener listener;
  SuppressionFilter suppressions;
  FateRecorder fates;
  queue::Message message;
};

TEST_F(FateRecorderTest, WhatAFailedCommitTookIsWrittenAgainInOrder) {
  for (uint64_t round = 0; round < 8; ++round) {
    deliver(0);
    if (round % 2 == 1) store.fail_next_commit();
    settle();
    fates.add_event(partition, "{\"type\":\"late\"}");
    recover();
    EXPECT_EQ(disk.table(Family::kEvents).size(), 2 * (round + 1)) << round;
  }
  EXPECT_EQ(disk.table(Family::kFates).size(), 1u);
  const std::vector<std::string> types = event_types();
  for (size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(types[i], i % 2 == 0 ? "email.delivered" : "late") << i;
  }
  EXPECT_GT(listener.told, 8);
  EXPECT_EQ(fates.lost_count(), 0u);
}

TEST_F(FateRecorderTest, AnEventWrittenAgainGetsALaterId) {
  store.fail_next_commit();
  fates.add_event(partition, "{\"type\":\"first\"}");
  settle();
  const QueueId meanwhile = partition.allocate_id();  // as one that another part put
  recover();
  ASSERT_EQ(disk.table(Family::kEvents).size(), 1u);
  EXPECT_LT(meanwhile, *QueueId::from_key(disk.table(Family::kEvents).begin()->first));
}

TEST_F(FateRecorderTest, AHardBounceSuppressesOnceWithItsEvent) {
  const Outcome outcome{
      .disposition = Disposition::kFailed, .dsn = {5, 1, 1}, .text = "550 5.1.1 no such user"};
  for (int i = 0; i < 2; ++i) {
    fates.on_fate(message, 1, schedule::FateObserver::Fate::kFailed, &outcome);
    settle();
  }
  EXPECT_TRUE(suppressions.maybe("acme", "eve@x.example"));
  EXPECT_EQ(disk.table(Family::kSuppressions).size(), 2u);  // entry and index
  EXPECT_EQ(event_types(),
            (std::vector<std::string>{"suppression.added", "email.bounced", "email.bounced"}));
  EXPECT_EQ(counters.bounces(BounceClass::kInvalidRecipient), 2u);
  const Outcome full{
      .disposition = Disposition::kFailed, .dsn = {5, 2, 2}, .text = "552 5.2.2 mailbox full"};
  fates.on_fate(message, 0, schedule::FateObserver::Fate::kFailed, &full);
  settle();
  EXPECT_FALSE(suppressions.maybe("acme", "joe@x.example"));
}

TEST_F(FateRecorderTest, PlainMailIsCountedAndNotRecorded) {
  message.envelope.email_id.clear();
  message.envelope.tenant.clear();
  const Outcome outcome{
      .disposition = Disposition::kFailed, .dsn = {5, 1, 1}, .text = "550 5.1.1 no such user"};
  fates.on_fate(message, 0, schedule::FateObserver::Fate::kFailed, &outcome);
  settle();
  EXPECT_EQ(counters.bounces(BounceClass::kInvalidRecipient), 1u);
  for (const Family family : {Family::kFates, Family::kEvents, Family::kSuppressions}) {
    EXPECT_TRUE(disk.table(family).empty());
  }
}

TEST_F(FateRecorderTest, OrdersAreOnDiskOrRefused) {
  FateRecorder::Order good{.partition = 4};
  good.changes.push_back({.family = Family::kWebhooks, .key = "k", .value = "v"});
  fates.start(partition, good);
  EXPECT_FALSE(good.done);
  settle();
  EXPECT_TRUE(good.done);
  EXPECT_EQ(good.code, Code::kOk);
  EXPECT_EQ(disk.table(Family::kWebhooks).at("k").bytes, "v");

  FateRecorder::Order failing{.partition = 4};
  failing.changes.push_back({.family = Family::kWebhooks, .key = "x", .value = "v"});
  store.fail_next_commit();
  fates.start(partition, failing);
  settle();
  EXPECT_TRUE(failing.done);
  EXPECT_EQ(failing.code, Code::kUnavailable);

  FateRecorder::Order meanwhile{.partition = 4};
  meanwhile.changes.push_back({.family = Family::kWebhooks, .key = "y", .value = "v"});
  fates.start(partition, meanwhile);  // the store is down
  EXPECT_TRUE(meanwhile.done);
  EXPECT_EQ(meanwhile.code, Code::kUnavailable);
  recover();
  EXPECT_EQ(disk.table(Family::kWebhooks).count("y"), 0u);
}

}  // namespace
}  // namespace barid::http
