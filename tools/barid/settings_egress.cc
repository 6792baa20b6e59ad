// Own addresses by pool, and who may name a pool.
#include <fmt/format.h>

#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

std::shared_ptr<const policy::EgressPools> egress_pools(const Configuration& configuration,
                                                        const lookup::OpenContext& context) {
  lookup::OpenContext own = context;
  std::vector<std::string> errors;
  own.errors = &errors;
  auto pools = std::make_shared<const policy::EgressPools>(configuration.get("egress_pool_maps"),
                                                           configuration.get("warmup_maps"), own);
  for (const std::string& error : errors) {
    const std::string name = error.substr(0, error.find(':'));
    context.error(configuration.global().place_of(name) + error);
  }
  return pools;
}

void check_pools(const Configuration& configuration, const policy::EgressPools& pools,
                 const policy::DestinationPolicy& rules,
                 const std::vector<TransportSettings>& transports, Problems* problems) {
  for (const policy::DestinationPolicy::PoolUse& use : rules.pool_uses()) {
    if (pools.find(use.pool) != nullptr) continue;
    problems->errors.push_back(fmt::format(
        "{}{}: there is no egress pool \"{}\"",
        configuration.global().place_of("destination_policy_maps"), use.place, use.pool));
  }
  for (const TransportSettings& transport : transports) {
    const std::string& pool = transport.limits.site.pool;
    if (pool.empty() || pools.find(pool) != nullptr) continue;
    problems->errors.push_back(fmt::format(
        "{}: there is no egress pool \"{}\"",
        transport_parameter_place(configuration, transport.name, "_egress_pool"), pool));
  }
}

}  // namespace barid::tools
