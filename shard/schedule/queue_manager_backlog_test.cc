// Goal: memory is bounded and shared: no stuck destination, tenant or lane keeps others out; what
// waits on disk comes back in fair turns, at its time, and ends at its time.
// Method: small limits, a slow agent, virtual time.
#include "shard/schedule/test_queue_manager.h"

namespace barid::schedule {
namespace {

using namespace test;
using namespace std::chrono_literals;

class BacklogTest : public QueueManagerTest {
 protected:
  ~BacklogTest() override {
    node->agent.work = Duration::zero();
    node->agent.answers.clear();
    EXPECT_TRUE(shard.run_until(
        [&] { return node->manager.active_count() == 0 && count(Family::kContent) == 0; }));
    EXPECT_TRUE(shard.run_until([&] { return node->manager.dispatcher().leases_count() == 0; }));
  }
  void restart_with(uint32_t messages) {
    limits.active_messages_max = messages;
    start(1);
  }
  void fill(const std::string& domain, int count) {
    for (int i = 0; i < count; ++i) {
      node->stage("s@a.example", {"u" + std::to_string(i) + "@" + domain});
      if (i % 20 == 19) run_for(1ms);  // a commit
    }
    run_for(1ms);
  }
  size_t delivered_to(const std::string& domain) const {
    size_t count = 0;
    for (const std::string& address : node->agent.delivered) {
      count += address.ends_with("@" + domain) ? 1 : 0;
    }
    return count;
  }
};

TEST_F(BacklogTest, MemoryIsBoundedAndEverythingIsDelivered) {
  restart_with(100);
  node->agent.work = 10ms;
  for (const char* domain : {"b.example", "c.example"}) fill(domain, 500);
  EXPECT_LE(node->manager.active_count(), 100u);
  while (count(Family::kContent) > 0) {
    run_for(1s);
    ASSERT_LE(node->manager.active_count(), 100u);
  }
  EXPECT_EQ(node->agent.delivered.size(), 1000u);
  expect_empty_disk();
}

TEST_F(BacklogTest, AStuckDestinationKeepsNobodyOut) {
  restart_with(1000);
  node->agent.work = 1h;
  fill("stuck.example", 5000);
  EXPECT_LE(node->manager.active_count(), 600u);  // about half of what was free
  node->agent.work = 1ms;
  fill("b.example", 50);
  run_for(5s);
  EXPECT_EQ(delivered_to("b.example"), 50u);
  EXPECT_EQ(delivered_to("stuck.example"), 0u);
  // Another one gets half of the rest, and still the next is served.
  node->agent.work = 1h;
  fill("stuck2.example", 5000);
  node->agent.work = 1ms;
  fill("c.example", 20);
  run_for(5s);
  EXPECT_EQ(delivered_to("c.example"), 20u);
}

TEST_F(BacklogTest, TransactionalMailHasRoomWhenBulkFillsMemory) {
  restart_with(160);
  node->agent.work = 1h;
  node->style.stream = Stream::kBulk;
  for (int i = 0; i < 20; ++i) fill("stuck" + std::to_string(i) + ".example", 100);
  EXPECT_LE(node->manager.active_count(), 140u);
  node->agent.work = 1ms;
  node->style.stream = Stream::kTransactional;
  fill("b.example", 5);
  run_for(1s);
  EXPECT_EQ(delivered_to("b.example"), 5u);
}

TEST_F(BacklogTest, RecipientsCountToo) {
  limits.active_messages_max = 1000;
  limits.active_recipients_max = 50;
  start(1);
  node->agent.work = 1h;
  for (int i = 0; i < 20; ++i) {
    Strings many;
    for (int j = 0; j < 10; ++j) many.push_back("u" + std::to_string(j) + "@b.example");
    node->stage("s@a.example", many);
    run_for(1ms);
  }
  EXPECT_LE(node->manager.active_count(), 6u);
}

TEST_F(BacklogTest, DeferredAndNewMailTakeTurns) {
  node->agent.answers = {};
  for (int i = 0; i < 300; ++i)
    node->agent.answers["d" + std::to_string(i) + "@d.example"] = Disposition::kDeferred;
  for (int i = 0; i < 300; ++i)
    node->stage("s@a.example", {"d" + std::to_string(i) + "@d.example"});
  run_for(10s);
  ASSERT_EQ(count(Family::kQueued), 300u);
  node->agent.answers.clear();
  // A small memory, all of it due, and as much new mail past memory.
  limits.active_messages_max = 40;
  node->manager.set_policy(retry, limits);
  node->agent.work = 100ms;
  run_for(290s);
  for (int i = 0; i < 300; ++i)
    node->stage("s@a.example", {"n" + std::to_string(i) + "@n.example"});
  run_for(20s);
  const size_t fresh = delivered_to("n.example");
  const size_t deferred = delivered_to("d.example");
  EXPECT_GT(fresh, 50u);
  EXPECT_GT(deferred, 50u);
  run_for(10min);
  EXPECT_EQ(node->agent.delivered.size(), 600u);
  expect_empty_disk();
}

TEST_F(BacklogTest, TenantsOnDiskTakeTurns) {
  restart_with(64);
  node->agent.work = 50ms;
  node->style.stream = Stream::kBulk;
  node->style.tenant = "large";
  fill("b.example", 1000);
  node->style.tenant = "small";
  for (int i = 0; i < 50; ++i) node->stage("s@a.example", {"small@b.example"});
  run_for(1ms);
  size_t small = 0;
  while (small < 50) {
    run_for(1s);
    small = static_cast<size_t>(
        std::count(node->agent.delivered.begin(), node->agent.delivered.end(), "small@b.example"));
    ASSERT_LT(node->agent.delivered.size(), 900u) << "the small tenant waits behind the large one";
  }
}

TEST_F(BacklogTest, ADeadSiteCostsNoAttemptAndNoBackoff) {
  struct Failing final : Agent {
    explicit Failing(rt::Reactor& r) : reactor(r) {}
    rt::Task<void> deliver(Lease& lease) override {
      while (std::optional<Job> job = lease.take()) {
        ++tries;
        const Outcome outcome{.dsn = {4, 4, 1}, .text = "connect: refused", .relay = "none"};
        lease.hop_failed({.dsn = {4, 4, 1}, .text = "connect: refused"});
        for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, outcome);
        lease.finish(std::move(*job), Lease::Hop::kNone);
        co_await rt::Sleep(reactor, reactor.now() + 1s);
      }
    }
    rt::Reactor& reactor;
    int tries = 0;
  } failing(shard.reactor);
  node->manager.dispatcher().set_transport("smtp", failing, {.site = {.dead_time = 100s}});
  retry.minimal_backoff = 100s;
  node->manager.set_policy(retry, limits);
  fill("b.example", 200);
  run_for(20s);
  const int tries = failing.tries;
  EXPECT_LE(tries, 8);  // until the site was dead
  EXPECT_EQ(count(Family::kQueued), 200u);
  EXPECT_GE(node->counters.get(Counter::kSuspended), 190u);
  EXPECT_NE(node->log_text.find("relay=none, delay=0"), std::string::npos);
  EXPECT_NE(
      node->log_text.find("status=deferred (delivery temporarily suspended: connect: refused)"),
      std::string::npos);
  run_for(70s);
  EXPECT_EQ(failing.tries, tries);  // still dead
  // The time over, all of it goes out: nothing was counted, nothing backed off.
  node->manager.dispatcher().set_transport("smtp", node->agent,
                                           {.site = {.recipients_per_job = 3}});
  run_for(120s);
  EXPECT_EQ(delivered_to("b.example"), 200u);
  expect_empty_disk();
}

TEST_F(BacklogTest, SuspendedMailWaitsAndResumes) {
  Suspensions suspensions;
  ASSERT_EQ(suspensions.add({.kind = SuspensionKind::kDomain,
                             .value = "b.example",
                             .until = shard.reactor.wall_now() + 1h,
                             .reason = "on request"}),
            "");
  node->manager.set_suspensions(suspensions);
  node->stage("s@a.example", {"u@b.example", "u@c.example"});
  run_for(30min);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@c.example"}));
  EXPECT_NE(node->log_text.find("(delivery temporarily suspended: domain:b.example: on request)"),
            std::string::npos);
  run_for(31min);
  EXPECT_EQ(node->agent.delivered, (Strings{"u@c.example", "u@b.example"}));
  expect_empty_disk();
}

TEST_F(BacklogTest, TheSubmittersLimitHoldsInEveryState) {
  // Deferred: returned at the limit, not at the next attempt.
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  node->style.expires_at = shard.reactor.wall_now() + 400s;
  node->stage("s@a.example", {"u@b.example"});
  run_for(399s);
  EXPECT_TRUE(node->notices.texts.empty());
  run_for(2s);
  EXPECT_EQ(node->notices.texts, (Strings{"failed: u@b.example"}));
  EXPECT_EQ(node->agent.tries["u@b.example"].size(), 2u);  // at 0 and 300 s
  // Waiting in memory behind a slow connection: not sent when it is too late.
  node->manager.dispatcher().set_transport("smtp", node->agent, {.site = {.window = {.limit = 1}}});
  node->agent.work = 10s;
  node->style.expires_at = {};
  node->stage("s@a.example", {"slow@c.example"});
  node->style.expires_at = shard.reactor.wall_now() + 5s;
  node->stage("s@a.example", {"late@c.example"});
  run_for(15s);
  EXPECT_EQ(node->agent.tries.count("late@c.example"), 0u);
  EXPECT_EQ(node->notices.texts.back(), "failed: late@c.example");
  run_for(30s);
  expect_empty_disk();
}

TEST_F(BacklogTest, TheLastAttemptIsAtTheEndOfTheLifetime) {
  retry.queue_lifetime = 1000s;
  node->manager.set_policy(retry, limits);
  node->agent.answers["u@b.example"] = Disposition::kDeferred;
  node->stage("s@a.example", {"u@b.example"});
  run_for(1001s);
  const std::vector<Duration> ages = ages_of("u@b.example");
  EXPECT_LE(ages.back(), 1001s);
  EXPECT_GE(ages.back(), 999s);  // the first one was a moment after its creation
  EXPECT_EQ(node->notices.texts, (Strings{"failed: u@b.example"}));
  expect_empty_disk();
}

TEST_F(BacklogTest, JitterIsLaterNeverEarlier) {
  retry.jitter = 0.5;
  node->manager.set_policy(retry, limits);
  std::set<int64_t> seconds;
  for (int i = 0; i < 20; ++i) {
    const std::string address = "u" + std::to_string(i) + "@b.example";
    node->agent.answers[address] = Disposition::kDeferred;
    node->stage("s@a.example", {address});
  }
  run_for(460s);
  for (int i = 0; i < 20; ++i) {
    const std::vector<Duration> ages = ages_of("u" + std::to_string(i) + "@b.example");
    ASSERT_GE(ages.size(), 2u);
    EXPECT_GE(ages[1], 300s);
    EXPECT_LE(ages[1], 451s);
    seconds.insert(std::chrono::duration_cast<std::chrono::seconds>(ages[1]).count());
  }
  EXPECT_GT(seconds.size(), 10u);
}

}  // namespace
}  // namespace barid::schedule
