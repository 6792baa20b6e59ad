// Which TLS versions a setting allows: the syntax of smtpd_tls_protocols and its kin.
// Source: postconf(5): ">=TLSv1.2, <=TLSv1.3", "!SSLv2, !TLSv1", or the versions themselves.
// Layer:  shard/net, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::net {

/// Bits of a TlsVersions; SSLv2 and SSLv3 are names that are known and never allowed.
enum TlsVersion : uint8_t { kTls10 = 1, kTls11 = 2, kTls12 = 4, kTls13 = 8 };

struct TlsVersions {
  uint8_t allowed = kTls12 | kTls13;  ///< TlsVersion bits
  std::string error;                  ///< what cannot be understood; empty = fine

  [[nodiscard]] bool allows(TlsVersion version) const noexcept { return (allowed & version) != 0; }
};

/// Items are separated by blanks, commas or colons. An empty list allows all. A list of which
/// nothing remains is an error.
[[nodiscard]] TlsVersions parse_tls_versions(std::string_view list);

}  // namespace barid::net
