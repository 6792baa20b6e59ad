#include "policy/destination_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/lookup/split.h"

namespace barid::policy {

using schedule::Route;
using schedule::SitePolicy;

namespace {

/// The MX hosts in a site's key, without what tells apart sites with the same hosts.
std::string_view hosts_of(std::string_view site_key) noexcept {
  return site_key.substr(0, site_key.find('#'));
}

/// Calls `visit` for each host of the key "a,b c:25" that is a name.
template <typename F>
void for_each_host(std::string_view hosts, F&& visit) {
  while (!hosts.empty()) {
    const size_t end = std::min(hosts.find_first_of(", "), hosts.size());
    std::string_view host = hosts.substr(0, end);
    if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
    if (!host.empty()) visit(host);
    hosts.remove_prefix(std::min(end + 1, hosts.size()));
  }
}

/// The address in "192.0.2.1", "192.0.2.1:2525" or "[2001:db8::1]:2525".
std::optional<lookup::IpAddress> literal_of(std::string_view name) noexcept {
  if (name.starts_with('[')) {
    name = name.substr(1, name.find(']') - 1);
  } else if (name.find(':') == name.rfind(':')) {
    name = name.substr(0, name.find(':'));
  }
  if (name.starts_with("ipv6:")) name.remove_prefix(5);
  return lookup::IpAddress::parse(name);
}

}  // namespace

DestinationPolicy::DestinationPolicy(std::string_view parameter, std::string_view value,
                                     const lookup::OpenContext& context) {
  for (const lookup::TableEntry& entry : lookup::list_entries(parameter, value, context)) {
    add(parameter, entry, context);
  }
  std::stable_sort(ranges_.begin(), ranges_.end(), [](const RangeRule& a, const RangeRule& b) {
    return a.network.prefix < b.network.prefix;
  });
}

void DestinationPolicy::add(std::string_view parameter, const lookup::TableEntry& entry,
                            const lookup::OpenContext& context) {
  const std::string place = fmt::format("{}: {}: {}", parameter, entry.table, entry.key);
  auto rule = std::make_unique<Rule>();
  rule->key = entry.key;
  rule->table = entry.table;
  SitePolicy scratch;
  for (const std::string_view item : lookup::split_list(entry.value)) {
    const lookup::NameValue pair = lookup::split_name_value(item);
    const SiteSetting* setting = find_site_setting(pair.name);
    if (pair.error != nullptr || setting == nullptr) {
      std::string known;
      for (const SiteSetting& one : site_settings()) {
        known += known.empty() ? "" : ", ";
        known += one.name;
      }
      context.error(
          fmt::format("{}: \"{}\" is no name=value of these names: {}", place, item, known));
      continue;
    }
    if (const std::string_view wanted = setting->set(pair.value, &scratch); !wanted.empty()) {
      context.error(fmt::format("{}: {}: \"{}\" is not {}", place, pair.name, pair.value, wanted));
      continue;
    }
    if (setting->name == "pool" && !pair.value.empty()) {
      pool_uses_.push_back({.pool = std::string(pair.value), .place = place + ": pool"});
    }
    rule->settings.emplace_back(setting, pair.value);
  }
  if (lookup::ParsedNetwork range = lookup::parse_network(entry.key); range.network) {
    ranges_.push_back({.network = *range.network, .rule = rule.get()});
  }
  by_key_.try_emplace(rule->key, rule.get());  // the first table counts
  rules_.push_back(std::move(rule));
}

const DestinationPolicy::Rule* DestinationPolicy::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void DestinationPolicy::find_by_domain(std::string_view domain,
                                       std::vector<const Rule*>* out) const {
  if (domain.empty()) return;
  for (size_t dot = domain.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = domain.rfind('.', dot - 1)) {
    if (const Rule* rule = find(domain.substr(dot))) out->push_back(rule);
  }
  if (const Rule* rule = find(domain)) out->push_back(rule);
}

void DestinationPolicy::find_by_hosts(std::string_view hosts_key,
                                      std::vector<const Rule*>* out) const {
  std::vector<const Rule*> found;
  for_each_host(hosts_key, [&](std::string_view host) {
    std::vector<const Rule*> rules;
    find_by_domain(host, &rules);
    found.insert(found.end(), rules.begin(), rules.end());
  });
  const auto rank = [](const Rule* rule) {
    return std::pair(!rule->key.starts_with('.'), rule->key.size());
  };
  std::reverse(found.begin(), found.end());  // of equals the first host's comes last
  std::stable_sort(found.begin(), found.end(),
                   [&](const Rule* a, const Rule* b) { return rank(a) < rank(b); });
  out->insert(out->end(), found.begin(), found.end());
}

void DestinationPolicy::find_by_range(std::string_view name, std::vector<const Rule*>* out) const {
  const std::optional<lookup::IpAddress> address = literal_of(name);
  if (!address) return;
  for (const RangeRule& range : ranges_) {
    if (range.network.contains(*address)) out->push_back(range.rule);
  }
}

std::vector<const DestinationPolicy::Rule*> DestinationPolicy::matching(
    const Route& route, std::string_view site_key) const {
  std::vector<const Rule*> rules;
  if (rules_.empty()) return rules;
  const std::string domain = lookup::lower(route.nexthop);
  const std::string hosts = lookup::lower(hosts_of(site_key));
  if (const Rule* rule = find("*")) rules.push_back(rule);
  find_by_range(hosts, &rules);
  find_by_hosts(hosts, &rules);
  if (const Rule* rule = find(hosts)) rules.push_back(rule);
  find_by_domain(domain, &rules);
  return rules;
}

std::string DestinationPolicy::site_of(const Route& route, std::string_view hosts_key) const {
  std::vector<const Rule*> own;
  find_by_domain(lookup::lower(route.nexthop), &own);
  std::string key(hosts_key);
  if (own.empty() || own.back()->key == lookup::lower(hosts_key)) return key;
  return key + '#' + own.back()->key;
}

void DestinationPolicy::apply(const Route& route, std::string_view site_key,
                              SitePolicy* policy) const {
  for (const Rule* rule : matching(route, site_key)) {
    for (const auto& [setting, value] : rule->settings) {
      static_cast<void>(setting->set(value, policy));  // tried when it was read
    }
  }
}

std::vector<DestinationPolicy::Origin> DestinationPolicy::explain(const Route& route,
                                                                  std::string_view site_key) const {
  std::vector<Origin> origins;
  const std::vector<const Rule*> rules = matching(route, site_key);
  for (const SiteSetting& setting : site_settings()) {
    Origin origin;
    for (const Rule* rule : rules) {
      for (const auto& [made, value] : rule->settings) {
        if (made == &setting) {
          origin = {.setting = made, .value = value, .rule = rule->key, .table = rule->table};
        }
      }
    }
    if (origin.setting != nullptr) origins.push_back(origin);
  }
  return origins;
}

}  // namespace barid::policy
