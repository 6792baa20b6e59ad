// Egress pools: named sets of own addresses from which mail leaves, with weights and warm-up plans.
//
//   egress_pool_maps = inline:{ { news = 192.0.2.1=3 192.0.2.2 2001:db8::5 } }
//   warmup_maps = inline:{ { 192.0.2.2 = start=2026-01-01 50 100 200 400 } }
//
// Of the addresses of the server's family each gets connections by its weight (1 unless given). An
// address whose plan of the day is used up for a site gets none there.
// Layer: policy. EgressPools: pure, an immutable snapshot per configuration; EgressTurns:
// shard-owned.
#pragma once

#include <absl/functional/function_ref.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/table_list.h"
#include "policy/warmup_plan.h"

namespace barid::policy {

inline constexpr uint32_t kEgressWeightMax = 1000;

struct EgressAddress {
  lookup::IpAddress ip;
  std::string text;
  uint32_t weight = 1;
  std::optional<WarmupPlan> plan;
};

struct EgressPool {
  std::string name;
  std::vector<EgressAddress> addresses;

  [[nodiscard]] bool has_family(bool is_v6) const noexcept;
};

class EgressPools {
 public:
  EgressPools() = default;
  /// From the values of egress_pool_maps and warmup_maps. What is wrong with an entry is an error
  /// of `context`.
  EgressPools(std::string_view pool_maps, std::string_view warmup_maps,
              const lookup::OpenContext& context);

  /// Null if there is none of that name.
  [[nodiscard]] const EgressPool* find(std::string_view name) const noexcept;
  /// Sorted.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  void add_pool(const lookup::TableEntry& entry, const lookup::OpenContext& context);
  void add_plan(const lookup::TableEntry& entry, const lookup::OpenContext& context);

  std::map<std::string, EgressPool, std::less<>> pools_;
};

/// Whose turn it is: weighted round robin, so that any stretch of connections is spread evenly.
class EgressTurns {
 public:
  using Usable = absl::FunctionRef<bool(const EgressAddress&)>;
  /// Null if no address of that family is usable. `usable` is asked for each, in turn.
  const EgressAddress* next(const EgressPool& pool, bool is_v6, Usable usable);

 private:
  std::map<std::pair<std::string, std::string>, int64_t> credit_;  // by pool and address
};

}  // namespace barid::policy
