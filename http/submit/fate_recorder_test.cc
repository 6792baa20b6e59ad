// Goal: fates and events survive failed commits, whole and in order of their ids; an event's id is
// never below one that was visible before; orders are all or nothing; a hard bounce suppresses.
// Method: a partition on the store twin in virtual time, with commits that fail by plan.
#include "http/submit/fate_recorder.h"

#include <gtest/gtest.h>

#include "http/submit/json.h"
#include "http/submit/test_store.h"

namespace barid::http {
namespace {

using namespace std::chrono_literals;
using queue::Family;

struct CountingListener final : EventListener {
  void on_events() noexcept override { ++told; }
  int told = 0;
};

class FateRecorderTest : public ::testing::Test, protected TestStore {
 protected:
  FateRecorderTest()
      : log({}, log_buffer),
        fates({.reactor = shard.reactor,
               .log = log,
               .counters = counters,
               .timings = timings,
               .listener = listener,
               .suppressions = suppressions}) {
    events.recovered = [this] { fates.on_store_recovered(); };
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
  void recover() {
    for (int i = 0; i < 30; ++i) settle();
  }
  void deliver(uint32_t recipient) {
    const Outcome outcome{.disposition = Disposition::kDelivered, .text = "250 ok"};
    fates.on_fate(message, recipient, schedule::FateObserver::Fate::kDelivered, &outcome);
    fates.on_change(message);
  }
  std::vector<std::string> event_types() const {
    std::vector<std::string> types;
    for (const auto& [key, value] : disk.table(Family::kEvents)) {
      types.emplace_back(json_text(*parse_json(value.bytes), "type"));
    }
    return types;
  }

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

/// The state that was met last must be the one that stays, though both groups failed.
TEST_F(FateRecorderTest, WhatTwoFailedGroupsHadIsWrittenAgainInOneAndInOrder) {
  const Outcome later{.disposition = Disposition::kDeferred, .text = "451 later"};
  for (uint64_t seed = 0; seed < 8; ++seed) {  // the twin throws dice for what got to the disk
    store.fail_next_commit();
    fates.on_fate(message, 0, schedule::FateObserver::Fate::kDeferred, &later);
    fates.on_change(message);
    store.seal();
    deliver(0);  // gathers behind the one that is being committed
    fates.add_event(partition, "{\"type\":\"third\"}");
    const uint64_t commits = store.commits_count();
    const size_t events_before = event_types().size();
    recover();
    EXPECT_EQ(store.commits_count(), commits + 2) << "a failed one, and one for all";
    const std::vector<std::string> types = event_types();
    ASSERT_EQ(types.size(), events_before + 3);
    EXPECT_EQ((std::vector<std::string>(types.end() - 3, types.end())),
              (std::vector<std::string>{"email.delivery_delayed", "email.delivered", "third"}));
    const auto state = parse_json(disk.table(Family::kFates).at(fate_key(message.id, 0)).bytes);
    EXPECT_EQ(json_text(*state, "state"), "delivered");
  }
}

TEST_F(FateRecorderTest, AKeyIsClaimedUntilAFailedCommitIsUndone) {
  RequestLedger ledger;
  ASSERT_TRUE(ledger.begin("one"));
  fates.release(partition, ledger, "one");
  EXPECT_TRUE(ledger.begin("one")) << "nothing is to be undone";
  for (int round = 0; round < 8; ++round) {
    partition.put_entry(Family::kIdempotency, "one", "answer", queue::IfLost::kErased);
    store.fail_next_commit();
    settle();
    fates.release(partition, ledger, "one");
    for (bool released = false; !released; settle()) {
      released = ledger.begin("one");
      if (released) EXPECT_FALSE(disk.table(Family::kIdempotency).contains("one"));
    }
  }
}

TEST_F(FateRecorderTest, AHardBounceSuppressesOnceWithItsEvent) {
  const Outcome outcome{
      .disposition = Disposition::kFailed, .dsn = {5, 1, 1}, .text = "550 5.1.1 no such user"};
  for (int i = 0; i < 2; ++i) {
    fates.on_fate(message, 1, schedule::FateObserver::Fate::kFailed, &outcome);
    settle();
    EXPECT_EQ(event_types().size(), i == 0 ? 0u : 2u) << "the message is not changed yet";
    fates.on_change(message);
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
  fates.on_change(message);
  settle();
  EXPECT_FALSE(suppressions.maybe("acme", "joe@x.example"));
}

TEST_F(FateRecorderTest, PlainMailIsCountedAndNotRecorded) {
  message.envelope.email_id.clear();
  message.envelope.tenant.clear();
  const Outcome outcome{
      .disposition = Disposition::kFailed, .dsn = {5, 1, 1}, .text = "550 5.1.1 no such user"};
  fates.on_fate(message, 0, schedule::FateObserver::Fate::kFailed, &outcome);
  fates.on_change(message);
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
  failing.changes.push_back(
      {.family = Family::kWebhooks, .key = "x", .value = "v", .is_new = true});
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
  EXPECT_EQ(disk.table(Family::kWebhooks).count("x"), 0u) << "nobody was told of it";
}

}  // namespace
}  // namespace barid::http
