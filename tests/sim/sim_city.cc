#include "tests/sim/sim_city.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace barid::sim {

using namespace std::chrono_literals;
using Stage = SinkScript::Stage;

SimCity::SimCity(World& world, Ledger& ledger, size_t sites_count, bool exact_at_sink,
                 uint32_t pools_count)
    : world_(world), exact_at_sink_(exact_at_sink), windows_(1 + pools_count) {
  Rng& rng = world.rng;
  World::Shard& shard = world.add_shard();
  sites_.resize(sites_count);
  for (size_t i = 0; i < sites_count; ++i) {
    CitySite& site = sites_[i];
    site.host = fmt::format("mx{}.example", i);
    site.address = *net::SocketAddress::from_ip(fmt::format("198.51.100.{}", i + 1), 25);
    const uint64_t domains = i == 0 ? 1 : 1 + rng.below(4);
    for (uint64_t d = 0; d < domains; ++d) {
      site.domains.push_back(fmt::format("d{}-{}.example", i, d));
    }
    schedule::SitePolicy& policy = site.policy;
    policy.window.limit = static_cast<uint32_t>(1 + rng.below(6));
    policy.window.initial = static_cast<uint32_t>(1 + rng.below(4));
    policy.dead_time = std::chrono::seconds(2 + rng.below(20));
    if (rng.chance(200)) policy.messages_per_connection = static_cast<uint32_t>(1 + rng.below(3));
    if (rng.chance(100)) policy.messages_per_second = static_cast<double>(5 + rng.below(20));
    site.bound = policy.window.limit * windows_;
    SinkScript script{.unanswered_max = 64};
    // A site that enforces what we were told (packets that overtake each other would make it
    // wrong), and one that takes fewer until it is healed: what it turns away counts against its
    // health, as in Postfix.
    site.enforces = exact_at_sink && rng.chance(300);
    if (site.enforces) script.connections_max = site.bound;
    if (!site.enforces && rng.chance(100)) {
      script.connections_max = 1;
      site.healthy_since = MonoTime::max();
    }
    if (rng.chance(200)) script.greylist_tries = 1;
    site.sink = std::make_unique<SimSink>(world, shard, ledger, script);
    site.census = &world.network.watch(site.address);
    const Status status = site.sink->listen(site.address);
    BARID_ASSERT(status.ok());
  }
}

std::vector<std::string> SimCity::domains() const {
  std::vector<std::string> all;
  for (const CitySite& site : sites_)
    all.insert(all.end(), site.domains.begin(), site.domains.end());
  return all;
}

CitySite& SimCity::of_domain(std::string_view domain) {
  const auto found = std::find_if(sites_.begin(), sites_.end(), [&](const CitySite& site) {
    return std::find(site.domains.begin(), site.domains.end(), domain) != site.domains.end();
  });
  BARID_ASSERT(found != sites_.end());
  return *found;
}

std::string SimCity::dns() const {
  std::string text;
  for (const CitySite& site : sites_) {
    text += fmt::format("{} A {}\n", site.host, site.address.ip_text());
    for (const std::string& domain : site.domains) {
      text += fmt::format("{} MX 10 {}\n", domain, site.host);
    }
  }
  return text;
}

void SimCity::disturb(CitySite& site) {
  Rng& rng = world_.rng;
  SinkScript& script = site.sink->script;
  site.healthy_since = MonoTime::max();
  constexpr Stage kStormStages[] = {Stage::kMail, Stage::kRecipient, Stage::kData, Stage::kAnswer};
  switch (rng.below(8)) {
    case 0:
      script.banner = "421 4.7.0 not now";
      break;
    case 1:
      script.replies[kStormStages[rng.below(std::size(kStormStages))]] = "421 4.7.0 slow down";
      break;
    case 2:
      script.defer_per_mille = static_cast<uint32_t>(300 + rng.below(701));
      break;
    case 3:
      script.replies[kStormStages[rng.below(std::size(kStormStages))]] = "451 4.3.0 later";
      break;
    case 4:
      script.reply_delay = std::chrono::milliseconds(100 + rng.below(2'000));
      break;
    case 5:
      world_.network.set_refusing(site.address, true);
      break;
    case 6:
      world_.network.set_silent(site.address, true);
      break;
    default:
      script.drop_at = kStormStages[rng.below(std::size(kStormStages))];
      script.drop_per_mille = static_cast<uint32_t>(100 + rng.below(901));
  }
}

void SimCity::heal(CitySite& site) {
  SinkScript& script = site.sink->script;
  script.banner = SinkScript{}.banner;
  script.replies.clear();
  script.defer_per_mille = 0;
  script.reply_delay = {};
  script.drop_at = Stage::kNone;
  if (!site.enforces) script.connections_max = UINT32_MAX;
  world_.network.set_refusing(site.address, false);
  world_.network.set_silent(site.address, site.gone);
  site.healthy_since = site.gone ? MonoTime::max() : world_.clock.mono();
}

void SimCity::set_limit(CitySite& site, uint32_t limit) {
  site.bound = std::max({site.bound, limit * windows_, site.policy.window.limit * windows_});
  for (auto& [pool, bound] : site.leased_bounds) {
    bound = std::max({bound, limit, site.policy.window.limit});
  }
  site.policy.window.limit = limit;
  site.settled = false;
  if (site.enforces) site.sink->script.connections_max = site.bound;
}

void SimCity::settled() {
  for (CitySite& site : sites_) site.settled = true;
}

void SimCity::forget_connections() {
  for (CitySite& site : sites_) {
    site.bound = site.policy.window.limit * windows_;
    site.leased_bounds.clear();
    site.census->held_max = site.census->held;
    site.census->open_max = site.census->open;
  }
  settled();
}

void SimCity::apply(const schedule::Route& route, std::string_view,
                    schedule::SitePolicy* policy) const {
  *policy = const_cast<SimCity*>(this)->of_domain(route.nexthop).policy;
}

void SimCity::check_windows(const std::map<std::string, uint32_t>& leased) {
  for (CitySite& site : sites_) {
    SimNetwork::Census& census = *site.census;
    EXPECT_LE(census.held_max, site.bound) << "connections to " << site.host;
    if (exact_at_sink_) EXPECT_LE(census.open_max, site.bound) << "seen by " << site.host;
    census.held_max = census.held;
    census.open_max = census.open;
    // What was granted before the limit shrank comes back, and is not given again.
    const uint32_t limit = site.policy.window.limit;
    uint32_t now = 0;
    for (const auto& [key, count] : leased) {
      if (key.substr(0, key.find('#')) != site.host) continue;
      uint32_t& bound = site.leased_bounds.try_emplace(key, limit).first->second;
      EXPECT_LE(count, bound) << "leases of " << key;
      if (site.settled) bound = std::max(limit, std::min(bound, count));
      now += count;
    }
    EXPECT_LE(census.held, now) << "connections without a lease to " << site.host;
    if (site.settled) {
      site.bound = std::max({limit * windows_, census.open, std::min(site.bound, now)});
    }
  }
}

void SimCity::close() {
  for (CitySite& site : sites_) site.sink->close();
}

bool SimCity::idle() const {
  return std::all_of(sites_.begin(), sites_.end(),
                     [](const CitySite& site) { return site.sink->idle(); });
}

}  // namespace barid::sim
