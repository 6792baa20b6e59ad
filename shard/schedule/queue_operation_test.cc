// Goal: what an operator orders is done to every message that is meant, once and as a whole, while
// mail is delivered, deferred and read back; no message is lost, delivered twice or left half done.
// Method: the real queue manager and partition on the store twin; an agent that answers by address;
// virtual time; races provoked at every offset.
#include "shard/schedule/queue_operation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "shard/queue/record.h"
#include "shard/schedule/test_queue_manager.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;
using queue::Family;

/// One notice about all that failed, to any but a null sender.
struct Notices final : NoticeComposer {
  using Message = queue::Message;
  queue::SuccessReport success_report(const Message&, const Recipient&,
                                      const Outcome&) const override {
    return queue::SuccessReport::kNone;
  }
  bool anything_due(const Message& message, WallTime) const override {
    return std::any_of(message.status.begin(), message.status.end(), [](const auto& status) {
      return status.state == queue::RecipientState::kFailed;
    });
  }
  bool needs_content(const Message&, WallTime) const override { return true; }
  DueNotices compose_due(const Message& message, const std::vector<std::string_view>&,
                         absl::FunctionRef<QueueId()> allocate_id, WallTime) const override {
    DueNotices due;
    for (uint32_t i = 0; i < message.status.size(); ++i) {
      if (message.status[i].state == queue::RecipientState::kFailed) due.told.push_back(i);
    }
    reasons.push_back(message.status.front().reason);
    if (message.envelope.sender.empty()) return due;
    Notice notice{.id = allocate_id(), .content = ContentRef::make()};
    notice.envelope.recipients = {{.address = message.envelope.sender}};
    notice.content->append("notice");
    due.notices.push_back(std::move(notice));
    return due;
  }
  mutable std::vector<std::string> reasons;
};

/// Defers what goes to "later…", delivers the rest; each job takes `work`.
struct ScriptedAgent final : Agent {
  explicit ScriptedAgent(rt::Reactor& r) : reactor(r) {}
  rt::Task<void> deliver(Lease& lease) override {
    for (std::optional<Job> job = lease.take(); job; job = lease.take()) {
      if (work > Duration::zero()) co_await rt::Sleep(reactor, reactor.now() + work);
      for (const uint32_t recipient : job->recipients) {
        const std::string& address = job->message->envelope.recipients[recipient].address;
        ++tries[address];
        Outcome outcome{.disposition = Disposition::kDelivered, .dsn = {2, 0, 0}};
        if (address.starts_with("later")) {
          outcome.disposition = Disposition::kDeferred;
          outcome.text = "not now";
        } else {
          ++delivered[address];
        }
        lease.report(*job, recipient, outcome);
      }
      lease.finish(std::move(*job), Lease::Hop::kWorked);
    }
  }
  rt::Reactor& reactor;
  Duration work{};
  std::map<std::string, int> tries;
  std::map<std::string, int> delivered;
};

struct Node final : test::ManagerNode<ScriptedAgent, Notices> {
  Node(rt::TestShard& s, sim::SimDisk& disk) : ManagerNode(s, disk, 1) {
    manager.set_policy({.minimal_backoff = 1h, .maximal_backoff = 1h}, {});
    start({.site = {.window = {.limit = 1}}});
  }
  QueueId stage(const std::string& recipient, bool hold = false) {
    return stage_to({recipient}, hold);
  }
  QueueId stage_to(const std::vector<std::string>& recipients, bool hold = false) {
    QueueManager::Submission in{.id = manager.home().allocate_id(),
                                .envelope = {.sender = "s@from.example"},
                                .content = ContentRef::make(),
                                .arrival = shard.reactor.wall_now(),
                                .hold = hold};
    for (const std::string& address : recipients) {
      in.envelope.recipients.push_back({.address = address});
    }
    in.content->append("text");
    const QueueId id = in.id;
    manager.stage(std::move(in));
    return id;
  }
  [[nodiscard]] size_t log_count(std::string_view text) const {
    size_t count = 0;
    for (size_t at = log_text.find(text); at != std::string::npos; at = log_text.find(text, at + 1))
      ++count;
    return count;
  }
};

class QueueOperationTest : public ::testing::Test {
 protected:
  void SetUp() override { node = std::make_unique<Node>(shard, disk); }
  void TearDown() override { end(); }
  void end() {
    if (!node) return;
    std::optional<Code> ended;
    rt::Scope scope(shard.reactor);
    scope.spawn(stop(&ended));
    EXPECT_TRUE(shard.run_until([&] { return ended.has_value(); }, 1h));
    run_for(5s);
    node.reset();
  }
  rt::Task<void> stop(std::optional<Code>* ended) {
    *ended = co_await node->manager.shut_down(shard.reactor.now() + 30min);
  }
  void run_for(Duration time) {
    const MonoTime end = shard.clock.now + time;
    static_cast<void>(shard.run_until([&] { return shard.clock.now >= end; }, time));
    shard.clock.now = std::max(shard.clock.now, end);
    shard.turn();
  }
  OperationProgress operate(OperationRequest request) {
    QueueOperation operation(node->manager, std::move(request));
    operation.start();
    EXPECT_TRUE(shard.run_until([&] { return operation.progress().finished; }, 10min));
    shard.turn();  // its lines
    return operation.progress();
  }
  OperationProgress operate(QueueAction action, std::vector<QueueId> ids = {}) {
    return operate({.action = action, .ids = std::move(ids)});
  }
  [[nodiscard]] size_t rows(Family family) const { return disk.table(family).size(); }
  std::unique_ptr<queue::Message> stored(QueueId id) {
    const auto key = id.key();
    const auto record = node->store.get(Family::kQueued, {key.data(), key.size()});
    if (!record.ok()) return nullptr;
    return *queue::decode_message(id, *record);
  }

  rt::TestShard shard;
  sim::SimDisk disk;
  std::unique_ptr<Node> node;
};

TEST_F(QueueOperationTest, HeldMailLeavesTheScheduleAndComesBack) {
  const QueueId id = node->stage("later@a.example");
  run_for(1s);
  ASSERT_EQ(rows(Family::kSchedule), 1u);
  OperationProgress progress = operate(QueueAction::kHold);
  EXPECT_EQ(progress.matched, 1u);
  EXPECT_EQ(progress.code, Code::kOk);
  EXPECT_EQ(rows(Family::kSchedule), 0u);
  EXPECT_TRUE(stored(id)->hold);
  EXPECT_EQ(node->log_count(id.text() + ": placed on hold"), 1u);
  EXPECT_EQ(operate(QueueAction::kHold).matched, 0u);  // it is already
  EXPECT_EQ(operate(QueueAction::kFlush).matched, 0u);
  run_for(48h);
  EXPECT_EQ(node->agent.tries["later@a.example"], 1);

  progress = operate(QueueAction::kRelease);
  EXPECT_EQ(progress.matched, 1u);
  EXPECT_EQ(progress.released, 1u);
  run_for(1s);
  EXPECT_EQ(node->agent.tries["later@a.example"], 2);
  EXPECT_FALSE(stored(id)->hold);
  EXPECT_EQ(node->log_count(id.text() + ": released from hold"), 1u);
}

TEST_F(QueueOperationTest, MailMayComeInOnHold) {
  const QueueId id = node->stage("x@a.example", /*hold=*/true);
  run_for(48h);
  EXPECT_EQ(node->agent.tries.size(), 0u);
  EXPECT_TRUE(stored(id)->hold);
  EXPECT_EQ(rows(Family::kSchedule), 0u);
  end();  // and stays so over a restart
  node = std::make_unique<Node>(shard, disk);
  run_for(48h);
  EXPECT_EQ(node->agent.tries.size(), 0u);
  EXPECT_EQ(operate(QueueAction::kRelease, {id}).matched, 1u);
  run_for(1s);
  EXPECT_EQ(node->agent.delivered["x@a.example"], 1);
}

TEST_F(QueueOperationTest, DeletesByFilterAndLeavesNothing) {
  for (int i = 0; i < 1200; ++i) node->stage(fmt::format("later{}@a.example", i));
  node->stage("later@keep.example");
  run_for(10s);
  OperationRequest request{.action = QueueAction::kDelete, .dry_run = true};
  ASSERT_EQ(request.filter.add("domain", "a.example"), "");
  EXPECT_EQ(operate(request).matched, 1200u);
  EXPECT_EQ(rows(Family::kQueued), 1201u);  // counted, not touched
  request.dry_run = false;
  EXPECT_EQ(operate(request).matched, 1200u);
  EXPECT_EQ(rows(Family::kQueued), 1u);
  EXPECT_EQ(rows(Family::kSchedule), 1u);
  EXPECT_EQ(rows(Family::kContent), 1u);
  EXPECT_EQ(node->log_count("postsuper[0]: "), 1200u);
  EXPECT_TRUE(node->notices.reasons.empty());
}

TEST_F(QueueOperationTest, ByIdsSaysWhichExist) {
  const QueueId there = node->stage("later@a.example");
  run_for(1s);
  const QueueId gone{.micros = there.micros + 5};
  const OperationProgress progress = operate(QueueAction::kDelete, {there, gone});
  EXPECT_EQ(progress.found, std::vector<QueueId>{there});
  EXPECT_EQ(progress.matched, 1u);
  EXPECT_EQ(rows(Family::kQueued), 0u);
}

TEST_F(QueueOperationTest, RequeuedMailHasANewIdAndANewLife) {
  const QueueId old = node->stage("later@a.example");
  const WallTime arrival = shard.reactor.wall_now();
  run_for(30min);
  ASSERT_EQ(stored(old)->attempts, 1u);
  EXPECT_EQ(operate(QueueAction::kRequeue).matched, 1u);
  run_for(1s);
  EXPECT_EQ(stored(old), nullptr);
  ASSERT_EQ(rows(Family::kQueued), 1u);
  const QueueId now = *QueueId::from_key(disk.table(Family::kQueued).begin()->first);
  const auto message = stored(now);
  EXPECT_EQ(message->attempts, 1u);
  EXPECT_EQ(message->arrival, arrival);
  EXPECT_GE(message->created, arrival + 30min);
  EXPECT_EQ(rows(Family::kContent), 1u);
  EXPECT_EQ(node->log_count(old.text() + ": requeued"), 1u);
  EXPECT_EQ(node->log_count(now.text() + ": uid=0 from=<s@from.example> orig_id=" + old.text()),
            1u);
  EXPECT_EQ(node->log_count(old.text() + ": removed"), 0u);
}

TEST_F(QueueOperationTest, ExpiredMailGoesBackWithoutAnotherAttempt) {
  const QueueId tried = node->stage("later@a.example");
  const QueueId held = node->stage("x@b.example", /*hold=*/true);
  run_for(1s);
  EXPECT_EQ(operate(QueueAction::kExpire).matched, 2u);
  run_for(1s);
  EXPECT_EQ(node->agent.tries["later@a.example"], 1);
  EXPECT_EQ(node->notices.reasons, std::vector<std::string>{"not now"});
  EXPECT_EQ(stored(tried), nullptr);
  EXPECT_TRUE(stored(held)->force_expired);  // on hold it stays
  EXPECT_EQ(operate(QueueAction::kExpire).matched, 0u);

  const OperationProgress progress = operate(QueueAction::kExpireRelease);
  EXPECT_EQ(progress.matched, 1u);
  EXPECT_EQ(progress.released, 1u);
  run_for(1s);
  EXPECT_EQ(node->agent.tries.count("x@b.example"), 0u);
  EXPECT_EQ(node->notices.reasons.back(), "message is administratively expired");
  EXPECT_EQ(rows(Family::kQueued) + rows(Family::kFresh), 0u);
  EXPECT_EQ(node->agent.delivered["s@from.example"], 2);
}

TEST_F(QueueOperationTest, FlushedMailIsDueNow) {
  node->stage("later@a.example");
  node->stage("later@b.example");
  run_for(1s);
  OperationRequest request{.action = QueueAction::kFlush};
  ASSERT_EQ(request.filter.add("domain", "b.example"), "");
  EXPECT_EQ(operate(request).matched, 1u);
  run_for(1s);
  EXPECT_EQ(node->agent.tries["later@a.example"], 1);
  EXPECT_EQ(node->agent.tries["later@b.example"], 2);
}

// defer_transports: the usual backoff, no attempt; a flush is one attempt of what was there.
TEST_F(QueueOperationTest, DeferredTransportsTryWhatIsFlushedOnce) {
  const auto defer_smtp = [this](bool deferred) {
    node->manager.dispatcher().set_transport(
        "smtp", node->agent, {.site = {.window = {.limit = 1}}, .deferred = deferred});
  };
  defer_smtp(true);
  const QueueId first = node->stage("x@a.example");
  node->stage("later@a.example");
  run_for(3h);
  EXPECT_TRUE(node->agent.tries.empty());
  EXPECT_EQ(stored(first)->attempts, 0u);
  EXPECT_EQ(stored(first)->status[0].reason, "deferred transport");
  EXPECT_EQ(stored(first)->status[0].dsn, (DsnCode{4, 3, 2}));
  EXPECT_GE(node->log_count("status=deferred (deferred transport)"), 4u);

  EXPECT_EQ(operate(QueueAction::kFlush).matched, 2u);
  run_for(1s);
  EXPECT_EQ(node->agent.delivered["x@a.example"], 1);
  EXPECT_EQ(node->agent.tries["later@a.example"], 1);
  const QueueId next = node->stage("next@a.example");  // came after the flush
  run_for(3h);
  EXPECT_EQ(node->agent.tries.size(), 2u);
  EXPECT_EQ(node->agent.tries["later@a.example"], 1);

  defer_smtp(false);
  EXPECT_EQ(stored(next)->attempts, 0u);
  run_for(2h);
  EXPECT_EQ(node->agent.delivered["next@a.example"], 1);
  EXPECT_EQ(node->agent.tries["later@a.example"], 3);
}

// One connection, each delivery a second: the first message is under way, the others wait.
TEST_F(QueueOperationTest, WaitingMailIsWithdrawnRunningDeliveriesEnd) {
  struct Case {
    QueueAction action;
    size_t left;  ///< messages still stored an hour later, nobody having been tried again
  };
  for (const Case c : {Case{QueueAction::kHold, 4}, Case{QueueAction::kDelete, 0}}) {
    node->agent.work = 1s;
    node->agent.tries.clear();
    for (int i = 0; i < 5; ++i) node->stage(fmt::format("{}@a.example", i == 0 ? "x" : "later"));
    run_for(500ms);
    const OperationProgress progress = operate(c.action);
    EXPECT_EQ(progress.matched, 5u);
    EXPECT_EQ(progress.busy, 1u);
    run_for(30min);
    EXPECT_EQ(node->agent.tries.size(), 1u);
    EXPECT_EQ(node->agent.tries["x@a.example"], 1);
    EXPECT_EQ(rows(Family::kQueued) + rows(Family::kFresh), c.left);
    EXPECT_EQ(rows(Family::kSchedule), 0u);
    if (c.left > 0) operate(QueueAction::kDelete);
  }
}

TEST_F(QueueOperationTest, HoldDuringAnAttemptSurvivesACrash) {
  node->agent.work = 10s;
  const QueueId id = node->stage("later@a.example");
  run_for(1s);
  EXPECT_EQ(operate(QueueAction::kHold, {id}).busy, 1u);
  run_for(1s);
  const sim::SimDisk crashed = disk;  // what a process finds that starts now
  end();
  disk = crashed;
  node = std::make_unique<Node>(shard, disk);
  run_for(2h);
  EXPECT_TRUE(node->agent.tries.empty());
  EXPECT_TRUE(stored(id)->hold);
  EXPECT_EQ(rows(Family::kSchedule), 0u);
}

TEST_F(QueueOperationTest, DeletingDuringAnAttemptSurvivesACrash) {
  node->agent.work = 10s;
  const QueueId id = node->stage("later@a.example");
  run_for(1s);
  EXPECT_EQ(operate(QueueAction::kDelete, {id}).busy, 1u);
  const sim::SimDisk crashed = disk;  // at once: the answer means that it is on disk
  end();
  disk = crashed;
  node = std::make_unique<Node>(shard, disk);
  run_for(2h);
  EXPECT_TRUE(node->agent.tries.empty());
  EXPECT_EQ(rows(Family::kQueued) + rows(Family::kFresh), 0u);
  EXPECT_EQ(rows(Family::kSchedule) + rows(Family::kContent), 0u);
  EXPECT_EQ(node->log_count(id.text() + ": removed"), 1u);
}

TEST_F(QueueOperationTest, RequeueingDuringAnAttemptSurvivesACrash) {
  for (const bool held_too : {false, true}) {
    SCOPED_TRACE(held_too);
    node->agent.work = 10s;
    const QueueId id = node->stage("x@a.example");
    run_for(1s);
    if (held_too) operate(QueueAction::kHold, {id});
    EXPECT_EQ(operate(QueueAction::kRequeue, {id}).busy, 1u);
    const sim::SimDisk crashed = disk;
    end();
    disk = crashed;
    node = std::make_unique<Node>(shard, disk);
    run_for(2h);
    EXPECT_EQ(node->log_count("orig_id=" + id.text()), 1u);
    EXPECT_EQ(node->agent.delivered["x@a.example"], 1);
    EXPECT_EQ(rows(Family::kQueued) + rows(Family::kFresh), 0u);
  }
}

/// Where each requeued recipient went, last word first.
struct Moves final : FateObserver {
  void on_fate(const queue::Message&, uint32_t, Fate, const Outcome*) override {}
  void on_change(const queue::Message&) override {}
  void on_store_recovered() override {}
  void on_requeued(const queue::Message& next) override {
    EXPECT_NE(next.partition, nullptr);
    for (uint32_t i = 0; i < next.former->places.size(); ++i) {
      moves[{next.former->id, next.former->places[i]}] = {next.id, i};
    }
  }
  std::map<std::pair<QueueId, uint32_t>, std::pair<QueueId, uint32_t>> moves;
};

TEST_F(QueueOperationTest, TellsWhereRequeuedRecipientsAre) {
  for (const bool store_fails : {false, true}) {
    SCOPED_TRACE(store_fails);
    Moves told;
    node->manager.set_fate_observer(&told);
    const QueueId id = node->stage_to({"x@a.example", "later@a.example"});
    run_for(1s);
    if (store_fails) node->store.fail_next_commit();
    operate(QueueAction::kRequeue);
    run_for(10s);
    node->manager.set_fate_observer(nullptr);
    ASSERT_EQ(rows(Family::kQueued), 1u);
    const auto left = stored(*QueueId::from_key(disk.table(Family::kQueued).begin()->first));
    EXPECT_NE(left->id, id);
    ASSERT_EQ(left->envelope.recipients.size(), 1u);
    ASSERT_EQ(told.moves.size(), 1u);
    EXPECT_EQ((told.moves[{id, 1}]), (std::pair{left->id, 0u}));
    operate(QueueAction::kDelete);
    run_for(1s);
  }
}

TEST_F(QueueOperationTest, EndsWhenTheStoreFailsAndNothingIsLost) {
  for (int i = 0; i < 20; ++i) node->stage(fmt::format("later{}@a.example", i));
  run_for(1s);
  node->store.fail_next_commit();
  EXPECT_EQ(operate(QueueAction::kRequeue).code, Code::kUnavailable);
  run_for(10s);  // it is back
  EXPECT_EQ(rows(Family::kQueued), 20u);
  EXPECT_EQ(rows(Family::kContent), 20u);
  EXPECT_EQ(operate(QueueAction::kDelete).matched, 20u);
  EXPECT_EQ(rows(Family::kQueued) + rows(Family::kContent), 0u);
}

TEST_F(QueueOperationTest, CancelledEndsEarly) {
  for (int i = 0; i < 3000; ++i) node->stage(fmt::format("later{}@a.example", i));
  run_for(10s);
  QueueOperation operation(node->manager, {.action = QueueAction::kDelete});
  operation.start();
  ASSERT_TRUE(shard.run_until([&] { return operation.progress().matched > 0; }, 1min));
  operation.cancel();
  ASSERT_TRUE(shard.run_until([&] { return operation.progress().finished; }, 1min));
  EXPECT_EQ(operation.progress().code, Code::kCancelled);
  EXPECT_GT(rows(Family::kQueued), 0u);
  EXPECT_EQ(rows(Family::kQueued) + operation.progress().matched, 3000u);
  EXPECT_EQ(rows(Family::kSchedule), rows(Family::kQueued));
}

// Retries become due while the operation reads: at every offset each message is deleted once, and
// none comes back to life.
TEST_F(QueueOperationTest, DueMailIsNotResurrected) {
  node->offload.latency = 5ms;  // what is read is old when it arrives
  for (int offset = 0; offset < 60; ++offset) {
    SCOPED_TRACE(offset);
    node->agent.tries.clear();
    for (int i = 0; i < 40; ++i) node->stage(fmt::format("later{}@a.example", i));
    run_for(1h - 20ms + std::chrono::microseconds(offset * 700));
    const uint64_t matched = operate(QueueAction::kDelete).matched;
    EXPECT_EQ(matched, 40u);
    run_for(3h);
    EXPECT_EQ(rows(Family::kQueued) + rows(Family::kFresh) + rows(Family::kContent), 0u);
    EXPECT_EQ(node->manager.active_count(), 0u);
    for (const auto& [address, count] : node->agent.tries) EXPECT_LE(count, 2) << address;
  }
}

// The same for requeueing: nobody gets two copies, nobody none.
TEST_F(QueueOperationTest, RequeueingWhileDueMakesNoCopies) {
  node->offload.latency = 5ms;
  for (int offset = 0; offset < 40; ++offset) {
    SCOPED_TRACE(offset);
    for (int i = 0; i < 20; ++i) node->stage(fmt::format("later{}@a.example", i));
    run_for(1h - 10ms + std::chrono::microseconds(offset * 500));
    EXPECT_EQ(operate(QueueAction::kRequeue).matched, 20u);
    run_for(10s);
    std::multiset<std::string> addresses;
    for (const auto& [key, value] : disk.table(Family::kQueued)) {
      const auto message = stored(*QueueId::from_key(key));
      addresses.insert(message->envelope.recipients.front().address);
    }
    EXPECT_EQ(addresses.size(), 20u);
    EXPECT_EQ(std::set<std::string>(addresses.begin(), addresses.end()).size(), 20u);
    operate(QueueAction::kDelete);
  }
}

TEST(QueueActions, Names) {
  for (size_t i = 0; i < kQueueActionCount; ++i) {
    const auto action = static_cast<QueueAction>(i);
    EXPECT_EQ(find_queue_action(queue_action_name(action)), action);
  }
  EXPECT_EQ(find_queue_action("burn"), std::nullopt);
}

}  // namespace
}  // namespace barid::schedule
