#include "http/webhook/address_policy.h"

#include <algorithm>
#include <array>

#include "core/lookup/split.h"

namespace barid::http {
namespace {

using lookup::IpAddress;
using lookup::IpNetwork;

/// Nobody on the internet is reached there.
constexpr std::array kPrivate = {
    "0.0.0.0/8",     "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",   "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4",
    "240.0.0.0/4",   "[::]/127",     "[100::]/64",     "[fc00::]/7",    "[fe80::]/10",
    "[fec0::]/10",   "[ff00::]/8"};

const std::vector<IpNetwork>& private_networks() {
  static const std::vector<IpNetwork> networks = [] {
    std::vector<IpNetwork> list;
    for (const char* text : kPrivate) list.push_back(*lookup::parse_network(text).network);
    return list;
  }();
  return networks;
}

bool is_in(const std::vector<IpNetwork>& networks, const IpAddress& address) noexcept {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

/// The IPv4 address that packets to an IPv6 one end at; else the address itself.
IpAddress inner(const IpAddress& address) noexcept {
  if (!address.is_v6) return address;
  const bool is_nat64 = address.high == 0x0064'ff9b'0000'0000 && address.low >> 32 == 0;
  if (is_nat64) return IpAddress::v4(static_cast<uint32_t>(address.low));
  const bool is_6to4 = address.high >> 48 == 0x2002;
  if (is_6to4) return IpAddress::v4(static_cast<uint32_t>(address.high >> 16));
  return address.unmapped();
}

}  // namespace

AddressPolicy AddressPolicy::parse(std::string_view list, std::string* problem) {
  std::vector<IpNetwork> networks;
  for (const std::string_view word : lookup::split_list(list)) {
    const lookup::ParsedNetwork parsed = lookup::parse_network(word);
    if (parsed.network) {
      networks.push_back(*parsed.network);
    } else {
      *problem = std::string(word) + ": " + parsed.error;
    }
  }
  return AddressPolicy(std::move(networks));
}

bool AddressPolicy::allows(const IpAddress& address) const noexcept {
  const IpAddress target = inner(address);
  if (is_in(allowed_, address) || is_in(allowed_, target)) return true;
  return !is_in(private_networks(), address) && !is_in(private_networks(), target);
}

}  // namespace barid::http
