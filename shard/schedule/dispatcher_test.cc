// Goal: slots go round fairly, limits hold at every moment, jobs are neither lost nor doubled.
// Method: an agent that records who took what and holds each job until told; virtual time.
#include "shard/schedule/dispatcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "shard/runtime/test_shard.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

struct Sink final : OutcomeSink {
  void on_outcome(const Job&, uint32_t, const Outcome&) override { ++outcomes; }
  void on_job_done(Job job) override { done.push_back(job.message); }
  void on_destination_low(const std::string& destination) override { low.push_back(destination); }
  void on_job_suspended(Job job, const SiteTrouble& trouble, WallTime until) override {
    suspended.push_back(job.message);
    reasons.insert(trouble.text);
    suspended_until = until;
  }
  int outcomes = 0;
  std::vector<queue::Message*> done;
  std::vector<queue::Message*> suspended;
  std::set<std::string> reasons;
  std::vector<std::string> low;
  WallTime suspended_until{};
};

/// Each lease works one job for `work`, then takes the next; idle ones wait for `idle`.
struct SlowAgent final : Agent {
  explicit SlowAgent(rt::Reactor& r) : reactor(r) {}
  rt::Task<void> deliver(Lease& lease) override {
    const std::string site(lease.site_key());
    lease.set_holder(holder);
    leases_max[site] = std::max(leases_max[site], ++leases[site]);
    opened.push_back(site);
    for (;;) {
      std::optional<Job> job = co_await lease.next(idle);
      if (!job) break;
      order.push_back(job->route().nexthop);
      ++working;
      working_max = std::max(working_max, working);
      if (put_back_first && !std::exchange(put_back_done, true)) {
        lease.put_back(std::move(*job));
        --working;
        break;
      }
      if (work > Duration::zero()) co_await rt::Sleep(reactor, reactor.now() + work);
      --working;
      const bool fails = failing.contains(site);
      if (fails) lease.hop_failed({.dsn = {4, 4, 1}, .text = "connect to " + site + ": refused"});
      for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, {});
      lease.finish(std::move(*job), fails ? Lease::Hop::kNone : Lease::Hop::kWorked);
      if (fails) break;
    }
    --leases[site];
  }
  rt::Task<SiteAnswer> find_site(const Route& route) override {
    ++lookups;
    if (lookup > Duration::zero()) co_await rt::Sleep(reactor, reactor.now() + lookup);
    const auto found = sites.find(route.nexthop);
    co_return SiteAnswer{.key = found == sites.end() ? route.key() : found->second,
                         .valid_for = valid_for};
  }

  rt::Reactor& reactor;
  LeaseHolder* holder = nullptr;
  Duration work = 1s;
  Duration idle = 2s;
  Duration lookup{};
  Duration valid_for = 1h;
  bool put_back_first = false, put_back_done = false;
  std::map<std::string, int> leases, leases_max;
  std::map<std::string, std::string> sites;  // by next hop
  std::set<std::string> failing;             // sites
  int working = 0, working_max = 0, lookups = 0;
  std::vector<std::string> opened;  // site of each lease
  std::vector<std::string> order;   // next hop of each job
};

class DispatcherTest : public ::testing::Test {
 protected:
  ~DispatcherTest() override {
    EXPECT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  }
  void limits(uint32_t per_site, uint32_t total_limit) {
    dispatcher.set_transport("smtp", agent,
                             {.site = {.window = {.initial = 100, .limit = per_site}},
                              .total_concurrency = total_limit});
  }
  void add(const std::string& hop, int count = 1) {
    for (int i = 0; i < count; ++i) {
      messages.push_back(std::make_unique<queue::Message>());
      messages.back()->envelope.stream = stream;
      messages.back()->envelope.tenant = tenant;
      messages.back()->envelope.priority = priority;
      dispatcher.enqueue({.transport = "smtp", .nexthop = hop},
                         Job{.message = messages.back().get(), .recipients = {0, 1}});
    }
  }
  std::map<std::string, int> counts() const {
    std::map<std::string, int> result;
    for (const std::string& hop : agent.order) ++result[hop];
    return result;
  }
  bool finish_all(Duration limit = 24h) {
    return shard.run_until([&] { return sink.done.size() == messages.size(); }, limit);
  }

  rt::TestShard shard;
  Sink sink;
  SlowAgent agent{shard.reactor};
  Stream stream = Stream::kTransactional;
  std::string tenant;
  int8_t priority = 0;
  std::vector<std::unique_ptr<queue::Message>> messages;
  Dispatcher dispatcher{shard.reactor, sink};
};

TEST_F(DispatcherTest, EveryJobOnce) {
  limits(3, 5);
  for (int hop = 0; hop < 7; ++hop) add("hop" + std::to_string(hop), 1 + hop * 13);
  ASSERT_TRUE(finish_all());
  const std::set<queue::Message*> distinct(sink.done.begin(), sink.done.end());
  EXPECT_EQ(distinct.size(), messages.size());
  EXPECT_EQ(sink.outcomes, static_cast<int>(2 * messages.size()));
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  EXPECT_EQ(dispatcher.destinations_count(), 7u);  // remembered for a while,
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.destinations_count() == 0; }, 70s));
}

TEST_F(DispatcherTest, LimitsHold) {
  struct Row {
    uint32_t per_site, total;
  };
  for (const Row& row : {Row{1, 1}, Row{1, 4}, Row{3, 4}, Row{2, 100}, Row{0, 3}}) {
    agent.leases_max.clear();
    agent.working_max = 0;
    limits(row.per_site, row.total);
    for (const char* hop : {"a", "b", "c"}) add(hop, 60);
    ASSERT_TRUE(finish_all());
    ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
    EXPECT_LE(agent.working_max, static_cast<int>(row.total));
    for (const auto& [hop, most] : agent.leases_max) {
      if (row.per_site != 0) EXPECT_LE(most, static_cast<int>(row.per_site)) << hop;
    }
    // And they are used: a backlog opens as many as allowed.
    const uint32_t want = row.per_site == 0 ? row.total : std::min(row.total, row.per_site * 3);
    EXPECT_EQ(agent.working_max, static_cast<int>(want)) << row.per_site << ' ' << row.total;
  }
}

TEST_F(DispatcherTest, DestinationsOfASiteShareItsConnections) {
  agent.sites = {{"a", "mx"}, {"b", "mx"}, {"c", "mx"}};
  limits(2, 0);
  for (const char* hop : {"a", "b", "c"}) add(hop, 20);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max["mx"], 2);
  EXPECT_EQ(agent.opened.size(), 2u);  // one connection serves all of them
  EXPECT_EQ(agent.order[0], "a");      // and each in turn
  EXPECT_EQ(counts(), (std::map<std::string, int>{{"a", 20}, {"b", 20}, {"c", 20}}));
  const auto half = agent.order.begin() + 30;
  for (const char* hop : {"a", "b", "c"}) {
    EXPECT_NEAR(static_cast<double>(std::count(agent.order.begin(), half, hop)), 10, 2) << hop;
  }
}

TEST_F(DispatcherTest, TheMostAndLeastServedDifferByAtMostOneRound) {
  limits(20, 10);
  agent.work = 10ms;
  agent.idle = 1min;  // a round takes less
  constexpr int kHops = 1'000;
  for (int i = 0; i < 40; ++i) {
    for (int hop = 0; hop < kHops; ++hop) add("hop" + std::to_string(hop));
  }
  std::map<std::string, int> served;
  std::map<int, int> destinations{{0, kHops}};  // by how often they were served
  for (size_t at = 0; sink.done.size() < messages.size();) {
    ASSERT_TRUE(
        shard.run_until([&, before = sink.done.size()] { return sink.done.size() > before; }));
    for (; at < agent.order.size(); ++at) {
      int& count = served[agent.order[at]];
      if (--destinations[count] == 0) destinations.erase(count);
      ++destinations[++count];
      const int spread = destinations.rbegin()->first - destinations.begin()->first;
      ASSERT_LE(spread, static_cast<int>(Lease::kTurnJobs) + 1);  // who began alone
    }
  }
  EXPECT_LE(agent.opened.size(), 3u * kHops) << "a turn's end must not cost the connection";
}

TEST_F(DispatcherTest, ASmallDestinationIsNotStarved) {
  limits(20, 1);
  add("bulk", 1000);
  add("small");
  ASSERT_TRUE(shard.run_until([&] {
    return std::find(sink.done.begin(), sink.done.end(), messages.back().get()) != sink.done.end();
  }));
  EXPECT_LE(sink.done.size(), 2u * Lease::kTurnJobs + 1);  // bulk was in line first
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, TransactionalPassesBulkOfTheSameSite) {
  limits(1, 0);
  stream = Stream::kBulk;
  add("a", 100);
  ASSERT_TRUE(shard.run_until([&] { return sink.done.size() == 5; }));
  const size_t before = sink.done.size();
  stream = Stream::kTransactional;
  add("a");
  ASSERT_TRUE(shard.run_until([&] { return sink.done.back() == messages.back().get(); }));
  EXPECT_LE(sink.done.size(), before + 2);  // what was under way, and it
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, TransactionalPassesBulkOfOtherSites) {
  limits(0, 2);
  stream = Stream::kBulk;
  for (int hop = 0; hop < 50; ++hop) add("hop" + std::to_string(hop), 20);
  ASSERT_TRUE(shard.run_until([&] { return sink.done.size() >= 5; }));
  const size_t before = sink.done.size();
  stream = Stream::kTransactional;
  add("urgent");
  ASSERT_TRUE(shard.run_until([&] {
    return std::find(sink.done.begin(), sink.done.end(), messages.back().get()) != sink.done.end();
  }));
  EXPECT_LE(sink.done.size(), before + 2u * Lease::kTurnJobs + 1);
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, TenantsShareASite) {
  limits(1, 0);
  stream = Stream::kBulk;
  tenant = "large";
  for (const char* hop : {"a", "b", "c", "d"}) agent.sites[hop] = "mx";
  for (const char* hop : {"a", "b", "c", "d"}) add(hop, 300);
  tenant = "small";
  agent.sites["x"] = "mx";
  add("x", 100);
  ASSERT_TRUE(shard.run_until([&] { return sink.done.size() >= 200; }));
  EXPECT_NEAR(counts()["x"], 100, 30);
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, PriorityWithinADestination) {
  limits(1, 0);
  add("a", 5);
  priority = 3;
  add("a", 2);
  priority = -2;
  add("a");
  priority = 9;
  add("a");
  ASSERT_TRUE(finish_all());
  std::vector<int> priorities;
  for (const queue::Message* message : sink.done) priorities.push_back(message->envelope.priority);
  EXPECT_EQ(priorities[0], 0);  // was under way
  EXPECT_EQ(std::vector<int>(priorities.begin() + 1, priorities.end()),
            (std::vector<int>{9, 3, 3, 0, 0, 0, 0, -2}));
}

TEST_F(DispatcherTest, ADeadSiteDefersWhatWaitsWithTheReason) {
  agent.failing = {"smtp:a"};
  dispatcher.set_transport("smtp", agent, {.site = {.dead_time = 300s}});
  add("a", 50);
  add("b", 5);
  ASSERT_TRUE(shard.run_until(
      [&] { return sink.done.size() + sink.suspended.size() == messages.size(); }, 1min));
  EXPECT_LE(agent.leases_max["smtp:a"], 5);  // slow start
  EXPECT_GE(sink.suspended.size(), 40u);
  EXPECT_EQ(sink.reasons, (std::set<std::string>{"connect to smtp:a: refused"}));
  EXPECT_EQ(counts()["b"], 5);
  ASSERT_TRUE(dispatcher.dead_until("smtp:a"));
  EXPECT_FALSE(dispatcher.dead_until("smtp:b"));
  // New mail is not tried either, until the time is over.
  const size_t tried = agent.order.size();
  add("a");
  shard.turn();
  EXPECT_EQ(sink.suspended.back(), messages.back().get());
  EXPECT_EQ(agent.order.size(), tried);
  agent.failing.clear();
  const MonoTime until = *dispatcher.dead_until("smtp:a");
  ASSERT_TRUE(shard.run_until([&] { return shard.clock.now >= until; }, 10min));
  shard.turn();
  add("a");
  ASSERT_TRUE(shard.run_until([&] { return sink.done.back() == messages.back().get(); }, 5s));
}

/// Who waits to read more from disk hears of it however the mail left memory.
TEST_F(DispatcherTest, LowIsToldWhenTheSiteDiesAndWhenMailIsWithdrawn) {
  agent.failing = {"smtp:a"};
  dispatcher.set_transport("smtp", agent, {.site = {.dead_time = 300s}});
  add("a", 100);
  dispatcher.tell_when_low("smtp:a");
  ASSERT_TRUE(shard.run_until(
      [&] { return sink.done.size() + sink.suspended.size() == messages.size(); }, 1min));
  EXPECT_EQ(sink.low, (std::vector<std::string>{"smtp:a"}));

  limits(1, 1);
  add("b", 100);
  dispatcher.tell_when_low("smtp:b");
  for (const auto& message : messages) message->hold = true;
  dispatcher.withdraw();
  EXPECT_EQ(sink.low, (std::vector<std::string>{"smtp:a", "smtp:b"}));
}

TEST_F(DispatcherTest, FlushForgetsDeadSites) {
  agent.failing = {"smtp:a"};
  dispatcher.set_transport("smtp", agent, {.site = {.dead_time = 300s}});
  add("a", 20);
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.dead_until("smtp:a").has_value(); }, 1min));
  agent.failing.clear();
  dispatcher.revive_all();
  ASSERT_TRUE(shard.run_until([&] { return !dispatcher.dead_until("smtp:a"); }, 1s));
  add("a");
  ASSERT_TRUE(shard.run_until([&] { return sink.done.back() == messages.back().get(); }, 5s));
}

TEST_F(DispatcherTest, RateOfASite) {
  agent.work = 1ms;
  dispatcher.set_transport("smtp", agent, {.site = {.messages_per_second = 10, .burst = 1}});
  add("a", 50);
  const MonoTime start = shard.clock.now;
  ASSERT_TRUE(finish_all(1min));
  const double seconds = std::chrono::duration<double>(shard.clock.now - start).count();
  EXPECT_NEAR(seconds, 4.9, 0.3);
}

TEST_F(DispatcherTest, RateDelayIsOneAtATime) {
  agent.work = 1s;
  dispatcher.set_transport("smtp", agent, {.site = {.rate_delay = 3s}});
  add("a", 6);
  const MonoTime start = shard.clock.now;
  ASSERT_TRUE(finish_all(5min));
  EXPECT_EQ(agent.leases_max["smtp:a"], 1);
  const double seconds = std::chrono::duration<double>(shard.clock.now - start).count();
  EXPECT_NEAR(seconds, 6 + 5 * 3, 0.5);
}

TEST_F(DispatcherTest, AWithdrawnDeliveryOpensNoPauseForEver) {
  dispatcher.set_transport("smtp", agent, {.site = {.rate_delay = 3s}});
  agent.put_back_first = true;
  agent.lookup = 1s;
  add("a", 3);
  messages[0]->hold = true;
  ASSERT_TRUE(finish_all(1min));
}

TEST_F(DispatcherTest, ANewPolicyIsHeededWithoutNewMail) {
  SitePolicy slow{.window = {.limit = 2}};
  slow.messages_per_second = 0.0001;
  dispatcher.set_transport("smtp", agent, {.site = slow});
  agent.idle = 1h;
  add("a", 5);
  shard.advance(10s);
  EXPECT_LE(agent.order.size(), 1u);
  limits(2, 0);
  ASSERT_TRUE(finish_all(10s));
}

TEST_F(DispatcherTest, TransportsToOneSiteHaveTheirOwnLimits) {
  agent.sites = {{"a", "mx"}};
  limits(2, 0);
  dispatcher.set_transport("relay", agent, {.site = {.window = {.limit = 1}}});
  add("a", 8);
  for (int i = 0; i < 4; ++i) {
    messages.push_back(std::make_unique<queue::Message>());
    dispatcher.enqueue({.transport = "relay", .nexthop = "a"},
                       Job{.message = messages.back().get(), .recipients = {0}});
  }
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max["mx"], 3);
  // Each is forgotten by itself.
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.destinations_count() == 0; }, 70s));
  EXPECT_EQ(dispatcher.link().governor().sites_count(), 2u);
  ASSERT_TRUE(
      shard.run_until([&] { return dispatcher.link().governor().sites_count() == 0; }, 130s));
}

TEST_F(DispatcherTest, ATransportRateDelayIsOneDeliveryOfAllSites) {
  agent.work = 1s;
  dispatcher.set_transport("smtp", agent, {.rate_delay = 3s});
  for (const char* hop : {"a", "b", "c"}) add(hop, 2);
  const MonoTime start = shard.clock.now;
  ASSERT_TRUE(finish_all(5min));
  EXPECT_EQ(agent.working_max, 1);
  EXPECT_EQ(agent.order, (std::vector<std::string>{"a", "b", "c", "a", "b", "c"}));
  const double seconds = std::chrono::duration<double>(shard.clock.now - start).count();
  EXPECT_NEAR(seconds, 6 + 5 * 3, 0.5);
}

TEST_F(DispatcherTest, ATransportRateDelayOutlivesFailuresAndComesAndGoes) {
  agent.work = 1s;
  agent.put_back_first = true;
  agent.failing = {"smtp:a"};
  dispatcher.set_transport("smtp", agent, {.site = {.dead_time = 1h}, .rate_delay = 3s});
  add("a", 1);
  add("b", 3);
  shard.advance(5s);
  EXPECT_EQ(agent.working_max, 1);
  EXPECT_LE(agent.order.size(), 3u);  // one of them put back
  dispatcher.set_transport("smtp", agent, {.site = {.window = {.initial = 9}}});
  add("c", 40);
  ASSERT_TRUE(finish_all(5min));
  EXPECT_GT(agent.working_max, 1);
  agent.working_max = 0;
  dispatcher.set_transport("smtp", agent, {.rate_delay = 3s});
  add("d", 4);
  const MonoTime start = shard.clock.now;
  ASSERT_TRUE(finish_all(5min));
  EXPECT_EQ(agent.working_max, 1);
  EXPECT_GE(shard.clock.now - start, 9s);
}

TEST_F(DispatcherTest, AJobLargerThanItsSiteTakesIsSplit) {
  dispatcher.set_transport("smtp", agent, {.site = {.recipients_per_job = 3}});
  messages.push_back(std::make_unique<queue::Message>());
  Job job{.message = messages.back().get()};
  messages.back()->jobs_open = 1;
  for (uint32_t i = 0; i < 8; ++i) job.recipients.push_back(i);
  dispatcher.enqueue({.transport = "smtp", .nexthop = "a"}, std::move(job));
  ASSERT_TRUE(shard.run_until([&] { return sink.done.size() == 3; }, 1min));
  EXPECT_EQ(sink.outcomes, 8);
  EXPECT_EQ(messages.back()->jobs_open, 3u);
  EXPECT_EQ(dispatcher.recipients_per_job({.transport = "smtp", .nexthop = "a"}), 3u);
}

/// A rule for one next hop.
struct OneRule final : SiteRules {
  std::string site_of(const Route& route, std::string_view hosts_key) const override {
    return std::string(hosts_key) + (route.nexthop == nexthop ? "#" + nexthop : "");
  }
  void apply(const Route& route, std::string_view, SitePolicy* policy) const override {
    if (route.nexthop == nexthop) policy->window.limit = limit;
  }
  std::string nexthop;
  uint32_t limit = 1;
};

TEST_F(DispatcherTest, RulesTellDestinationsOfASiteApart) {
  agent.sites = {{"a", "mx"}, {"b", "mx"}, {"c", "mx"}};
  limits(3, 0);
  OneRule rule;
  rule.nexthop = "b";
  dispatcher.set_site_rules(&rule);
  for (const char* hop : {"a", "b", "c"}) add(hop, 60);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max, (std::map<std::string, int>{{"mx", 3}, {"mx#b", 1}}));
  EXPECT_EQ(counts(), (std::map<std::string, int>{{"a", 60}, {"b", 60}, {"c", 60}}));
}

TEST_F(DispatcherTest, WaitingMailMovesToTheSitesOfNewRules) {
  agent.sites = {{"a", "mx"}, {"b", "mx"}};
  limits(1, 0);
  add("a", 40);
  add("b", 40);
  ASSERT_TRUE(shard.run_until([&] { return sink.done.size() == 10; }));
  OneRule rule;
  rule.nexthop = "b";
  rule.limit = 4;
  dispatcher.set_site_rules(&rule);
  limits(1, 0);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max, (std::map<std::string, int>{{"mx", 1}, {"mx#b", 4}}));
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  dispatcher.set_site_rules(nullptr);  // and back
  add("b");
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.opened.back(), "mx");
}

TEST_F(DispatcherTest, PoolsShareNoSite) {
  agent.sites = {{"a", "mx"}};
  limits(1, 0);
  add("a", 5);
  for (const char* pool : {"one", "two"}) {
    messages.push_back(std::make_unique<queue::Message>());
    dispatcher.enqueue({.transport = "smtp", .nexthop = "a", .pool = pool},
                       Job{.message = messages.back().get(), .recipients = {0, 1}});
  }
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max,
            (std::map<std::string, int>{{"mx", 1}, {"mx#pool=one", 1}, {"mx#pool=two", 1}}));
}

TEST_F(DispatcherTest, JobsWaitForTheSiteToBeFound) {
  agent.lookup = 3s;
  limits(1, 0);
  add("a", 3);
  shard.advance(2s);
  EXPECT_TRUE(agent.order.empty());
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.lookups, 1);
}

TEST_F(DispatcherTest, ADestinationMayMoveToAnotherSite) {
  agent.valid_for = 10s;
  agent.sites["a"] = "old";
  limits(1, 0);
  add("a", 30);
  shard.advance(11s);
  agent.sites["a"] = "new";
  add("a", 1);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.opened, (std::vector<std::string>{"old", "new"}));
}

TEST_F(DispatcherTest, AnIdleConnectionIsUsedAgain) {
  limits(5, 0);
  agent.work = 1ms;
  for (int i = 0; i < 5; ++i) {
    add("a");
    ASSERT_TRUE(finish_all(1s));
    shard.advance(1500ms);
  }
  EXPECT_EQ(agent.opened.size(), 1u);
  shard.advance(2s);
  EXPECT_EQ(dispatcher.leases_count(), 0u);
}

TEST_F(DispatcherTest, AFullTransportDoesNotBlockAnother) {
  limits(1, 1);
  SlowAgent other{shard.reactor};
  dispatcher.set_transport("lmtp", other,
                           {.site = {.window = {.limit = 1}}, .total_concurrency = 1});
  add("a", 3);
  add("b", 3);
  messages.push_back(std::make_unique<queue::Message>());
  dispatcher.enqueue({.transport = "lmtp", .nexthop = "a"}, Job{.message = messages.back().get()});
  shard.turn();
  EXPECT_EQ(other.working, 1);
  ASSERT_TRUE(finish_all());
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
}

TEST_F(DispatcherTest, ASlowLeaseGetsHelpAfterPatience) {
  limits(2, 0);
  agent.work = 1h;
  add("a", 2);
  shard.turn();
  EXPECT_EQ(agent.working, 1);  // the second job could still go over the first one's connection
  shard.advance(5ms);
  EXPECT_EQ(agent.working, 2);
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, PutBackKeepsTheOrder) {
  limits(1, 1);
  agent.put_back_first = true;
  add("a", 3);
  ASSERT_TRUE(finish_all());
  ASSERT_EQ(sink.done.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(sink.done[i], messages[i].get());
}

TEST_F(DispatcherTest, PauseHandsOutNothing) {
  limits(1, 0);
  dispatcher.pause();
  add("a", 2);
  add("b", 2);
  shard.advance(1h);
  EXPECT_EQ(agent.working, 0);
  dispatcher.resume();
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, PauseEndsRunningLeases) {
  limits(1, 0);
  add("a", 5);
  shard.turn();
  dispatcher.pause();
  ASSERT_TRUE(shard.run_until([&] { return dispatcher.leases_count() == 0; }));
  EXPECT_EQ(sink.done.size(), 1u);  // what was under way ended, nothing new began
  dispatcher.resume();
  ASSERT_TRUE(finish_all());
}

TEST_F(DispatcherTest, LimitsMayChangeAtReload) {
  limits(1, 0);
  add("a", 100);
  shard.advance(1s);
  EXPECT_EQ(agent.leases_max["smtp:a"], 1);
  limits(3, 0);
  add("a", 100);
  ASSERT_TRUE(finish_all());
  EXPECT_EQ(agent.leases_max["smtp:a"], 3);
  dispatcher.set_transport("smtp", agent, {.site = {.recipients_per_job = 0}});
  EXPECT_EQ(dispatcher.recipients_per_job({.transport = "smtp", .nexthop = "b"}), UINT32_MAX);
  EXPECT_TRUE(dispatcher.has_transport("smtp"));
  EXPECT_FALSE(dispatcher.has_transport("uucp"));
}

rt::Task<void> drain(Dispatcher* dispatcher, MonoTime deadline, std::optional<Code>* out) {
  *out = co_await dispatcher->drain(deadline);
}

TEST_F(DispatcherTest, DrainWaitsForWhatRuns) {
  limits(2, 0);
  add("a", 100);
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 10s, &result));
  shard.turn();
  EXPECT_FALSE(result);
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }));
  EXPECT_EQ(*result, Code::kOk);
  EXPECT_EQ(sink.done.size(), 2u);
  add("b");  // stays where it is
  shard.advance(1h);
  EXPECT_EQ(sink.done.size(), 2u);
}

TEST_F(DispatcherTest, DrainDoesNotKeepLeasesThatBecomeIdle) {
  limits(2, 0);
  agent.idle = 1h;
  add("a", 2);
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 1h, &result));
  shard.advance(agent.work);
  EXPECT_EQ(result, Code::kOk);
}

TEST_F(DispatcherTest, DrainGivesUpWhoHasSentNothing) {
  struct Holder final : LeaseHolder {
    [[nodiscard]] bool delivering() const noexcept override { return sending; }
    void give_up() noexcept override { given_up = true; }
    bool sending = true;
    bool given_up = false;
  } holder;
  limits(1, 0);
  agent.work = 1h;
  agent.holder = &holder;
  add("a");
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 30s, &result));
  shard.advance(5s);
  EXPECT_FALSE(result.has_value());
  EXPECT_FALSE(holder.given_up);
  holder.sending = false;
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }, 1s));
  EXPECT_EQ(*result, Code::kCancelled);
  EXPECT_TRUE(holder.given_up);
}

TEST_F(DispatcherTest, DrainGivesUpAtItsDeadline) {
  limits(1, 0);
  agent.work = 1h;
  add("a");
  shard.turn();
  std::optional<Code> result;
  rt::Scope scope(shard.reactor);
  scope.spawn(drain(&dispatcher, shard.clock.now + 10s, &result));
  ASSERT_TRUE(shard.run_until([&] { return result.has_value(); }, 1min));
  EXPECT_EQ(*result, Code::kTimeout);
}

}  // namespace
}  // namespace barid::schedule
