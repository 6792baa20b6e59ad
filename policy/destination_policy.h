// destination_policy_maps: settings for single sites, by domain, mail host or site.
//
//   example.org          rate=10/s burst=5
//   .example.net         concurrency=4
//   .google.com          concurrency=10 messages_per_connection=50
//   192.0.2.0/24         rate_delay=1s                       (cidr: next hops that are addresses)
//   *                    dead_time=10m
//
// Rules that match, the weaker first; each sets what it names, so the strongest wins per setting:
//   "*", an address range, ".suffix" of an MX host, an MX host, the site's whole key (or
//   "host:port" of a next hop without MX), ".parent" of the domain, the domain. Of suffixes and
//   ranges the longer is the stronger; of hosts that match equally, the first of the site's key.
// "Domain" is the next hop that mail queues for: the recipient's domain unless it is routed.
//
// What a rule by domain says is for that domain alone: it becomes a site of its own,
// "mx1.example.net,mx2.example.net#example.org", with its own connections and rates.
// Layer: policy, pure; an immutable snapshot per configuration.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/table_list.h"
#include "policy/site_setting.h"
#include "shard/schedule/dispatcher.h"

namespace barid::policy {

class DestinationPolicy final : public schedule::SiteRules {
 public:
  DestinationPolicy() = default;
  /// `value` is that of parameter `parameter`. What is wrong with a table, a key or a value is an
  /// error of `context`.
  DestinationPolicy(std::string_view parameter, std::string_view value,
                    const lookup::OpenContext& context);

  [[nodiscard]] std::string site_of(const schedule::Route& route,
                                    std::string_view hosts_key) const override;
  void apply(const schedule::Route& route, std::string_view site_key,
             schedule::SitePolicy* policy) const override;

  /// One setting that a matching rule makes, and which.
  struct Origin {
    const SiteSetting* setting = nullptr;
    std::string_view value;
    std::string_view rule;   ///< key
    std::string_view table;  ///< `type:name`
  };
  /// The strongest rule of each setting that any rule makes, in the order of site_settings().
  [[nodiscard]] std::vector<Origin> explain(const schedule::Route& route,
                                            std::string_view site_key) const;

  /// Names of pools that rules mention, each with its place for a complaint.
  struct PoolUse {
    std::string pool;
    std::string place;
  };
  [[nodiscard]] const std::vector<PoolUse>& pool_uses() const noexcept { return pool_uses_; }

 private:
  struct Rule {
    std::string key;
    std::string table;
    std::vector<std::pair<const SiteSetting*, std::string>> settings;
  };
  struct RangeRule {
    lookup::IpNetwork network;
    const Rule* rule = nullptr;
  };

  void add(std::string_view parameter, const lookup::TableEntry& entry,
           const lookup::OpenContext& context);
  [[nodiscard]] const Rule* find(std::string_view key) const;
  /// Rules for the route's own domain, the weakest first.
  void find_by_domain(std::string_view domain, std::vector<const Rule*>* out) const;
  void find_by_hosts(std::string_view hosts_key, std::vector<const Rule*>* out) const;
  void find_by_range(std::string_view name, std::vector<const Rule*>* out) const;
  [[nodiscard]] std::vector<const Rule*> matching(const schedule::Route& route,
                                                  std::string_view site_key) const;

  std::vector<std::unique_ptr<Rule>> rules_;
  std::map<std::string, const Rule*, std::less<>> by_key_;
  std::vector<RangeRule> ranges_;  // the widest first
  std::vector<PoolUse> pool_uses_;
};

}  // namespace barid::policy
