#include "tests/sim/sim_sites.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace barid::sim {

using namespace std::chrono_literals;

SimSites::SimSites(SimClock& clock, Rng& rng, size_t count) : clock_(clock), rng_(rng) {
  sites_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    sites_[i].key = "mx" + std::to_string(i);
    choose(sites_[i]);
  }
}

void SimSites::choose(SimSite& site) {
  schedule::SitePolicy& policy = site.policy;
  policy.window.limit = static_cast<uint32_t>(1 + rng_.below(12));
  policy.window.initial = static_cast<uint32_t>(1 + rng_.below(6));
  policy.dead_time = std::chrono::seconds(1 + rng_.below(20));
  if (rng_.chance(300)) policy.window.failed_cohort_limit = static_cast<double>(rng_.below(4));
  if (rng_.chance(200)) {
    policy.window.positive = policy.window.negative = {
        .numerator = 1, .divisor = schedule::Feedback::Divisor::kConcurrency};
  }
  constexpr Duration kServices[] = {2ms, 20ms, 200ms, 2s};
  site.service_max = kServices[rng_.below(std::size(kServices))];
  if (rng_.chance(80)) {
    policy.rate_delay = std::chrono::milliseconds(100 + rng_.below(400));
    policy.window.limit = 1;
    site.service_max = 20ms;
  } else if (rng_.chance(80)) {
    policy.messages_per_second = static_cast<double>(5 + rng_.below(20));
    policy.burst = static_cast<uint32_t>(1 + rng_.below(5));
  }
  site.open_bound = policy.window.limit;
}

SimSite& SimSites::by_key(std::string_view key) {
  const auto found =
      std::find_if(sites_.begin(), sites_.end(), [&](const SimSite& s) { return s.key == key; });
  BARID_ASSERT(found != sites_.end());
  return *found;
}

std::string SimSites::add_destination() {
  destinations_.push_back("d" + std::to_string(destinations_.size()) + ".example");
  home_of_[destinations_.back()] = rng_.below(sites_.size());
  return destinations_.back();
}

void SimSites::apply(const schedule::Route&, std::string_view site_key,
                     schedule::SitePolicy* policy) const {
  *policy = const_cast<SimSites*>(this)->by_key(site_key).policy;
}

void SimSites::set_limit(SimSite& site, uint32_t limit) {
  if (site.policy.rate_delay > Duration::zero()) return;
  site.open_bound = std::max({site.open_bound, limit, site.policy.window.limit});
  site.policy.window.limit = limit;
  site.settled = false;
}

void SimSites::settled() {
  for (SimSite& site : sites_) site.settled = true;
}

void SimSites::forget_connections() {
  for (SimSite& site : sites_) {
    site.open = 0;
    site.open_bound = site.policy.window.limit;
    site.settled = true;
    site.started = 0;
    site.last_ended = MonoTime::min();
  }
}

void SimSites::on_open(SimSite& site) {
  ++site.open;
  EXPECT_LE(site.open, site.open_bound) << "connections to " << site.key;
}

void SimSites::on_close(SimSite& site) { --site.open; }

void SimSites::on_start(SimSite& site) {
  const MonoTime now = clock_.mono();
  const schedule::SitePolicy& policy = site.policy;
  if (site.started++ == 0) site.first_started = now;
  if (policy.rate_delay > Duration::zero() && site.last_ended != MonoTime::min()) {
    EXPECT_GE(now, site.last_ended + policy.rate_delay) << "too soon for " << site.key;
  }
  if (policy.messages_per_second > 0) {
    const double seconds = std::chrono::duration<double>(now - site.first_started).count();
    // A shard may use what it was granted before: the first one's grant is older than its start.
    EXPECT_LE(static_cast<double>(site.started),
              policy.burst + 1 + policy.messages_per_second * (seconds + 1))
        << "too fast for " << site.key;
  }
}

void SimSites::on_end(SimSite& site, bool delivered) {
  site.last_ended = clock_.mono();
  if (!delivered) site.failed_at = clock_.mono();
}

}  // namespace barid::sim
