// Sites: destinations that end at the same mail hosts share one concurrency window, one rate and
// one health status, whatever their domains are called. Layer: dns, pure; callable from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dns/destination.h"
#include "dns/resolver.h"

namespace barid::dns {

/// destination_rollup
enum class Rollup : uint8_t {
  kMx,      ///< all destinations with the same set of MX hosts
  kDomain,  ///< each next hop by itself, as Postfix does
};

/// The site of `destination`, whose MX hosts are `hosts` (empty: it has none, or none is looked
/// up). A set: order, preference, case, trailing dots and repetitions do not matter. A port other
/// than `default_port` is part of the key, because another server answers there.
/// "mx1.example.org,mx2.example.org", "relay.example.org:587", "[2001:db8::1]:587",
/// "unix:private/lmtp".
[[nodiscard]] std::string site_key(const Destination& destination, std::span<const MxRecord> hosts,
                                   Rollup rollup, uint16_t default_port);

}  // namespace barid::dns
