// Whether a name in a certificate is the one that was wanted.
// Source: RFC 6125 6.4 (wildcards), RFC 8461 4.1; postconf(5): smtp_tls_verify_cert_match.
// Layer:  shard/net, pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace barid::net {

enum class Wildcards : uint8_t { kOneLabel, kManyLabels };

/// `presented`: a DNS name of a certificate, perhaps "*.example.com". `wanted`: a host name, or
/// ".example.com" for every name below example.com. Case and a trailing dot do not matter.
[[nodiscard]] bool names_match(std::string_view presented, std::string_view wanted,
                               Wildcards wildcards) noexcept;

}  // namespace barid::net
