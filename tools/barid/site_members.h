// Which next hops belong to a site that an operator named: those in memory from the schedule, those
// that have mail on disk by asking where it would go now (the resolver's cache answers most).
// Layer: tools. Called on a shard's thread.
#pragma once

#include "shard/queue/message_filter.h"
#include "tools/barid/shard.h"

namespace barid::tools {

/// Does nothing without a site in the filter. At most kSiteLookupsMax next hops that are only on
/// disk are asked for, for at most kSiteLookupPatience.
rt::Task<void> add_site_members(Shard::Inside& inside, queue::MessageFilter* filter);

inline constexpr size_t kSiteLookupsMax = 50'000;
inline constexpr Duration kSiteLookupPatience = std::chrono::seconds(20);

}  // namespace barid::tools
