// The receivers of a simulation: several sites, each with its domains, a scripted server and a
// limit, all kept in one ledger. What a site may see is checked as it is seen.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shard/schedule/dispatcher.h"
#include "shard/sim/sim_sink.h"
#include "shard/sim/world.h"

namespace barid::sim {

/// One site: a mail host with its domains.
struct CitySite {
  std::string host;
  net::SocketAddress address;
  std::vector<std::string> domains;
  std::unique_ptr<SimSink> sink;
  SimNetwork::Census* census = nullptr;
  schedule::SitePolicy policy;  ///< what the MTA is told
  uint32_t bound = 0;           ///< what may be open: the limit, or what was before it shrank
  std::map<std::string, uint32_t> leased_bounds;  ///< the same of leases, by pool
  bool settled = true;                            ///< all shards have heard of the limit
  bool enforces = false;                          ///< turns away what is beyond the limit
  bool gone = false;                              ///< for good: its mail comes back to the sender
  MonoTime healthy_since{};                       ///< max() = something is wrong with it now
  MonoTime moved_at{};                            ///< the last progress, or that none was due
  uint64_t seen = 0;                              ///< copies and refusals at that time
};

class SimCity final : public schedule::SiteRules {
 public:
  /// `pools_count`: the MTA's egress pools, each with a window of its own.
  SimCity(World& world, Ledger& ledger, size_t sites_count, bool exact_at_sink,
          uint32_t pools_count);

  [[nodiscard]] std::vector<CitySite>& sites() noexcept { return sites_; }
  /// All domains; those of the first site are never out of order for good.
  [[nodiscard]] std::vector<std::string> domains() const;
  [[nodiscard]] CitySite& of_domain(std::string_view domain);
  /// The names of it all, for the MTA's resolver.
  [[nodiscard]] std::string dns() const;

  /// Something goes wrong at a site, or is over.
  void disturb(CitySite& site);
  void heal(CitySite& site);
  void set_limit(CitySite& site, uint32_t limit);
  /// Every shard knows the limits.
  void settled();
  void forget_connections();

  /// To be called at every step, with the leases that are out, by site.
  void check_windows(const std::map<std::string, uint32_t>& leased);
  void close();
  [[nodiscard]] bool idle() const;

 private:
  void apply(const schedule::Route& route, std::string_view site_key,
             schedule::SitePolicy* policy) const override;

  World& world_;
  const bool exact_at_sink_;  // packets keep their order: the server too sees no more
  const uint32_t windows_;    // of the MTA to a host: without a pool, and each pool's
  std::vector<CitySite> sites_;
};

}  // namespace barid::sim
