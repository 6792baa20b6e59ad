// Goal: recipients whom the gate refuses at the time of an attempt get none: their state is kept,
// an operator's orders hold meanwhile, and what cannot be asked is tried later. Method: the harness
// of this folder with a gate by address that answers after a while.
#include "shard/schedule/test_queue_manager.h"

namespace barid::schedule {
namespace {

using namespace test;

struct Gate final : RecipientGate {
  explicit Gate(rt::Reactor& r) : reactor(r) {}
  bool may_refuse(const queue::Message&, bool just_accepted) const override {
    return !just_accepted && !refused.empty();
  }
  rt::Task<Result<std::vector<uint32_t>>> find_refused(const queue::Message& message) override {
    ++asked;
    co_await rt::Sleep(reactor, reactor.now() + 1s);
    if (broken) co_return Error{.code = Code::kUnavailable};
    std::vector<uint32_t> found;
    for (uint32_t i = 0; i < message.status.size(); ++i) {
      const bool pending = message.status[i].state == queue::RecipientState::kPending;
      if (pending && refused.contains(message.envelope.recipients[i].address)) found.push_back(i);
    }
    co_return found;
  }
  rt::Reactor& reactor;
  std::set<std::string> refused;
  bool broken = false;
  int asked = 0;
};

struct Fates final : FateObserver {
  void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
               const Outcome*) override {
    if (fate == Fate::kSuppressed) {
      suppressed.push_back(message.envelope.recipients[recipient].address);
    }
  }
  void on_change(const queue::Message&) override {}
  void on_requeued(const queue::Message&) override {}
  void on_store_recovered() override {}
  Strings suppressed;
};

class GateTest : public QueueManagerTest {
 protected:
  GateTest() : gate(shard.reactor) {
    node->manager.set_recipient_gate(&gate);
    node->manager.set_fate_observer(&fates);
    node->style.email_id = "01a213c0-bd7a-80ae-9681-0000930841b6";
  }
  ~GateTest() override { node.reset(); }
  /// Accepted, tried once and deferred; from now on the gate refuses what is named.
  void defer_then_refuse(const Strings& recipients, const std::set<std::string>& refused) {
    for (const std::string& one : recipients) node->agent.answers[one] = Disposition::kDeferred;
    node->stage("s@a.example", recipients);
    run_for(1s);
    node->agent.answers.clear();
    gate.refused = refused;
  }
  Gate gate;
  Fates fates;
};

TEST_F(GateTest, RefusedOnesAreDoneWithoutAnAttempt) {
  defer_then_refuse({"no@b.example", "yes@b.example"}, {"no@b.example"});
  run_for(310s);
  EXPECT_EQ(gate.asked, 1);
  EXPECT_EQ(fates.suppressed, (Strings{"no@b.example"}));
  EXPECT_EQ(node->agent.delivered, (Strings{"yes@b.example"}));
  EXPECT_EQ(node->agent.tries["no@b.example"].size(), 1u);
  EXPECT_TRUE(node->notices.texts.empty());
  EXPECT_NE(node->log_text.find("to=<no@b.example>, relay=none"), std::string::npos);
  EXPECT_NE(node->log_text.find("status=bounced (on the suppression list)"), std::string::npos);
  expect_empty_disk();
}

TEST_F(GateTest, NobodyIsLeft) {
  defer_then_refuse({"no@b.example"}, {"no@b.example"});
  run_for(310s);
  EXPECT_EQ(fates.suppressed, (Strings{"no@b.example"}));
  EXPECT_TRUE(node->agent.delivered.empty());
  expect_empty_disk();
}

TEST_F(GateTest, WhoHasNoEventsIsToldByANotice) {
  node->style.email_id.clear();
  defer_then_refuse({"no@b.example"}, {"no@b.example"});
  run_for(320s);
  EXPECT_EQ(node->notices.texts, (Strings{"failed: no@b.example"}));
  EXPECT_EQ(node->agent.delivered, (Strings{"s@a.example"}));
  expect_empty_disk();
}

TEST_F(GateTest, WhatCannotBeAskedIsTriedLater) {
  defer_then_refuse({"no@b.example"}, {"no@b.example"});
  gate.broken = true;
  run_for(310s);
  EXPECT_EQ(gate.asked, 1);
  EXPECT_EQ(count(Family::kQueued), 1u);
  gate.broken = false;
  gate.refused = {"other@b.example"};
  run_for(9000s);
  EXPECT_GT(gate.asked, 1);
  EXPECT_EQ(node->agent.delivered, (Strings{"no@b.example"}));
  expect_empty_disk();
}

TEST_F(GateTest, StopsWhileItIsAsked) {
  defer_then_refuse({"no@b.example"}, {"no@b.example"});
  EXPECT_TRUE(shard.run_until([&] { return gate.asked == 1; }, 400s));
  Code code = Code::kTimeout;
  rt::Scope scope(shard.reactor);
  const auto stop = [](QueueManager& manager, MonoTime deadline, Code* out) -> rt::Task<void> {
    *out = co_await manager.shut_down(deadline);
  };
  scope.spawn(stop(node->manager, shard.reactor.now() + 30s, &code));
  run_for(5s);
  EXPECT_EQ(code, Code::kOk);
  EXPECT_EQ(node->agent.tries["no@b.example"].size(), 1u);
}

}  // namespace
}  // namespace barid::schedule
