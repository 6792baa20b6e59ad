#include "dns/mx.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::dns {
namespace {

using net::SocketAddress;

constexpr DsnCode kHostNotFound{5, 4, 4};
constexpr DsnCode kLookupLater{4, 4, 3};
constexpr DsnCode kNullMx{5, 1, 0};
constexpr DsnCode kLoop{5, 4, 6};
constexpr DsnCode kPrimaryUnreachable{4, 4, 4};

std::string_view reason_of(AnswerStatus status) noexcept {
  switch (status) {
    case AnswerStatus::kNxDomain:
      return "Host not found";
    case AnswerStatus::kNoData:
      return "Host found but no data record of requested type";
    case AnswerStatus::kExhausted:
      return "Too many lookups in progress, try again";
    case AnswerStatus::kCancelled:
      return "Lookup cancelled, try again";
    case AnswerStatus::kServFail:
    case AnswerStatus::kTimeout:
    case AnswerStatus::kBogus:
      return "Host not found, try again";
    case AnswerStatus::kMalformed:
      return "Malformed or unexpected name server reply";
    case AnswerStatus::kOk:
      break;
  }
  BARID_ASSERT(false);
  return {};
}

bool is_mail_host(std::string_view name) noexcept {
  // An address where a name belongs breaks RFC 1035 3.3.9, but is common and can be delivered to.
  return is_host_name(name) || SocketAddress::from_ip(name, 0).has_value();
}

MxDecision fail(RouteFailure failure) {
  return MxDecision{.kind = MxDecision::Kind::kFail, .hosts = {}, .failure = std::move(failure)};
}

MxDecision decide_hosts(std::string_view domain, const Answer& answer, const MxOptions& options) {
  MxDecision decision{.kind = MxDecision::Kind::kHosts, .hosts = {}, .failure = {}};
  bool null_mx = false;
  for (const MxRecord& record : answer.mx) {
    if (record.host.empty()) null_mx = true;
    if (is_mail_host(record.host)) decision.hosts.push_back(record);
  }
  if (decision.hosts.empty() && null_mx) {
    return fail({kNullMx, fmt::format("Domain {} does not accept mail (nullMX)", domain)});
  }
  if (decision.hosts.empty()) {
    return fail(lookup_failure(domain, RecordType::kMx, AnswerStatus::kMalformed));
  }
  std::stable_sort(
      decision.hosts.begin(), decision.hosts.end(),
      [](const MxRecord& a, const MxRecord& b) { return a.preference < b.preference; });
  if (decision.hosts.size() > options.hosts_max) decision.hosts.resize(options.hosts_max);
  return decision;
}

bool same_ip(SocketAddress a, SocketAddress b) noexcept {
  a.set_port(0);
  b.set_port(0);
  return a == b;
}

bool is_own(const SocketAddress& address, std::span<const SocketAddress> own) noexcept {
  return std::any_of(own.begin(), own.end(),
                     [&](const SocketAddress& mine) { return same_ip(address, mine); });
}

std::vector<RouteHop> flatten(std::span<const HostAddresses> hosts) {
  std::vector<RouteHop> hops;
  for (const HostAddresses& host : hosts) {
    for (const SocketAddress& address : host.addresses) {
      hops.push_back({host.host, address, host.preference, host.secure, host.canonical});
    }
  }
  return hops;
}

/// No host has an address: a temporary failure among them wins, because a retry may still succeed.
RouteFailure no_address_failure(std::span<const HostAddresses> hosts, bool defer) {
  BARID_ASSERT(!hosts.empty());
  RouteFailure failure = hosts.back().failure;
  for (const HostAddresses& host : hosts) {
    if (!host.failure.permanent()) failure = host.failure;
  }
  if (defer) failure.dsn.klass = 4;
  return failure;
}

/// Drops our own address and everything that is not better (RFC 5321 5.1): whoever is listed after
/// us would hand the mail back. False if nothing is left.
bool drop_own(std::string_view domain, uint16_t best_preference, std::span<const SocketAddress> own,
              AddressDecision& decision) {
  std::vector<RouteHop>& hops = decision.hops;
  const auto self = std::find_if(hops.begin(), hops.end(),
                                 [&](const RouteHop& hop) { return is_own(hop.address, own); });
  if (self == hops.end()) return true;
  decision.found_self = true;
  const uint16_t own_preference = self->preference;
  const uint16_t best_found = hops.front().preference;
  std::erase_if(hops, [&](const RouteHop& hop) { return hop.preference >= own_preference; });
  if (!hops.empty()) return true;
  decision.failure =
      best_preference != best_found
          ? RouteFailure{kPrimaryUnreachable,
                         fmt::format("unable to find primary relay for {}", domain)}
          : RouteFailure{kLoop, fmt::format("mail for {} loops back to myself", domain)};
  return false;
}

void shuffle(std::vector<RouteHop>& hops, Rng& rng) {
  for (size_t i = hops.size(); i > 1; --i) std::swap(hops[i - 1], hops[rng.below(i)]);
}

void sort_hops(std::vector<RouteHop>& hops, AddressPreference preference) {
  const auto family_rank = [preference](const RouteHop& hop) {
    if (preference == AddressPreference::kAny) return 0;
    const int wanted = preference == AddressPreference::kV4 ? AF_INET : AF_INET6;
    return hop.address.family() == wanted ? 0 : 1;
  };
  std::stable_sort(hops.begin(), hops.end(), [&](const RouteHop& a, const RouteHop& b) {
    if (a.preference != b.preference) return a.preference < b.preference;
    return family_rank(a) < family_rank(b);
  });
}

/// Keeps at most `limit` hops, half of each family as far as there are as many; the odd one goes to
/// the family that comes first. The order stays.
void balance(std::vector<RouteHop>& hops, size_t limit) {
  const auto is_v4 = [](const RouteHop& hop) { return hop.address.family() == AF_INET; };
  const auto v4_count = static_cast<size_t>(std::count_if(hops.begin(), hops.end(), is_v4));
  const size_t v6_count = hops.size() - v4_count;
  if (v4_count == 0 || v6_count == 0 || hops.size() <= limit) return;
  size_t v4_left = is_v4(hops.front()) ? (limit + 1) / 2 : limit / 2;
  size_t v6_left = limit - v4_left;
  if (v4_left > v4_count) v4_left = v4_count, v6_left = limit - v4_count;
  if (v6_left > v6_count) v6_left = v6_count, v4_left = limit - v6_count;
  std::erase_if(hops, [&](const RouteHop& hop) {
    size_t& left = is_v4(hop) ? v4_left : v6_left;
    if (left == 0) return true;
    --left;
    return false;
  });
}

}  // namespace

RouteFailure lookup_failure(std::string_view name, RecordType type, AnswerStatus status) {
  const bool lost_in_reply = status == AnswerStatus::kMalformed;
  return RouteFailure{is_temporary(status) ? kLookupLater : kHostNotFound,
                      fmt::format("{}Name service error for name={} type={}: {}",
                                  lost_in_reply ? "" : "Host or domain name not found. ", name,
                                  record_type_name(type), reason_of(status))};
}

RouteFailure invalid_name_failure(std::string_view name) {
  return RouteFailure{kHostNotFound, fmt::format("Name service error for {}: invalid host or "
                                                 "domain name",
                                                 name)};
}

MxDecision decide_mx(std::string_view domain, const Answer& answer, const MxOptions& options) {
  switch (answer.status) {
    case AnswerStatus::kOk:
      return decide_hosts(domain, answer, options);
    case AnswerStatus::kNoData:
    case AnswerStatus::kNxDomain:  // the address lookup has the last word, and its text is
                                   // Postfix's
      return MxDecision{.kind = MxDecision::Kind::kImplicit, .hosts = {}, .failure = {}};
    case AnswerStatus::kServFail:
    case AnswerStatus::kTimeout:
    case AnswerStatus::kMalformed:
    case AnswerStatus::kBogus:
    case AnswerStatus::kExhausted:
    case AnswerStatus::kCancelled:
      break;
  }
  if (options.ignore_lookup_error) {
    return MxDecision{.kind = MxDecision::Kind::kImplicit, .hosts = {}, .failure = {}};
  }
  return fail(lookup_failure(domain, RecordType::kMx, answer.status));
}

HostAddresses join_families(std::string_view host, const Answer* v4, const Answer* v6) {
  BARID_ASSERT(v4 != nullptr || v6 != nullptr);
  HostAddresses joined{
      .host = std::string(host), .preference = 0, .secure = true, .addresses = {}, .failure = {}};
  bool temporary = false;
  const auto join = [&](const Answer* answer, RecordType type) {
    if (answer == nullptr) return;
    if (answer->status == AnswerStatus::kOk) {
      joined.addresses.insert(joined.addresses.end(), answer->addresses.begin(),
                              answer->addresses.end());
      joined.secure = joined.secure && answer->validation == Validation::kSecure;
      if (!text::equals_ignore_case(answer->canonical_name, host)) {
        joined.canonical = answer->canonical_name;
      }
    } else if (!temporary) {
      joined.failure = lookup_failure(host, type, answer->status);
      temporary = is_temporary(answer->status);
    }
  };
  join(v4, RecordType::kA);
  join(v6, RecordType::kAaaa);
  if (!joined.addresses.empty()) joined.failure = {};
  joined.secure = joined.secure && !joined.addresses.empty();
  return joined;
}

AddressDecision decide_addresses(std::string_view domain, std::span<const HostAddresses> hosts,
                                 const AddressOptions& options, Rng& rng) {
  BARID_ASSERT(!hosts.empty());
  AddressDecision decision{.hops = flatten(hosts), .failure = {}, .found_self = false};
  if (decision.hops.empty()) {
    decision.failure = no_address_failure(hosts, options.defer_if_no_address);
    return decision;
  }
  if (!drop_own(domain, hosts.front().preference, options.own_addresses, decision)) return decision;
  if (options.randomize) shuffle(decision.hops, rng);
  sort_hops(decision.hops, options.preference);
  if (options.addresses_max == 0) return decision;
  if (options.balance_families) balance(decision.hops, options.addresses_max);
  if (decision.hops.size() > options.addresses_max) decision.hops.resize(options.addresses_max);
  return decision;
}

}  // namespace barid::dns
