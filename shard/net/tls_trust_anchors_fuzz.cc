// Any bytes as a file of trust anchors: either there is a problem, or anchors that OpenSSL takes.
#include <cstdint>
#include <cstdlib>

#include "shard/net/tls_trust_anchors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const barid::net::TrustAnchors found =
      barid::net::parse_trust_anchors({reinterpret_cast<const char*>(data), size});
  if (found.problem.empty() == found.anchors.empty()) std::abort();
  if (found.anchors.size() > barid::net::kTrustAnchorsMax) std::abort();
  for (const barid::net::TlsaData& anchor : found.anchors) {
    if (anchor.usage != 2 || anchor.matching_type != 0 || anchor.data.empty()) std::abort();
  }
  return 0;
}
