// The governor: decides, for the sites whose home is this shard, how many connections each shard
// may have to each of them. A pure machine: what shards ask, report and give back goes in, what
// they are told comes out through `Orders`; no I/O, no clock, no other shard's memory.
//
// Per site: one window (window.h) over the connections of all shards together, one rate, one
// health. A shard that could use connections says how many; it gets leases within the window, in
// turns with the other shards; what it does not use, or what others need more, it gives back. A
// dead site is told to every shard that has it open, with the reason and the end of its dead time.
//
// Invariant: a lease is granted only while fewer than window.size() are out.
// Layer: shard/schedule, pure.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/mail/envelope.h"
#include "shard/schedule/pacer.h"
#include "shard/schedule/site_policy.h"
#include "shard/schedule/window.h"

namespace barid::schedule {

/// A site in its home's table. Never reused while any shard has it open.
using SiteNumber = uint32_t;

/// Why a site gets no mail: of the last connection, greeting or handshake that failed.
struct SiteTrouble {
  DsnCode dsn;
  std::string text;
  bool is_whole = false;  ///< `text` is all that is said; else what suspends it is named before
};

/// What a shard saw on leases since it last said something. Successes wait for company, a failure
/// is told in the turn it happens: so they are taken in the order successes, then failures.
struct SiteReport {
  uint32_t successes = 0;                ///< deliveries over a connection that worked
  uint32_t failures = 0;                 ///< attempts in which no connection did
  const SiteTrouble* trouble = nullptr;  ///< of the last failure; borrowed for the call
};

class Governor {
 public:
  /// What shards are to be told. Called from inside the methods below, never re-entered.
  class Orders {
   public:
    virtual ~Orders() = default;
    /// `leases` more connections, and of a paced site `messages` more deliveries.
    virtual void grant(uint16_t shard, SiteNumber site, uint32_t leases, uint32_t messages) = 0;
    /// Give back that many leases as soon as they are between deliveries.
    virtual void recall(uint16_t shard, SiteNumber site, uint32_t leases) = 0;
    /// Dead until then, for that reason; `until` in the past: alive.
    virtual void tell_health(uint16_t shard, SiteNumber site, MonoTime until,
                             const SiteTrouble& trouble) = 0;
  };

  explicit Governor(Orders& orders) noexcept : orders_(orders) {}

  /// `shard` begins to use the site, or uses it with a new policy. Tells its health if it is dead.
  SiteNumber open(std::string_view key, const SitePolicy& policy, uint16_t shard, MonoTime now);
  /// The number that open() will give for this key.
  SiteNumber number_of(std::string_view key);
  /// `shard` wants nothing any more, and what it holds has come back. The site is forgotten when
  /// nobody has it open, but for its health and, for a while, its window.
  void close(SiteNumber site, uint16_t shard, MonoTime now);

  /// So many leases (and messages, where paced) more than it has would be of use. Replaces what it
  /// wanted before.
  void want(SiteNumber site, uint16_t shard, uint32_t leases, uint32_t messages, MonoTime now);
  void report(SiteNumber site, uint16_t shard, const SiteReport& report, MonoTime now);
  /// Leases that ended, and paced messages that were not used.
  void give_back(SiteNumber site, uint16_t shard, uint32_t leases, uint32_t messages, MonoTime now);

  /// Forgets dead sites: they start slowly again at once.
  void revive_all(MonoTime now);
  /// Ends dead times, paces, and forgets what is long unused. Call at next_event() or later.
  void tick(MonoTime now);
  /// When tick() has something to do; MonoTime::max() = never.
  [[nodiscard]] MonoTime next_event() const noexcept {
    return alarms_.empty() ? MonoTime::max() : alarms_.begin()->first;
  }

  /// One site, for the operator.
  struct View {
    std::string_view key;
    uint32_t window = 0;
    uint32_t leased = 0;
    MonoTime dead_until{};  ///< in the past: alive
    std::string_view reason;
  };
  template <typename F>
  void for_each(F&& visit) const {
    for (const auto& site : sites_) {
      if (site) {
        visit(
            View{site->key, site->window.size(), site->held, site->dead_until, site->trouble.text});
      }
    }
  }
  [[nodiscard]] size_t sites_count() const noexcept { return by_key_.size(); }

 private:
  struct Share {
    bool open = false;
    uint32_t held = 0;
    uint32_t wanted = 0;
    uint32_t messages_wanted = 0;
    uint32_t recalled = 0;          // of held: asked back and not here yet
    uint64_t last_grant = 0;        // of a lease
    uint64_t last_message = 0;      // and of a paced delivery
    bool delivery_running = false;  // rate_delay: it was given the one delivery
  };
  struct Site {
    explicit Site(std::string_view name) : key(name) {}
    std::string key;
    SitePolicy policy;
    Window window;              // closed until its first open()
    std::vector<Share> shares;  // by shard
    uint32_t held = 0;
    uint32_t open_count = 0;
    uint64_t grants_count = 0;
    size_t turn = 0;  // who is asked first to give back
    MonoTime dead_until{};
    SiteTrouble trouble;
    Pacer pacer;
    MonoTime quiet_until{};         // rate_delay: next delivery not before
    bool delivery_running = false;  // rate_delay: one at a time, some share has it
    MonoTime rotate_at{};           // more shards than leases: no change of holders before
    MonoTime forget_at{};           // nobody has it open
    MonoTime alarm = MonoTime::max();
  };

  void distribute(SiteNumber number, MonoTime now);
  [[nodiscard]] static std::optional<size_t> poorest(const Site& site) noexcept;
  [[nodiscard]] static std::optional<size_t> next_starter(const Site& site) noexcept;
  [[nodiscard]] static bool take_message(Site& site, Share& share, MonoTime now);
  [[nodiscard]] static MonoTime next_message(const Site& site) noexcept;
  void recall_surplus(SiteNumber number);
  void make_room(SiteNumber number, MonoTime now);
  void take_back_from_richest(SiteNumber number, uint32_t count, uint32_t floor);
  void die(SiteNumber number, const SiteTrouble& trouble, MonoTime now);
  void end_dead_time(Site& site, MonoTime now) noexcept;
  void forget(SiteNumber number);
  void tell_all(SiteNumber number);
  void wait_for(SiteNumber number, MonoTime when);
  [[nodiscard]] Share& share_of(Site& site, uint16_t shard);

  Orders& orders_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<SiteNumber> free_;
  absl::flat_hash_map<std::string, SiteNumber> by_key_;
  absl::btree_set<std::pair<MonoTime, SiteNumber>> alarms_;  // at most one per site
};

}  // namespace barid::schedule
