#include "dns/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "core/base/assert.h"
#include "dns/name.h"
#include "shard/runtime/scope.h"

namespace barid::dns {
namespace {

using net::SocketAddress;

/// An address that comes with its name needs no one to say how long it lives.
constexpr std::chrono::seconds kStaticTtl{3600};
/// getaddrinfo tells no TTL; /etc/hosts may change at any time.
constexpr std::chrono::seconds kNativeTtl{60};

/// What is being found out about one host. Pinned while lookups write into it.
struct HostWork {
  std::string host;
  uint16_t preference = 0;
  Answer v4 = answer_of(AnswerStatus::kTimeout);
  Answer v6 = answer_of(AnswerStatus::kTimeout);
  HostAddresses found;
  std::chrono::seconds ttl{0};
};

/// One call of resolve_route.
struct RouteJob {
  rt::Reactor& reactor;
  Resolver& resolver;
  const RouteOptions& options;
  const MonoTime deadline;
  const uint16_t port;
  std::deque<HostWork> hosts;  // a deque: elements stay in place
};

rt::Task<void> ask_address(RouteJob& job, std::string host, RecordType type, Answer& out) {
  out = co_await job.resolver.query(std::move(host), type, job.deadline);
}

std::chrono::seconds least_ttl(const Answer* v4, const Answer* v6) {
  std::chrono::seconds ttl = kStaticTtl;
  for (const Answer* answer : {v4, v6}) {
    if (answer == nullptr) continue;
    // A negative answer without SOA has no TTL (RFC 2308 5); the other family's then decides.
    const bool counts = answer->status == AnswerStatus::kOk || answer->ttl > ttl.zero();
    if (counts) ttl = std::min(ttl, answer->ttl);
  }
  return ttl;
}

rt::Task<void> ask_native(RouteJob& job, HostWork& work) {
  std::string host = work.host;
  const HostLookup::Found found =
      co_await job.options.native->lookup(std::move(host), job.options.families, job.deadline);
  work.found = HostAddresses{.host = work.host,
                             .preference = 0,
                             .secure = false,
                             .addresses = found.addresses,
                             .failure = {}};
  work.ttl = kNativeTtl;
  if (!found.addresses.empty()) co_return;
  const std::string_view reason = found.error_text.empty() ? answer_status_name(found.status)
                                                           : std::string_view(found.error_text);
  const bool temporary = is_temporary(found.status) || found.status == AnswerStatus::kOk;
  work.found.failure = RouteFailure{
      DsnCode{static_cast<uint8_t>(temporary ? 4 : 5), 4, static_cast<uint16_t>(temporary ? 3 : 4)},
      fmt::format("unable to look up host {}: {}", work.host, reason)};
}

bool needs_lookup(const HostWork& work) noexcept {
  return work.found.addresses.empty() && work.found.failure.text.empty();
}

/// Settles hosts that are literals or cannot be looked up at all.
void settle_without_lookup(RouteJob& job) {
  for (HostWork& work : job.hosts) {
    work.ttl = kStaticTtl;
    work.found.host = work.host;
    if (const auto literal = SocketAddress::from_ip(work.host, 0)) {
      work.found.addresses.push_back(*literal);
    } else if (!is_host_name(work.host)) {
      work.found.failure = invalid_name_failure(work.host);
    }
  }
}

rt::Task<void> find_by_dns(RouteJob& job) {
  const bool ask_v4 = job.options.families != Families::kV6Only;
  const bool ask_v6 = job.options.families != Families::kV4Only;
  rt::Scope scope(job.reactor);
  for (HostWork& work : job.hosts) {
    if (!needs_lookup(work)) continue;
    if (ask_v4) scope.spawn(ask_address(job, work.host, RecordType::kA, work.v4));
    if (ask_v6) scope.spawn(ask_address(job, work.host, RecordType::kAaaa, work.v6));
  }
  // Every query ends by its own deadline, so that this join always comes back with kOk.
  const Code joined = co_await scope.join(MonoTime::max());
  BARID_ASSERT(joined == Code::kOk);
  for (HostWork& work : job.hosts) {
    if (!needs_lookup(work)) continue;
    const Answer* v4 = ask_v4 ? &work.v4 : nullptr;
    const Answer* v6 = ask_v6 ? &work.v6 : nullptr;
    work.found = join_families(work.host, v4, v6);
    work.ttl = least_ttl(v4, v6);
  }
}

rt::Task<void> find_by_system(RouteJob& job) {
  BARID_ASSERT(job.options.native != nullptr);
  rt::Scope scope(job.reactor);
  for (HostWork& work : job.hosts) {
    if (needs_lookup(work)) scope.spawn(ask_native(job, work));
  }
  const Code joined = co_await scope.join(MonoTime::max());
  BARID_ASSERT(joined == Code::kOk);
}

rt::Task<void> find_addresses(RouteJob& job) {
  settle_without_lookup(job);
  const HostLookupOrder order = job.options.lookup;
  if (order == HostLookupOrder::kDns || order == HostLookupOrder::kDnsNative) {
    co_await find_by_dns(job);
  }
  if (order == HostLookupOrder::kDnsNative) {
    for (HostWork& work : job.hosts) {  // known to be absent from DNS: the system may know it
      const bool absent = work.found.addresses.empty() && work.found.failure.permanent();
      if (absent && is_host_name(work.host)) work.found.failure = {};
    }
  }
  if (order != HostLookupOrder::kDns) co_await find_by_system(job);
}

/// Turns what was found into the route's hops or failure.
void conclude(RouteJob& job, std::string_view domain, RouteResult& result) {
  std::vector<HostAddresses> hosts;
  hosts.reserve(job.hosts.size());
  for (HostWork& work : job.hosts) {
    result.ttl = std::min(result.ttl, work.ttl);
    work.found.preference = work.preference;
    for (SocketAddress& address : work.found.addresses) address.set_port(job.port);
    hosts.push_back(std::move(work.found));
  }
  AddressOptions options = job.options.address;
  if (job.port != job.options.default_port) options.own_addresses = {};
  AddressDecision decision = decide_addresses(domain, hosts, options, job.reactor.rng());
  result.found_self = decision.found_self;
  result.hops = std::move(decision.hops);
  result.failure = std::move(decision.failure);
  if (result.hops.empty()) result.ttl = std::chrono::seconds::zero();
}

RouteResult unix_route(const Destination& destination, const RouteOptions& options) {
  RouteResult result;
  result.site = site_key(destination, {}, options.rollup, options.default_port);
  const std::string path = destination.name.starts_with('/')
                               ? destination.name
                               : options.unix_directory + '/' + destination.name;
  const auto address = SocketAddress::from_unix_path(path);
  if (!address) {
    result.failure = {DsnCode{4, 3, 5}, fmt::format("the socket path {} is too long", path)};
    return result;
  }
  result.hops.push_back(
      {.host = destination.name, .address = *address, .preference = 0, .secure = false});
  result.ttl = kStaticTtl;
  return result;
}

}  // namespace

rt::Task<RouteResult> resolve_route(rt::Reactor& reactor, Resolver& resolver,
                                    Destination destination, const RouteOptions& options,
                                    MonoTime deadline) {
  BARID_ASSERT(options.native != nullptr || options.lookup == HostLookupOrder::kDns);
  if (destination.kind == DestinationKind::kUnix) co_return unix_route(destination, options);

  RouteJob job{reactor, resolver, options, deadline, destination.port, {}};
  RouteResult result;
  result.ttl = kStaticTtl * 24;
  result.site = site_key(destination, {}, options.rollup, options.default_port);
  const bool ask_mx = destination.kind == DestinationKind::kDomain &&
                      options.lookup != HostLookupOrder::kNativeOnly;
  if (ask_mx) {
    std::string domain = destination.name;
    const Answer answer = co_await resolver.query(std::move(domain), RecordType::kMx, deadline);
    const MxDecision decision = decide_mx(destination.name, answer, options.mx);
    if (decision.kind == MxDecision::Kind::kFail) {
      result.failure = decision.failure;
      result.ttl = std::chrono::seconds::zero();
      co_return result;
    }
    result.site = site_key(destination, decision.hosts, options.rollup, options.default_port);
    result.mx_secure = answer.validation == Validation::kSecure;
    result.ttl = std::min(result.ttl, answer.ttl);
    for (const MxRecord& record : decision.hosts) {
      job.hosts.push_back(HostWork{.host = record.host, .preference = record.preference});
    }
  }
  if (job.hosts.empty()) job.hosts.push_back(HostWork{.host = destination.name});
  co_await find_addresses(job);
  conclude(job, destination.name, result);
  co_return result;
}

}  // namespace barid::dns
