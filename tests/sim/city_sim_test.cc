// Goal: the whole MTA on several shards keeps its promises to sites, operators and senders at once:
// no site ever has more connections than its window, mail for a site that works moves, suspended
// mail stays, and what was accepted ends exactly once, soon after the faults end.
// Method: real servers, queues, governors and clients of 1 to 4 shards; scripted sites that storm,
// greylist, defer, dawdle, flap and count connections; egress pools; reloads, suspensions, expiry
// and power cuts;
// windows are checked at every step.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "shard/queue/record.h"
#include "shard/schedule/queue_manager.h"
#include "shard/sim/injector.h"
#include "tests/sim/sim_city.h"
#include "tests/sim/sim_mta.h"

namespace barid::sim {
namespace {

using namespace std::chrono_literals;

const net::SocketAddress kMta = *net::SocketAddress::from_ip("192.0.2.1", 25);
constexpr size_t kDisks = 4;
constexpr Duration kBackoffMax = 60s;
/// A working site moves within this: the longest dead time, a silent neighbour's connect timeouts
/// and a slow one's turns included.
constexpr Duration kPatience = 5min;
/// Everything is done this long after the last fault: greylisting's second try and the longest
/// backoff, and the expiry of what cannot be delivered.
constexpr Duration kRestMax = 40min;

class Scenario {
 public:
  explicit Scenario(uint64_t seed)
      : world_({.seed = seed}),
        exact_(world_.rng.chance(500)),
        pools_count_(world_.rng.chance(400) ? 1 + static_cast<uint32_t>(world_.rng.below(2)) : 0),
        city_(world_, ledger_, 2 + world_.rng.below(5), exact_, pools_count_) {
    Rng& rng = world_.rng;
    if (exact_) world_.network.faults.latency_min = world_.network.faults.latency_max;
    options_.address = kMta;
    options_.dns = city_.dns();
    options_.shards_count = static_cast<uint16_t>(1 + rng.below(kDisks));
    options_.retry = {.minimal_backoff = 10s, .maximal_backoff = kBackoffMax};
    options_.rules = &city_;
    options_.pools_count = pools_count_;
    options_.connect_timeout = 10s;
    options_.transport.total_concurrency = static_cast<uint32_t>(4 + rng.below(20));
    if (rng.chance(300)) {
      options_.retry.queue_lifetime = 10min;
      CitySite& lost = city_.sites()[1];  // not the senders'
      lost.gone = rng.chance(700);
      city_.heal(lost);
    }
    // More mail for one destination than fits: it is read back when that runs low.
    const bool crowded = rng.chance(300);
    if (crowded) options_.limits.active_messages_max = 80;
    if (!exact_ && rng.chance(500)) world_.network.faults.reset_per_mille = 5;
    if (rng.chance(200)) options_.store.fail_per_mille = 10;
    std::vector<std::string> domains = city_.domains();
    if (crowded) domains.resize(1 + rng.below(2));
    start();
    injector_ = std::make_unique<Injector>(
        world_, world_.add_shard(), ledger_,
        InjectorOptions{.server = kMta,
                        .messages_count = crowded ? 300 : 20 + rng.below(100),
                        .sessions_count = crowded ? 12u : 4u,
                        .body_bytes_max = 600,
                        .sender = "sender@" + city_.domains().front(),
                        .domains = std::move(domains)});
    injector_->start();
  }

  void run() {
    SCOPED_TRACE(world_.replay_hint());
    const uint64_t phases = 4 + world_.rng.below(10);
    for (uint64_t i = 0; i < phases && !testing::Test::HasFailure(); ++i) {
      happen();
      step_for(std::chrono::milliseconds(world_.rng.below(8'000)));
    }
    end();
  }

 private:
  CitySite& any_site() { return city_.sites()[world_.rng.below(city_.sites().size())]; }

  void start() { mta_ = std::make_unique<SimMta>(world_, disks_, options_); }

  bool check() {
    city_.check_windows(mta_->leased());
    check_progress();
    return testing::Test::HasFailure();
  }

  /// Mail in memory for a site that works moves.
  void check_progress() {
    const MonoTime now = world_.clock.mono();
    if (now < look_again_) return;
    look_again_ = now + 1s;
    std::map<const CitySite*, size_t> waiting;
    for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
      mta_->queue(shard).dispatcher().for_each_destination(
          [&](const schedule::Destination& destination) {
            waiting[&city_.of_domain(destination.route().nexthop)] +=
                destination.waiting_count() + destination.running_count();
          });
    }
    for (CitySite& site : city_.sites()) {
      const uint64_t seen = site.sink->messages_count + site.sink->sessions_count;
      const bool due = waiting[&site] > 0 && site.healthy_since <= now;
      if (!due || seen != site.seen) site.moved_at = now;
      site.seen = seen;
      EXPECT_LE(now, site.moved_at + kPatience)
          << waiting[&site] << " messages starve for " << site.host;
    }
  }

  void step_for(Duration time) {
    const MonoTime end = world_.clock.mono() + time;
    static_cast<void>(
        world_.run_until([&] { return check() || world_.clock.mono() >= end; }, time + 1s));
  }

  void happen() {
    Rng& rng = world_.rng;
    switch (rng.below(8)) {
      case 0:
        crash();
        break;
      case 1:
        change_limits();
        break;
      case 2:
        suspend_domain();
        break;
      case 3:
        if (CitySite& site = any_site(); !site.gone) city_.heal(site);
        break;
      default:
        if (CitySite& site = any_site(); !site.gone) city_.disturb(site);
    }
  }

  /// The next process may have another number of shards.
  void crash() {
    const auto interrupted = mta_->unfinished();
    ledger_.sender_crashed(mta_->crash());
    World::bury(std::move(mta_));
    city_.forget_connections();
    options_.shards_count = static_cast<uint16_t>(1 + world_.rng.below(kDisks));
    start();
    for (const auto& request : interrupted) mta_->operate(request);  // its operator saw it fail
  }

  /// Every shard hears of it in its own time.
  void change_limits() {
    city_.set_limit(any_site(), static_cast<uint32_t>(1 + world_.rng.below(6)));
    for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
      mta_->reload(shard);
      step_for(std::chrono::milliseconds(world_.rng.below(50)));
    }
    step_for(10ms);
    city_.settled();
  }

  /// Once what was under way is over, nothing arrives there until it is resumed.
  void suspend_domain() {
    const CitySite& site = any_site();
    const std::string& domain = site.domains[world_.rng.below(site.domains.size())];
    schedule::Suspensions list;
    ASSERT_EQ(list.add({.kind = schedule::SuspensionKind::kDomain,
                        .value = domain,
                        .until = {},
                        .reason = "simulated"}),
              "");
    for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
      mta_->queue(shard).set_suspensions(list);
    }
    const auto idle = [&] {
      bool running = false;
      for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
        mta_->queue(shard).dispatcher().for_each_destination(
            [&](const schedule::Destination& destination) {
              running |= destination.route().nexthop == domain && destination.running_count() > 0;
            });
      }
      return check() || !running;
    };
    EXPECT_TRUE(world_.run_until(idle, 1h));
    step_for(100ms);  // the last answers are on their way
    const uint64_t before = site.sink->by_domain[domain];
    step_for(std::chrono::milliseconds(world_.rng.below(20'000)));
    EXPECT_EQ(site.sink->by_domain[domain], before) << domain << " was suspended";
    for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
      mta_->queue(shard).set_suspensions({});
    }
    schedule::OperationRequest flush{.action = schedule::QueueAction::kFlush};
    ASSERT_EQ(flush.filter.add("domain", domain), "");
    mta_->operate(flush);
  }

  size_t records() const {
    size_t count = 0;
    for (const SimDisk& disk : disks_) {
      count += disk.table(queue::Family::kFresh).size() + disk.table(queue::Family::kQueued).size();
    }
    return count;
  }

  /// What is left where, for failure messages.
  std::string text() {
    std::string out = std::to_string(records()) + " messages are stuck";
    for (size_t shard = 0; shard < mta_->shards_count(); ++shard) {
      schedule::QueueManager& queue = mta_->queue(shard);
      out += fmt::format("\nshard {}: {} active{}", shard, queue.active_count(),
                         queue.recovering() ? ", recovering" : "");
      queue.dispatcher().for_each_destination([&](const schedule::Destination& destination) {
        const schedule::Site* site = destination.site();
        out += fmt::format("\n  {}: {} waiting, {} running, {} leases", destination.route().nexthop,
                           destination.waiting_count(), destination.running_count(),
                           site ? site->leases_count() : 0);
        if (site && site->dead_until() > world_.clock.mono()) out += ", dead";
      });
    }
    const WallTime now = world_.clock.wall();
    for (size_t disk = 0; disk < disks_.size(); ++disk) {
      for (const auto family : {queue::Family::kFresh, queue::Family::kQueued}) {
        for (const auto& [key, value] : disks_[disk].table(family)) {
          const auto message = queue::decode_message(*QueueId::from_key(key), value.bytes);
          if (!message.ok()) continue;
          out += fmt::format(
              "\n  disk {} {}: {} pending, {} attempts, created {} s ago, due in {} s", disk,
              (*message)->id.text(), (*message)->pending_count(), (*message)->attempts,
              unix_seconds(now) - unix_seconds((*message)->created),
              unix_seconds((*message)->due) - unix_seconds(now));
        }
      }
    }
    return out + '\n';
  }

  void end() {
    world_.network.faults.reset_per_mille = 0;
    mta_->set_store_faults({});
    for (CitySite& site : city_.sites()) city_.heal(site);
    const bool injected = world_.run_until([&] { return check() || injector_->done(); }, 2h);
    EXPECT_TRUE(injected) << "the injector is stuck\n" << mta_->take_log();
    const auto rested = [&] { return check() || (records() == 0 && mta_->active_count() == 0); };
    EXPECT_TRUE(world_.run_until(rested, kRestMax)) << text() << mta_->take_log();
    if (testing::Test::HasFailure()) return;
    world_.run_for(5s);
    check();
    for (const SimDisk& disk : disks_) {
      EXPECT_TRUE(disk.table(queue::Family::kContent).empty()) << "orphaned content";
      EXPECT_TRUE(disk.table(queue::Family::kSchedule).empty()) << "orphaned schedule entries";
      EXPECT_TRUE(disk.table(queue::Family::kCorrupt).empty());
    }
    const Ledger::Balance balance = ledger_.balance();
    EXPECT_EQ(balance.lost, 0u) << balance.text() << mta_->take_log();
    EXPECT_EQ(balance.unexpected, 0u) << balance.text();
    EXPECT_EQ(balance.corrupt, 0u) << balance.text();
    EXPECT_EQ(balance.contradictory, 0u) << balance.text();
    if (options_.store.fail_per_mille == 0) {
      EXPECT_EQ(balance.unlawful_duplicates, 0u) << balance.text() << mta_->take_log();
    }
    EXPECT_GT(balance.promised, 0u);
    // Connections are kept for a moment after the last message, not longer.
    for (const CitySite& site : city_.sites()) EXPECT_EQ(site.census->held, 0u) << site.host;
    mta_->crash();
    World::bury(std::move(mta_));
    city_.close();
    EXPECT_TRUE(world_.run_until([&] { return city_.idle(); }, 1h));
  }

  World world_;
  const bool exact_;
  const uint32_t pools_count_;
  Ledger ledger_;
  SimCity city_;
  std::array<SimDisk, kDisks> disks_;
  MtaOptions options_;
  std::unique_ptr<SimMta> mta_;
  std::unique_ptr<Injector> injector_;
  MonoTime look_again_{};
};

void run_seed(uint64_t seed) {
  auto scenario = std::make_unique<Scenario>(seed);
  scenario->run();
  if (testing::Test::HasFailure()) World::bury(std::move(scenario));  // it did not come to rest
}

TEST(SimCity, WindowsHoldAndAllMailEnds) {
  if (std::getenv("BARID_SIM_SEED") != nullptr) {
    run_seed(seed_from_env_or(1));
    return;
  }
  const uint64_t count = number_from_env_or("BARID_SIM_COUNT", 20);
  for (uint64_t seed = 1; seed <= count && !HasFailure(); ++seed) run_seed(seed);
}

}  // namespace
}  // namespace barid::sim
