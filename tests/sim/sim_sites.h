// The sites of a simulation: which destinations they serve, how well, under which limits; and what
// is seen there: connections, deliveries, their pace. Every promise that can be seen from a site is
// checked as it happens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "shard/schedule/dispatcher.h"
#include "shard/sim/sim_clock.h"

namespace barid::sim {

struct SimSite {
  std::string key;
  schedule::SitePolicy policy;
  Duration service_max = std::chrono::milliseconds(100);  ///< of one delivery
  bool answers = true;                                    ///< false: no connection comes about
  uint32_t break_per_mille = 0;                           ///< of connections, at a delivery
  // What is seen.
  uint32_t open = 0;        ///< connections now
  uint32_t open_bound = 0;  ///< what may be open: the limit, or what was leased before it shrank
  bool settled = true;      ///< all shards have heard of the limit
  uint64_t started = 0;     ///< deliveries
  MonoTime first_started{};
  MonoTime last_ended = MonoTime::min();
  MonoTime failed_at = MonoTime::min();

  [[nodiscard]] bool paced() const noexcept { return policy.paced(); }
  [[nodiscard]] std::string reason() const { return "connect to " + key + ": refused"; }
};

class SimSites final : public schedule::SiteRules {
 public:
  SimSites(SimClock& clock, Rng& rng, size_t count);

  [[nodiscard]] SimSite& of(const std::string& nexthop) { return sites_[home_of_.at(nexthop)]; }
  [[nodiscard]] SimSite& by_key(std::string_view key);
  [[nodiscard]] std::vector<SimSite>& all() noexcept { return sites_; }
  /// A further destination, at any site.
  std::string add_destination();
  [[nodiscard]] const std::vector<std::string>& destinations() const noexcept {
    return destinations_;
  }
  void move(const std::string& nexthop, size_t site) { home_of_[nexthop] = site; }

  /// A new limit: until settled() the old one may be in use too.
  void set_limit(SimSite& site, uint32_t limit);
  void settled();
  /// The process is gone, with all its connections.
  void forget_connections();

  void on_open(SimSite& site);
  void on_close(SimSite& site);
  void on_start(SimSite& site);
  void on_end(SimSite& site, bool delivered);

 private:
  void apply(const schedule::Route& route, std::string_view site_key,
             schedule::SitePolicy* policy) const override;
  void choose(SimSite& site);

  SimClock& clock_;
  Rng& rng_;
  std::vector<SimSite> sites_;
  std::vector<std::string> destinations_;
  std::map<std::string, size_t> home_of_;
};

}  // namespace barid::sim
