// Trust anchors from a file: certificates and public keys that a server's chain must lead to,
// whoever else is trusted.
// Source: postconf(5): smtp_tls_trust_anchor_file, and tafile= of smtp_tls_policy_maps. They are
//         checked as TLSA records of usage 2 with full data are (RFC 7671 5.2).
// Layer:  shard/net, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shard/net/tls_client_context.h"

namespace barid::net {

inline constexpr size_t kTrustAnchorsMax = 100;  ///< of one file; a certificate makes two

struct TrustAnchors {
  std::vector<TlsaData> anchors;
  std::string problem;  ///< not empty: what is wrong, without the file's name
};

/// Reads PEM text: certificates and public keys, nothing else.
[[nodiscard]] TrustAnchors parse_trust_anchors(std::string_view pem);

}  // namespace barid::net
