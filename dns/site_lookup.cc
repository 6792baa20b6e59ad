#include "dns/site_lookup.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid::dns {

bool site_needs_mx(const Destination& destination, const RouteOptions& options) {
  return destination.kind == DestinationKind::kDomain && options.rollup == Rollup::kMx &&
         options.lookup != HostLookupOrder::kNativeOnly;
}

SiteAnswer decide_site(const Destination& destination, const Answer* mx,
                       const RouteOptions& options) {
  SiteAnswer site{.key = {}, .ttl = kSiteTtlMax};
  MxDecision decision;
  if (mx != nullptr) {
    decision = decide_mx(destination.name, *mx, options.mx);
    const bool known = mx->status == AnswerStatus::kOk || mx->status == AnswerStatus::kNoData ||
                       mx->status == AnswerStatus::kNxDomain;
    site.ttl = known ? std::clamp<Duration>(mx->ttl, kSiteTtlMin, kSiteTtlMax) : kSiteTtlMin;
  }
  site.key = site_key(destination, decision.hosts, options.rollup, options.default_port);
  return site;
}

rt::Task<SiteAnswer> resolve_site(Resolver& resolver, std::span<const Destination> destinations,
                                  const RouteOptions& options, MonoTime deadline) {
  BARID_ASSERT(!destinations.empty());
  SiteAnswer joined{.key = {}, .ttl = kSiteTtlMax};
  for (const Destination& destination : destinations) {
    SiteAnswer site;
    if (site_needs_mx(destination, options)) {
      std::string domain = destination.name;
      const Answer answer = co_await resolver.query(std::move(domain), RecordType::kMx, deadline);
      site = decide_site(destination, &answer, options);
    } else {
      site = decide_site(destination, nullptr, options);
    }
    if (!joined.key.empty()) joined.key += ' ';
    joined.key += site.key;
    joined.ttl = std::min(joined.ttl, site.ttl);
  }
  co_return joined;
}

rt::Task<SiteAnswer> resolve_site(Resolver& resolver, std::string nexthop,
                                  DestinationDefaults defaults, const RouteOptions& options,
                                  MonoTime deadline) {
  const ParsedDestinations parsed = parse_destinations(nexthop, defaults);
  if (parsed.destinations.empty()) {
    co_return SiteAnswer{.key = std::move(nexthop), .ttl = kSiteTtlMax};
  }
  co_return co_await resolve_site(resolver, parsed.destinations, options, deadline);
}

}  // namespace barid::dns
