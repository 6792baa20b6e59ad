// Which site a next hop belongs to, from MX records alone: asked before a delivery has a slot, so
// it costs one lookup at most, which the delivery itself then finds in the cache, and never fails.
// Source: RFC 5321 5.1 (MX). Layer: dns. Shard-owned; decide_site() is pure.
#pragma once

#include <span>
#include <string>

#include "core/base/time.h"
#include "dns/destination.h"
#include "dns/resolver.h"
#include "dns/router.h"
#include "shard/runtime/task.h"

namespace barid::dns {

struct SiteAnswer {
  std::string key;  ///< dns/site.h; for a list, the sites of its items separated by blanks
  Duration ttl{};   ///< ask again after this; within kSiteTtlMin and kSiteTtlMax
  bool operator==(const SiteAnswer&) const = default;
};

inline constexpr Duration kSiteTtlMin = std::chrono::seconds(30);
inline constexpr Duration kSiteTtlMax = std::chrono::hours(1);

/// True if the site of `destination` depends on its MX records.
[[nodiscard]] bool site_needs_mx(const Destination& destination, const RouteOptions& options);

/// `mx` is the answer, or null if none was asked for. Without usable MX hosts, for whatever reason,
/// the destination is its own site: after a failure for kSiteTtlMin only.
[[nodiscard]] SiteAnswer decide_site(const Destination& destination, const Answer* mx,
                                     const RouteOptions& options);

/// The site of what is tried in order: one destination, or a list as in relayhost. Ends by
/// `deadline`. `resolver`, `destinations` and `options` must outlive the task.
[[nodiscard]] rt::Task<SiteAnswer> resolve_site(Resolver& resolver,
                                                std::span<const Destination> destinations,
                                                const RouteOptions& options, MonoTime deadline);

/// The same for a next hop as configured. One that does not parse is its own site.
[[nodiscard]] rt::Task<SiteAnswer> resolve_site(Resolver& resolver, std::string nexthop,
                                                DestinationDefaults defaults,
                                                const RouteOptions& options, MonoTime deadline);

}  // namespace barid::dns
