// Address lists over any text: no crash, same answer twice, and a mapped address is its IPv4
// address.
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/lookup/match_list.h"

// Input: an address, a newline, the list.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barid::lookup;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t newline = bytes.find('\n');
  const std::string_view address_text = bytes.substr(0, newline);
  const std::string_view items =
      newline == std::string_view::npos ? std::string_view{} : bytes.substr(newline + 1);
  const auto parsed = IpAddress::parse(address_text);
  const IpAddress address = parsed.value_or(IpAddress::v4(0x7f000001));
  BARID_ASSERT(IpAddress::parse(address.text()) == address);

  const AddressList list("fuzz", items, Subdomains::kParent, OpenContext{});
  const MatchResult first = list.match(address, "host.example");
  BARID_ASSERT(list.match(address, "host.example").match == first.match);
  if (!address.is_v6) {
    const IpAddress mapped{.high = 0, .low = 0xffff00000000 | address.low, .is_v6 = true};
    BARID_ASSERT(list.match(mapped, "host.example").match == first.match);
  }
  return 0;
}
