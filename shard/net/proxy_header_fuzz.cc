// Any bytes: the answer never depends on what follows a header, a prefix of one is never refused,
// and what is consumed is within bounds.
#include <cstdint>

#include "shard/net/proxy_header.h"

namespace barid::net {
namespace {

void check(std::string_view input) {
  ProxyHeader header;
  size_t consumed = 0;
  const ProxyParse parsed = parse_proxy_header(input, &header, &consumed);
  if (parsed != ProxyParse::kDone) return;
  BARID_ASSERT(consumed > 0 && consumed <= input.size() && consumed <= kProxyHeaderBytesMax);
  if (!header.is_local) BARID_ASSERT(header.source.is_ip());
  for (size_t length = 0; length <= consumed; ++length) {
    ProxyHeader again;
    size_t used = 0;
    const ProxyParse part = parse_proxy_header(input.substr(0, length), &again, &used);
    BARID_ASSERT(part == (length == consumed ? ProxyParse::kDone : ProxyParse::kNeedMore));
  }
}

}  // namespace
}  // namespace barid::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  barid::net::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
