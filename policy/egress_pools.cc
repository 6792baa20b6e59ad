#include "policy/egress_pools.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/values.h"
#include "core/lookup/split.h"
#include "policy/site_setting.h"

namespace barid::policy {
namespace {

constexpr size_t kAddressesMax = 256;

std::string place_of(std::string_view parameter, const lookup::TableEntry& entry) {
  return fmt::format("{}: {}: {}", parameter, entry.table, entry.key);
}

/// "192.0.2.1=3"; what is wrong with it in `*error`.
EgressAddress parse_address(std::string_view item, std::string* error) {
  EgressAddress address;
  const size_t equals = std::min(item.find('='), item.size());
  const std::string_view text = item.substr(0, equals);
  const auto ip = lookup::IpAddress::parse(text);
  if (!ip) {
    *error = fmt::format("\"{}\" is not an address", text);
    return address;
  }
  address.ip = *ip;
  address.text = ip->text();
  if (equals == item.size()) return address;
  const auto weight = config::parse_int(item.substr(equals + 1));
  if (!weight || *weight < 1 || *weight > kEgressWeightMax) {
    *error = fmt::format("\"{}\": the weight is not 1 to {}", item, kEgressWeightMax);
    return address;
  }
  address.weight = static_cast<uint32_t>(*weight);
  return address;
}

}  // namespace

bool EgressPool::has_family(bool is_v6) const noexcept {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const EgressAddress& address) { return address.ip.is_v6 == is_v6; });
}

EgressPools::EgressPools(std::string_view pool_maps, std::string_view warmup_maps,
                         const lookup::OpenContext& context) {
  for (const auto& entry : lookup::list_entries("egress_pool_maps", pool_maps, context)) {
    add_pool(entry, context);
  }
  // Plans by pool first: that of the address counts.
  const auto plans = lookup::list_entries("warmup_maps", warmup_maps, context);
  for (const bool by_address : {false, true}) {
    for (auto entry = plans.rbegin(); entry != plans.rend(); ++entry) {  // the first table counts
      if (lookup::IpAddress::parse(entry->key).has_value() == by_address) add_plan(*entry, context);
    }
  }
}

void EgressPools::add_pool(const lookup::TableEntry& entry, const lookup::OpenContext& context) {
  const std::string place = place_of("egress_pool_maps", entry);
  if (!is_pool_name(entry.key)) {
    context.error(place + ": the name of a pool has only letters, digits, \"-\", \"_\" and \".\"");
    return;
  }
  EgressPool pool{.name = entry.key, .addresses = {}};
  bool good = true;
  for (const std::string_view item : lookup::split_list(entry.value)) {
    std::string error;
    EgressAddress address = parse_address(item, &error);
    const bool repeated =
        std::any_of(pool.addresses.begin(), pool.addresses.end(),
                    [&](const EgressAddress& other) { return other.ip == address.ip; });
    if (error.empty() && repeated) error = fmt::format("\"{}\" is there twice", item);
    if (!error.empty()) {
      context.error(fmt::format("{}: {}", place, error));
      good = false;
      continue;
    }
    pool.addresses.push_back(std::move(address));
  }
  if (!good) return;
  if (pool.addresses.empty() || pool.addresses.size() > kAddressesMax) {
    context.error(fmt::format("{}: a pool has 1 to {} addresses", place, kAddressesMax));
    return;
  }
  pools_.try_emplace(pool.name, std::move(pool));  // the first table counts
}

void EgressPools::add_plan(const lookup::TableEntry& entry, const lookup::OpenContext& context) {
  const std::string place = place_of("warmup_maps", entry);
  std::string error;
  const std::optional<WarmupPlan> plan = parse_warmup_plan(entry.value, &error);
  if (!plan) {
    context.error(fmt::format("{}: {}", place, error));
    return;
  }
  const auto ip = lookup::IpAddress::parse(entry.key);
  bool known = false;
  for (auto& [name, pool] : pools_) {
    for (EgressAddress& address : pool.addresses) {
      if (ip ? address.ip != *ip : name != entry.key) continue;
      address.plan = plan;
      known = true;
    }
  }
  if (!known) context.error(place + ": no egress pool has that name or address");
}

const EgressPool* EgressPools::find(std::string_view name) const noexcept {
  const auto found = pools_.find(name);
  return found == pools_.end() ? nullptr : &found->second;
}

std::vector<std::string> EgressPools::names() const {
  std::vector<std::string> names;
  for (const auto& [name, pool] : pools_) names.push_back(name);
  return names;
}

const EgressAddress* EgressTurns::next(const EgressPool& pool, bool is_v6, Usable usable) {
  std::vector<const EgressAddress*> candidates;
  for (const EgressAddress& address : pool.addresses) {
    if (address.ip.is_v6 == is_v6) candidates.push_back(&address);
  }
  const auto credit = [&](const EgressAddress* a) -> int64_t& {
    return credit_[{pool.name, a->text}];
  };
  int64_t total = 0;
  for (const EgressAddress* address : candidates) {
    credit(address) += address->weight;
    total += address->weight;
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const auto* a, const auto* b) { return credit(a) > credit(b); });
  for (const EgressAddress* address : candidates) {
    if (!usable(*address)) continue;
    credit(address) -= total;
    // One that is not usable for a while gathers no claim to all that comes later.
    for (const EgressAddress* other : candidates) {
      credit(other) = std::clamp(credit(other), -total, total);
    }
    return address;
  }
  for (const EgressAddress* address : candidates) credit(address) = 0;
  return nullptr;
}

}  // namespace barid::policy
