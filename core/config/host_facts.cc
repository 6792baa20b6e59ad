#include "core/config/host_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "core/lookup/split.h"

namespace barid::config {
namespace {

using lookup::IpAddress;
using lookup::IpNetwork;

/// Which families `inet_protocols` switches on.
struct Families {
  bool v4 = false;
  bool v6 = false;
  [[nodiscard]] bool has(const IpAddress& address) const noexcept {
    return address.is_v6 ? v6 : v4;
  }
};

Families families_of(std::string_view inet_protocols) {
  Families families;
  for (const std::string_view item : lookup::split_list(inet_protocols)) {
    const bool all = lookup::equals_ignore_case(item, "all");
    families.v4 |= all || lookup::equals_ignore_case(item, "ipv4");
    families.v6 |= all || lookup::equals_ignore_case(item, "ipv6");
  }
  return families;
}

std::string_view without_brackets(std::string_view item) noexcept {
  const bool bracketed = item.size() > 2 && item.front() == '[' && item.back() == ']';
  return bracketed ? item.substr(1, item.size() - 2) : item;
}

bool selects(std::string_view item, const IpAddress& address) {
  if (item == "all") return true;
  if (item == "loopback-only") return address.is_loopback();
  if (item == "localhost") {
    return address == IpAddress::v4(0x7f000001) || (address.is_v6 && address.is_loopback());
  }
  return IpAddress::parse(without_brackets(item)) == address;
}

/// Network length of the old address classes; IPv6 has none, so the interface decides.
uint32_t class_prefix(const InterfaceAddress& own) noexcept {
  if (own.address.is_v6) return own.prefix;
  const uint64_t first = own.address.low >> 24;
  if (first < 128) return 8;
  return first < 192 ? 16 : 24;
}

}  // namespace

std::string default_myhostname(std::string_view host_name, std::string_view domain) {
  if (host_name.empty()) host_name = "localhost";
  if (host_name.find('.') != std::string_view::npos) return std::string(host_name);
  return fmt::format("{}.{}", host_name, domain.empty() ? "localdomain" : domain);
}

std::string default_mydomain(std::string_view myhostname) {
  const size_t dot = myhostname.find('.');
  if (dot == std::string_view::npos || dot + 1 == myhostname.size()) return "localdomain";
  return std::string(myhostname.substr(dot + 1));
}

bool is_interface_name(std::string_view item) noexcept {
  return item != "all" && item != "loopback-only" && item != "localhost" &&
         !IpAddress::parse(without_brackets(item)).has_value();
}

std::optional<lookup::IpAddress> sole_address(const std::vector<InterfaceAddress>& selected,
                                              bool v6) {
  std::optional<lookup::IpAddress> sole;
  for (const InterfaceAddress& own : selected) {
    if (own.address.is_v6 != v6) continue;
    if (sole && *sole != own.address) return std::nullopt;
    sole = own.address;
  }
  return sole && !sole->is_loopback() ? sole : std::nullopt;
}

std::vector<InterfaceAddress> select_interfaces(const std::vector<InterfaceAddress>& interfaces,
                                                std::string_view inet_interfaces,
                                                std::string_view inet_protocols) {
  const std::vector<std::string_view> items = lookup::split_list(inet_interfaces);
  const Families families = families_of(inet_protocols);
  std::vector<InterfaceAddress> selected;
  for (const InterfaceAddress& own : interfaces) {
    const bool wanted = std::any_of(items.begin(), items.end(), [&](std::string_view item) {
      return selects(item, own.address);
    });
    if (wanted && families.has(own.address)) selected.push_back(own);
  }
  return selected;
}

std::string default_mynetworks(const std::vector<InterfaceAddress>& interfaces,
                               std::string_view style) {
  std::vector<std::string> networks;
  for (const InterfaceAddress& own : interfaces) {
    uint32_t prefix = own.address.bits();
    if (style == "subnet") prefix = own.prefix;
    if (style == "class") prefix = class_prefix(own);
    std::string text = IpNetwork::make(own.address.network(prefix), prefix).text();
    if (std::find(networks.begin(), networks.end(), text) == networks.end()) {
      networks.push_back(std::move(text));
    }
  }
  return fmt::format("{}", fmt::join(networks, " "));
}

}  // namespace barid::config
