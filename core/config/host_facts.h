// Facts about the host that defaults are computed from. The composition root collects them; nothing
// here asks the system.
// Layer: core/config, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"

namespace barid::config {

struct InterfaceAddress {
  lookup::IpAddress address;
  uint32_t prefix = 0;  ///< length of the interface's network
  bool operator==(const InterfaceAddress&) const = default;
};

struct HostFacts {
  std::string host_name;                     ///< as the system says it, dots or not
  std::vector<InterfaceAddress> interfaces;  ///< in system order
  /// Addresses of a host name, none if there is no such host. Blocks. Null: names are not looked
  /// up.
  std::vector<lookup::IpAddress> (*resolve)(const std::string& name) = nullptr;
};

/// Default of myhostname: the host name, completed with `domain` when it has no dot. "localhost"
/// stands for a host without a name.
[[nodiscard]] std::string default_myhostname(std::string_view host_name, std::string_view domain);

/// Default of mydomain: myhostname without its first label, else "localdomain".
[[nodiscard]] std::string default_mydomain(std::string_view myhostname);

/// The addresses of the host that `inet_interfaces` and `inet_protocols` (expanded) select. Names
/// other than all, loopback-only and localhost select nothing: resolving them is the caller's
/// business.
[[nodiscard]] std::vector<InterfaceAddress> select_interfaces(
    const std::vector<InterfaceAddress>& interfaces, std::string_view inet_interfaces,
    std::string_view inet_protocols);

/// True for an item of inet_interfaces that must be looked up: neither all, loopback-only,
/// localhost nor an address.
[[nodiscard]] bool is_interface_name(std::string_view item) noexcept;

/// The address that mail goes out from unless smtp_bind_address says another: the only one of its
/// family among the selected ones, if that is no loopback address.
[[nodiscard]] std::optional<lookup::IpAddress> sole_address(
    const std::vector<InterfaceAddress>& selected, bool v6);

/// Default of mynetworks for a style host, subnet or class; each network once, in order.
[[nodiscard]] std::string default_mynetworks(const std::vector<InterfaceAddress>& interfaces,
                                             std::string_view style);

}  // namespace barid::config
