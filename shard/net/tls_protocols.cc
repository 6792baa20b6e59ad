#include "shard/net/tls_protocols.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "core/text/ascii.h"

namespace barid::net {
namespace {

constexpr uint8_t kAll = kTls10 | kTls11 | kTls12 | kTls13;

/// Position of a version in time; those before TLS 1.0 are 0 and 1.
std::optional<unsigned> version_index(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 6> kNames = {"SSLv2",   "SSLv3",   "TLSv1",
                                                             "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  static constexpr std::array<std::string_view, 6> kHex = {"0002", "0300", "0301",
                                                           "0302", "0303", "0304"};
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if (text::equals_ignore_case(name, kNames[i])) return i;
    if (name.size() == 6 && name.starts_with("0x") && name.substr(2) == kHex[i]) return i;
  }
  if (text::equals_ignore_case(name, "TLSv1.0")) return 2;
  return std::nullopt;
}

constexpr uint8_t bit_of(unsigned index) noexcept {
  return index < 2 ? 0 : static_cast<uint8_t>(1u << (index - 2));
}
constexpr uint8_t from(unsigned index) noexcept {
  return index < 2 ? kAll : static_cast<uint8_t>(kAll & ~(bit_of(index) - 1u));
}
constexpr uint8_t up_to(unsigned index) noexcept {
  return index < 2 ? 0 : static_cast<uint8_t>(bit_of(index) | (bit_of(index) - 1u));
}

}  // namespace

TlsVersions parse_tls_versions(std::string_view list) {
  TlsVersions versions{.allowed = kAll};
  uint8_t named = 0;
  bool any_named = false;
  constexpr std::string_view kSeparators = " \t,:";
  while (!list.empty()) {
    const size_t start = std::min(list.find_first_not_of(kSeparators), list.size());
    list.remove_prefix(start);
    const size_t length = std::min(list.find_first_of(kSeparators), list.size());
    const std::string_view item = list.substr(0, length);
    list.remove_prefix(length);
    if (item.empty()) continue;
    std::string_view name = item;
    const bool at_least = name.starts_with(">=");
    const bool at_most = name.starts_with("<=");
    const bool without = name.starts_with("!");
    if (at_least || at_most) name.remove_prefix(2);
    if (without) name.remove_prefix(1);
    const std::optional<unsigned> index = version_index(name);
    if (!index) {
      versions.error = fmt::format("unknown protocol \"{}\"", item);
      return versions;
    }
    if (at_least) {
      versions.allowed &= from(*index);
    } else if (at_most) {
      versions.allowed &= up_to(*index);
    } else if (without) {
      versions.allowed &= static_cast<uint8_t>(~bit_of(*index));
    } else {
      named |= bit_of(*index);
      any_named = true;
    }
  }
  if (any_named) versions.allowed &= named;
  if (versions.allowed == 0) versions.error = "no TLS version is left";
  return versions;
}

}  // namespace barid::net
