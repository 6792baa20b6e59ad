// What DNS answers mean for a delivery: which hosts, which addresses in which order, or which
// failure. Source: RFC 5321 5.1 (MX, implicit MX, loops), RFC 7505 (null MX), RFC 3463 (status
// codes);
//         the order and limits of smtp(8), its failure texts verbatim.
// Layer:  dns, pure: randomness is an argument.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.h"
#include "core/mail/envelope.h"
#include "dns/resolver.h"
#include "shard/net/socket_address.h"

namespace barid::dns {

/// inet_protocols, as far as lookups go.
enum class Families : uint8_t { kBoth, kV4Only, kV6Only };
/// smtp_address_preference
enum class AddressPreference : uint8_t { kAny, kV4, kV6 };

/// Why there is no route. dsn.klass is 4 (defer) or 5 (bounce).
struct RouteFailure {
  DsnCode dsn;
  std::string text;
  [[nodiscard]] bool permanent() const noexcept { return dsn.klass == 5; }
  bool operator==(const RouteFailure&) const = default;
};

/// The failure that a lookup of `name` ending with `status` (not kOk) means.
[[nodiscard]] RouteFailure lookup_failure(std::string_view name, RecordType type,
                                          AnswerStatus status);
/// `name` is nothing that could be looked up: 5.4.4.
[[nodiscard]] RouteFailure invalid_name_failure(std::string_view name);

struct MxOptions {
  bool ignore_lookup_error =
      false;                ///< ignore_mx_lookup_error: then the domain's own address counts
  uint32_t hosts_max = 20;  ///< the best ones; bounds what one domain makes us look up
};

struct MxDecision {
  enum class Kind : uint8_t {
    kHosts,     ///< `hosts`, best preference first
    kImplicit,  ///< no MX: the domain itself is the host, preference 0 (RFC 5321 5.1)
    kFail,
  };
  Kind kind = Kind::kFail;
  std::vector<MxRecord> hosts;
  RouteFailure failure;
};

[[nodiscard]] MxDecision decide_mx(std::string_view domain, const Answer& answer,
                                   const MxOptions& options);

/// The addresses found for one host, or why there are none.
struct HostAddresses {
  std::string host;
  uint16_t preference = 0;
  bool secure = false;                        ///< DNSSEC-validated
  std::vector<net::SocketAddress> addresses;  ///< with the destination's port
  RouteFailure failure;                       ///< meaningful only without addresses
  std::string canonical = {};                 ///< where CNAMEs of the host led; empty = none
};

/// Joins the answers for both families; null for one that was not asked for. Addresses of either
/// suffice; without any, a temporary failure wins over a permanent one.
[[nodiscard]] HostAddresses join_families(std::string_view host, const Answer* v4,
                                          const Answer* v6);

struct AddressOptions {
  AddressPreference preference = AddressPreference::kAny;
  bool randomize = true;             ///< smtp_randomize_addresses: shuffle equal preference
  bool balance_families = true;      ///< smtp_balance_inet_protocols: keep both within the limit
  uint32_t addresses_max = 5;        ///< smtp_mx_address_limit; 0 = all
  bool defer_if_no_address = false;  ///< smtp_defer_if_no_mx_address_found
  /// Our own addresses (ports do not matter); empty = no loop detection.
  std::span<const net::SocketAddress> own_addresses;
};

/// One address to try.
struct RouteHop {
  std::string host;
  net::SocketAddress address;
  uint16_t preference = 0;
  bool secure = false;
  std::string canonical = {};  ///< where CNAMEs of the host led; empty = none
  bool operator==(const RouteHop&) const = default;
};

struct AddressDecision {
  std::vector<RouteHop> hops;  ///< in the order of trying; empty on failure
  RouteFailure failure;
  bool found_self = false;  ///< one of the addresses is our own: no fallback relay (5.4.6, 4.4.4)
};

/// `hosts` are all hosts of `domain`, best preference first, with or without addresses.
[[nodiscard]] AddressDecision decide_addresses(std::string_view domain,
                                               std::span<const HostAddresses> hosts,
                                               const AddressOptions& options, Rng& rng);

}  // namespace barid::dns
