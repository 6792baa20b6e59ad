#include "shard/schedule/governor.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid::schedule {
namespace {

/// How long an unused site's window is remembered: a lull of a minute does not mean slow start.
constexpr Duration kRemember = std::chrono::seconds(60);

/// With fewer leases than shards that want one, how long each keeps what it got.
constexpr Duration kTenure = std::chrono::milliseconds(50);

bool is_dead(MonoTime dead_until, MonoTime now) noexcept { return dead_until > now; }

}  // namespace

Governor::Share& Governor::share_of(Site& site, uint16_t shard) {
  if (site.shares.size() <= shard) site.shares.resize(size_t{shard} + 1);
  return site.shares[shard];
}

/// One alarm a site, the earliest: tick() finds out what it was for and sets the next.
void Governor::wait_for(SiteNumber number, MonoTime when) {
  Site& site = *sites_[number];
  if (when >= site.alarm) return;
  alarms_.erase({site.alarm, number});
  site.alarm = when;
  alarms_.emplace(when, number);
}

SiteNumber Governor::number_of(std::string_view key) {
  const auto [found, is_new] = by_key_.try_emplace(std::string(key), SiteNumber{0});
  if (is_new) {
    if (free_.empty()) {
      free_.push_back(static_cast<SiteNumber>(sites_.size()));
      sites_.emplace_back();
    }
    found->second = free_.back();
    free_.pop_back();
    sites_[found->second] = std::make_unique<Site>(key);
  }
  return found->second;
}

SiteNumber Governor::open(std::string_view key, const SitePolicy& policy, uint16_t shard,
                          MonoTime now) {
  const SiteNumber number = number_of(key);
  Site& site = *sites_[number];
  if (site.window.size() == 0 && site.dead_until == MonoTime{}) {
    site.window.restart(policy.window, 0);  // its first use
  }
  site.policy = policy;
  site.window.clamp_to(policy.window);
  site.quiet_until = std::min(site.quiet_until, now + policy.rate_delay);
  if (policy.messages_per_second > 0) site.pacer.hurry(now, policy.messages_per_second);
  Share& share = share_of(site, shard);
  if (!share.open) {
    share.open = true;
    ++site.open_count;
  }
  if (is_dead(site.dead_until, now)) {
    orders_.tell_health(shard, number, site.dead_until, site.trouble);
  }
  recall_surplus(number);
  distribute(number, now);
  return number;
}

void Governor::close(SiteNumber number, uint16_t shard, MonoTime now) {
  Site& site = *sites_[number];
  Share& share = share_of(site, shard);
  BARID_ASSERT(share.open);
  site.held -= share.held;
  if (share.delivery_running) site.delivery_running = false;
  share = Share{};
  --site.open_count;
  if (site.open_count > 0) {
    distribute(number, now);
    return;
  }
  site.forget_at = std::max(now + kRemember, site.dead_until);
  wait_for(number, site.forget_at);
}

void Governor::want(SiteNumber number, uint16_t shard, uint32_t leases, uint32_t messages,
                    MonoTime now) {
  Site& site = *sites_[number];
  Share& share = share_of(site, shard);
  share.wanted = leases;
  share.messages_wanted = messages;
  distribute(number, now);
}

void Governor::report(SiteNumber number, uint16_t shard, const SiteReport& report, MonoTime now) {
  Site& site = *sites_[number];
  bool revived = false;
  end_dead_time(site, now);
  for (uint32_t i = 0; i < report.successes; ++i) {
    revived = revived || site.window.dead();
    site.window.on_success(site.policy.window, site.held);
  }
  if (revived) {
    site.dead_until = MonoTime{};
    tell_all(number);
  }
  for (uint32_t i = 0; i < report.failures && !site.window.dead(); ++i) {
    if (!site.window.on_failure(site.policy.window)) continue;
    if (site.policy.rate_delay > Duration::zero()) {
      site.window.restart(site.policy.window, 0);  // its deliveries are far apart anyway
    } else {
      die(number, *report.trouble, now);
    }
  }
  if (share_of(site, shard).delivery_running && (report.successes > 0 || report.failures > 0)) {
    site.delivery_running = share_of(site, shard).delivery_running = false;
    site.quiet_until = now + site.policy.rate_delay;
  }
  recall_surplus(number);
  distribute(number, now);
}

void Governor::give_back(SiteNumber number, uint16_t shard, uint32_t leases, uint32_t messages,
                         MonoTime now) {
  Site& site = *sites_[number];
  Share& share = share_of(site, shard);
  BARID_ASSERT(share.held >= leases && site.held >= leases);
  share.held -= leases;
  site.held -= leases;
  share.recalled -= std::min(share.recalled, leases);
  if (messages > 0 && site.policy.messages_per_second > 0) {
    site.pacer.give_back(site.policy.messages_per_second, messages);
  }
  if (messages > 0 && share.delivery_running) {
    site.delivery_running = share.delivery_running = false;
  }
  distribute(number, now);
}

void Governor::die(SiteNumber number, const SiteTrouble& trouble, MonoTime now) {
  Site& site = *sites_[number];
  site.dead_until = now + site.policy.dead_time;
  site.trouble = trouble;
  for (Share& share : site.shares) share.wanted = share.messages_wanted = 0;
  wait_for(number, site.dead_until);
  tell_all(number);
}

/// The dead time is over: slow start.
void Governor::end_dead_time(Site& site, MonoTime now) noexcept {
  if (site.window.dead() && !is_dead(site.dead_until, now)) {
    site.window.restart(site.policy.window, site.held);
  }
}

void Governor::tell_all(SiteNumber number) {
  const Site& site = *sites_[number];
  for (size_t shard = 0; shard < site.shares.size(); ++shard) {
    if (!site.shares[shard].open) continue;
    orders_.tell_health(static_cast<uint16_t>(shard), number, site.dead_until, site.trouble);
  }
}

/// Whether a delivery of a paced site may be started now; it is counted as started.
bool Governor::take_message(Site& site, Share& share, MonoTime now) {
  if (site.policy.rate_delay == Duration::zero()) {
    return site.pacer.take(now, site.policy.messages_per_second, site.policy.burst, 1) > 0;
  }
  if (site.delivery_running || site.quiet_until > now) return false;
  site.delivery_running = share.delivery_running = true;
  return true;
}

/// When a paced site that gave less than was wanted can give more; never while a report is awaited.
MonoTime Governor::next_message(const Site& site) noexcept {
  if (site.policy.rate_delay == Duration::zero()) return site.pacer.next();
  return site.delivery_running ? MonoTime::max() : site.quiet_until;
}

/// Of the shards that want a lease, the one that has fewest; of those with as many, the one whose
/// last grant is longest ago.
std::optional<size_t> Governor::poorest(const Site& site) noexcept {
  std::optional<size_t> found;
  const auto rank = [&](size_t shard) {
    return std::pair(site.shares[shard].held, site.shares[shard].last_grant);
  };
  for (size_t shard = 0; shard < site.shares.size(); ++shard) {
    if (site.shares[shard].wanted == 0) continue;
    if (!found || rank(shard) < rank(*found)) found = shard;
  }
  return found;
}

/// Of the shards that have leases for deliveries they want to start, the one whose last such grant
/// is longest ago.
std::optional<size_t> Governor::next_starter(const Site& site) noexcept {
  std::optional<size_t> found;
  for (size_t shard = 0; shard < site.shares.size(); ++shard) {
    const Share& share = site.shares[shard];
    if (share.messages_wanted == 0 || share.held <= share.recalled) continue;
    if (!found || share.last_message < site.shares[*found].last_message) found = shard;
  }
  return found;
}

/// Free leases, and deliveries where they are paced, go to the shards that want some.
void Governor::distribute(SiteNumber number, MonoTime now) {
  Site& site = *sites_[number];
  end_dead_time(site, now);
  if (site.window.dead() || site.shares.empty()) return;
  std::vector<uint32_t> leases(site.shares.size(), 0);
  std::vector<uint32_t> messages(site.shares.size(), 0);
  ++site.turn;
  while (site.held < site.window.size()) {
    const std::optional<size_t> shard = poorest(site);
    if (!shard) break;
    Share& share = site.shares[*shard];
    --share.wanted;
    share.last_grant = ++site.grants_count;
    ++share.held;
    ++site.held;
    ++leases[*shard];
  }
  while (site.policy.paced()) {
    const std::optional<size_t> shard = next_starter(site);
    if (!shard) break;
    Share& share = site.shares[*shard];
    if (!take_message(site, share, now)) {
      wait_for(number, next_message(site));
      break;
    }
    --share.messages_wanted;
    share.last_message = ++site.grants_count;
    ++messages[*shard];
  }
  for (size_t shard = 0; shard < site.shares.size(); ++shard) {
    if (leases[shard] == 0 && messages[shard] == 0) continue;
    orders_.grant(static_cast<uint16_t>(shard), number, leases[shard], messages[shard]);
  }
  make_room(number, now);
}

/// A shard that holds more than its part makes room for those that wait. With fewer leases than
/// shards they go round.
void Governor::make_room(SiteNumber number, MonoTime now) {
  Site& site = *sites_[number];
  uint32_t users = 0;
  uint32_t waiting = 0;
  uint32_t coming = 0;  // asked back already
  for (const Share& share : site.shares) {
    users += share.held > 0 || share.wanted > 0 ? 1 : 0;
    waiting += share.wanted > 0 ? 1 : 0;
    coming += share.recalled;
  }
  if (waiting == 0) return;
  const uint32_t part = site.window.size() / users;
  uint32_t missing = 0;
  for (const Share& share : site.shares) {
    if (share.wanted > 0 && share.held < part) missing += std::min(share.wanted, part - share.held);
  }
  if (missing > coming) take_back_from_richest(number, missing - coming, part);
  if (part > 0) return;
  const bool somebody_has_none =
      std::any_of(site.shares.begin(), site.shares.end(),
                  [](const Share& share) { return share.wanted > 0 && share.held == 0; });
  if (!somebody_has_none) return;
  // Paced, the holders change once a delivery, not while nothing may go anyway.
  if (site.policy.rate_delay > Duration::zero() && site.delivery_running) return;
  if (site.rotate_at > now) {
    wait_for(number, site.rotate_at);
    return;
  }
  site.rotate_at = now + kTenure;
  if (site.policy.paced()) site.rotate_at = std::max(site.rotate_at, next_message(site));
  take_back_from_richest(number, 1, 0);
  wait_for(number, site.rotate_at);
}

/// The window has become smaller than what is out.
void Governor::recall_surplus(SiteNumber number) {
  const Site& site = *sites_[number];
  uint32_t recalled = 0;
  for (const Share& share : site.shares) recalled += share.recalled;
  const uint32_t staying = site.held - recalled;
  const uint32_t room = site.window.size();
  if (staying > room) take_back_from_richest(number, staying - room, 0);
}

/// Recalls up to `count` leases from the shards that have most, none of which falls below `floor`.
void Governor::take_back_from_richest(SiteNumber number, uint32_t count, uint32_t floor) {
  Site& site = *sites_[number];
  std::vector<uint32_t> recalls(site.shares.size(), 0);
  for (; count > 0; --count) {
    size_t richest = 0;
    uint32_t most = 0;
    for (size_t i = 0; i < site.shares.size(); ++i) {
      const size_t shard = (site.turn + i) % site.shares.size();
      const uint32_t staying = site.shares[shard].held - site.shares[shard].recalled;
      if (staying > most) {
        most = staying;
        richest = shard;
      }
    }
    if (most <= floor) break;
    ++site.shares[richest].recalled;
    ++recalls[richest];
  }
  for (size_t shard = 0; shard < recalls.size(); ++shard) {
    if (recalls[shard] > 0) {
      orders_.recall(static_cast<uint16_t>(shard), number, recalls[shard]);
    }
  }
}

void Governor::revive_all(MonoTime now) {
  for (SiteNumber number = 0; number < sites_.size(); ++number) {
    if (!sites_[number] || !is_dead(sites_[number]->dead_until, now)) continue;
    Site& site = *sites_[number];
    site.dead_until = MonoTime{};
    site.window.restart(site.policy.window, site.held);
    tell_all(number);
    distribute(number, now);
  }
}

void Governor::tick(MonoTime now) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const SiteNumber number = alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    Site& site = *sites_[number];
    site.alarm = MonoTime::max();
    if (site.open_count == 0 && site.forget_at <= now) {
      forget(number);
      continue;
    }
    if (site.open_count == 0) wait_for(number, site.forget_at);
    if (is_dead(site.dead_until, now)) wait_for(number, site.dead_until);
    distribute(number, now);
  }
}

void Governor::forget(SiteNumber number) {
  by_key_.erase(sites_[number]->key);
  sites_[number].reset();
  free_.push_back(number);
}

}  // namespace barid::schedule
