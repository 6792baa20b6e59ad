// The dispatcher of one shard: finds out which site each destination belongs to, and gives the
// sites' leases their turns within each transport's concurrency. (Which job of a site is next is
// the site's affair: site.h; how many connections it may have is its home's: governor.h.)
//
//   job ──► destination ──► site ──► lease ──► agent
//          (next hop)      (MX set)  (connection)
//
// Cost per message: a deque push and pop, two turns of a ring; no message to another shard.
// Layer: shard/schedule. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shard/runtime/scope.h"
#include "shard/schedule/agent.h"
#include "shard/schedule/destination.h"
#include "shard/schedule/governor_link.h"
#include "shard/schedule/lease.h"
#include "shard/schedule/site.h"
#include "shard/schedule/suspensions.h"
#include "shard/schedule/transport_pace.h"

namespace barid::schedule {

struct TransportLimits {
  SitePolicy site;                   ///< of each site, over all shards
  uint32_t total_concurrency = 100;  ///< of this shard, all sites; 0 = none
  Duration rate_delay{};             ///< pause after each delivery of all shards; 0 = none
  bool deferred = false;             ///< defer_transports: nothing goes unless it was flushed
};

/// Changes a site's policy by rules of the operator. Implemented by policy.
class SiteRules {
 public:
  virtual ~SiteRules() = default;
  /// The key of the route's site, among those that `hosts_key` stands for: destinations that rules
  /// tell apart share no site.
  [[nodiscard]] virtual std::string site_of(const Route& route, std::string_view hosts_key) const {
    static_cast<void>(route);
    return std::string(hosts_key);
  }
  virtual void apply(const Route& route, std::string_view site_key, SitePolicy* policy) const = 0;
};

struct Transport {
  std::string name;
  Agent* agent = nullptr;
  TransportLimits limits;
  uint32_t working = 0;  // leases in their turn
  struct InLine {
    Site* site = nullptr;
    Stream lane = Stream::kTransactional;
  };
  FairQueue<InLine> line;  // sites that could use a turn
  bool pumping = false;
  uint32_t claimed = 0;                 // leases that were told to start, of all sites
  std::unique_ptr<TransportPace> pace;  // null: never had one

  [[nodiscard]] bool has_room() const noexcept {
    return limits.total_concurrency == 0 || working < limits.total_concurrency;
  }
  /// The pace lets one more delivery start, besides those of claimed leases.
  [[nodiscard]] bool in_pace() const noexcept {
    return !pace || !pace->active() || pace->ready_count() > claimed;
  }
};

class Dispatcher final : private rt::Timer, private TransportPace::Listener {
 public:
  /// `link` null: this shard is alone, and its own home for all sites.
  Dispatcher(rt::Reactor& reactor, OutcomeSink& sink, GovernorLink* link = nullptr);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Registers or, at reload, changes a transport. The agent outlives the dispatcher.
  void set_transport(const std::string& name, Agent& agent, const TransportLimits& limits);
  /// Null: none. Known destinations move to the sites that the rules give them; call it before
  /// set_transport(), which changes the policies of open sites. Outlives this.
  void set_site_rules(const SiteRules* rules);
  [[nodiscard]] bool has_transport(const std::string& name) const {
    return transports_.contains(name);
  }
  /// *_destination_recipient_limit is 1: each recipient is a destination (Route::user).
  [[nodiscard]] bool one_recipient_each(const std::string& transport) const;
  /// Recipients that a job of this route should have at most, as far as its site is known; a lease
  /// splits what is larger.
  [[nodiscard]] uint32_t recipients_per_job(const Route& route) const;

  /// The transport must be registered.
  void enqueue(const Route& route, Job job);

  /// Takes the jobs of withdrawn messages back, as done without an attempt. Those that an agent has
  /// end by themselves. Costs a look at every waiting job.
  void withdraw();

  /// While paused no job is handed out (the store cannot record outcomes). Leases end by
  /// themselves.
  void pause() noexcept { paused_ = true; }
  void resume();

  /// Stops handing out and waits for running leases. kTimeout: they did not end in time.
  /// kCancelled: those left had sent nothing yet (to a server that does not answer, say), and will
  /// not.
  rt::Task<Code> drain(MonoTime deadline);

  /// Forgets every dead site, on all shards: they start slowly again at once.
  void revive_all() { link().revive_all(); }
  /// Mail that is due at `now` or before was flushed: deferred transports try it once.
  void admit_flushed(WallTime now) noexcept { flushed_at_ = std::max(flushed_at_, now); }
  /// Until when nothing may be sent to this destination; nothing = it may be tried.
  [[nodiscard]] std::optional<MonoTime> dead_until(std::string_view destination_key) const;
  /// Nothing of this kind is sent from now on; see OutcomeSink::on_job_suspended().
  void set_suspensions(Suspensions suspensions) { suspensions_ = std::move(suspensions); }
  /// Once most jobs of the destination have left memory the sink is told, once.
  void tell_when_low(std::string_view destination_key);
  /// Jobs of this destination in memory, waiting or running.
  [[nodiscard]] size_t jobs_count(std::string_view destination_key) const;

  /// Where mail of a route goes and what it may do there, whether there is any or not. The
  /// transport must be registered.
  struct Placement {
    std::string site;
    SitePolicy policy;
    Duration transport_rate_delay{};
    bool deferred = false;
  };
  rt::Task<Placement> placement_of(Route route);

  [[nodiscard]] size_t destinations_count() const noexcept { return destinations_.size(); }
  [[nodiscard]] uint32_t leases_count() const noexcept { return leases_count_; }
  [[nodiscard]] GovernorLink& link() noexcept { return *link_; }

  template <typename F>
  void for_each_destination(F&& visit) const {
    for (const auto& [key, destination] : destinations_) visit(*destination);
  }

 private:
  friend class Lease;
  friend class Site;

  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] bool give_up_the_silent();
  [[nodiscard]] bool handing_out() const noexcept { return !paused_ && !draining_; }
  void put_back(Destination& destination, Job job);
  rt::Task<void> find_site(Destination* destination);
  void move_to_site(Destination& destination, const std::string& hosts_key);
  [[nodiscard]] std::string site_key_of(const Route& route, const std::string& hosts_key) const;
  [[nodiscard]] SitePolicy policy_for(const Transport& transport, const Route& route,
                                      std::string_view site_key) const;
  void get_in_line(Site& site);
  void pump(Transport& transport);
  void start_turn(Site& site);
  void end_turn(Lease& lease);
  rt::Task<void> run_lease(Site* site);
  void close_lease(Lease& lease);
  void suspend_waiting(Site& site);
  void suspend_waiting(Site& site, const SiteTrouble& why, WallTime until);
  [[nodiscard]] bool is_flushed(const queue::Message& message) const noexcept;
  /// Takes what must not be tried now out of the job; false if nothing of it is left.
  [[nodiscard]] bool admit(const Site& site, Job& job);
  void check_low(Destination& destination);
  void on_timer() override;
  void on_pace(Transport& transport) override { pump(transport); }
  void set_pace(Transport& transport);
  void forget_unused();
  /// For changes that may open further sites.
  [[nodiscard]] std::vector<Site*> all_sites() const;

  rt::Reactor& reactor_;
  OutcomeSink& sink_;
  const SiteRules* rules_ = nullptr;
  Suspensions suspensions_;
  WallTime flushed_at_{};
  std::unique_ptr<GovernorLink> own_link_;
  GovernorLink* link_;
  rt::Scope scope_;
  absl::flat_hash_map<std::string, std::unique_ptr<Transport>> transports_;
  absl::flat_hash_map<std::string, std::unique_ptr<Destination>> destinations_;
  std::map<std::string, std::unique_ptr<Site>>
      sites_;  // by name; in an order that is always the same
  uint32_t leases_count_ = 0;
  bool paused_ = false;
  bool draining_ = false;
};

}  // namespace barid::schedule
