// From a destination to the addresses to try, in order: MX lookup, address lookups of all hosts in
// parallel, and the decisions of dns/mx.h over their answers.
// Source: RFC 5321 5.1; the name lookup rules of smtp(8).
// Layer:  dns. Shard-owned.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dns/destination.h"
#include "dns/mx.h"
#include "dns/resolver.h"
#include "dns/site.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/task.h"

namespace barid::dns {

/// The addresses of a host by other means than DNS queries (getaddrinfo on the offload pool).
class HostLookup {
 public:
  struct Found {
    AnswerStatus status = AnswerStatus::kServFail;
    std::vector<net::SocketAddress> addresses;  ///< port 0; filled if kOk
    std::string error_text;                     ///< the system's words, else empty
  };
  virtual ~HostLookup() = default;
  virtual rt::Task<Found> lookup(std::string host, Families families, MonoTime deadline) = 0;
};

/// smtp_host_lookup, with smtp_dns_support_level and disable_dns_lookups folded in.
enum class HostLookupOrder : uint8_t {
  kDns,            ///< MX and addresses by DNS
  kDnsNative,      ///< MX by DNS; a host that DNS does not know by the system's resolver
  kNativeAfterMx,  ///< MX by DNS, addresses by the system's resolver
  kNativeOnly,     ///< disable_dns_lookups: no MX, addresses by the system's resolver
};

struct RouteOptions {
  HostLookupOrder lookup = HostLookupOrder::kDns;
  HostLookup* native = nullptr;  ///< must be set unless kDns
  Families families = Families::kBoth;
  MxOptions mx;
  /// own_addresses: leave empty for LMTP. A destination with another port than `default_port` is
  /// never taken for ourselves.
  AddressOptions address;
  Rollup rollup = Rollup::kMx;
  uint16_t default_port = 25;
  std::string unix_directory;  ///< where relative unix: paths start
};

struct RouteResult {
  std::vector<RouteHop> hops;   ///< in the order of trying; empty on failure
  RouteFailure failure;         ///< if there are no hops
  std::string site;             ///< dns/site.h; set also on failure, from what is known
  std::chrono::seconds ttl{0};  ///< how long this may be reused; 0 for failures
  bool mx_secure = false;       ///< the MX answer was DNSSEC-validated
  bool found_self = false;      ///< fallback relays must not be used

  [[nodiscard]] bool ok() const noexcept { return !hops.empty(); }
};

/// Resolves one destination. Ends by `deadline`. `reactor`, `resolver` and `options` must outlive
/// the task. A unix socket or an address literal needs no lookup.
[[nodiscard]] rt::Task<RouteResult> resolve_route(rt::Reactor& reactor, Resolver& resolver,
                                                  Destination destination,
                                                  const RouteOptions& options, MonoTime deadline);

}  // namespace barid::dns
