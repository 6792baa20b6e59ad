// Facts about host and environment, as the loaders of a configuration want them.
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "tools/barid/config_command.h"

extern char** environ;

namespace barid::tools {
namespace {

/// Length of the network of an interface, from its netmask.
uint32_t prefix_of(const sockaddr* netmask, uint32_t default_bits) {
  if (netmask == nullptr) return default_bits;
  if (netmask->sa_family == AF_INET) {
    sockaddr_in mask{};
    std::memcpy(&mask, netmask, sizeof mask);
    return static_cast<uint32_t>(std::popcount(mask.sin_addr.s_addr));
  }
  if (netmask->sa_family != AF_INET6) return default_bits;
  sockaddr_in6 mask{};
  std::memcpy(&mask, netmask, sizeof mask);
  uint32_t bits = 0;
  for (const uint8_t byte : mask.sin6_addr.s6_addr)
    bits += static_cast<uint32_t>(std::popcount(byte));
  return bits;
}

std::optional<lookup::IpAddress> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  std::string_view bytes;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (address->sa_family == AF_INET) {
    std::memcpy(&v4, address, sizeof v4);
    bytes = {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr};
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&v6, address, sizeof v6);
    bytes = {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr};
  }
  return lookup::IpAddress::from_bytes(bytes);
}

/// Blocks, for as long as the system's resolver does.
std::vector<lookup::IpAddress> addresses_of_host(const std::string& name) {
  std::vector<lookup::IpAddress> addresses;
  // "1.2.3" is no name, though the system takes it for 1.2.0.3.
  if (name.find_first_not_of("0123456789.") == std::string::npos) return addresses;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (const auto address = address_of(entry->ai_addr)) addresses.push_back(*address);
  }
  ::freeaddrinfo(list);
  return addresses;
}

}  // namespace

config::HostFacts read_host_facts() {
  config::HostFacts facts;
  facts.resolve = addresses_of_host;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) facts.host_name = name.data();
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return facts;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<lookup::IpAddress> address = address_of(entry->ifa_addr);
    if (!address) continue;
    facts.interfaces.push_back({*address, prefix_of(entry->ifa_netmask, address->bits())});
  }
  ::freeifaddrs(list);
  return facts;
}

std::vector<config::NameAndValue> read_environment() {
  std::vector<config::NameAndValue> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string configuration_directory(std::string_view option) {
  if (!option.empty()) return std::string(option);
  for (const auto& [name, value] : read_environment()) {
    if (name == "MAIL_CONFIG" && !value.empty()) return value;
  }
  return "/etc/barid";
}

}  // namespace barid::tools
