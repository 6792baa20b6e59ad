// IP addresses and networks as two 64-bit words: parsed once, compared with two masks.
// Source: RFC 4291 2.2 (IPv6 text), RFC 5952 (canonical form), RFC 4632 3.1 (prefix notation).
// Layer: core/lookup, pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace barid::lookup {

struct IpAddress {
  uint64_t high = 0;  ///< first 8 bytes of an IPv6 address, big-endian value; 0 for IPv4
  uint64_t low = 0;   ///< last 8 bytes; the address itself for IPv4
  bool is_v6 = false;

  auto operator<=>(const IpAddress&) const = default;

  /// Parses `192.0.2.1` or `2001:db8::1`, nothing around it. nullopt for anything else.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;
  [[nodiscard]] static IpAddress v4(uint32_t host_order) noexcept { return {.low = host_order}; }
  /// From network byte order: 4 or 16 bytes; nullopt for other lengths.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(std::string_view bytes) noexcept;

  [[nodiscard]] std::string text() const;
  /// `::ffff:a.b.c.d` as the IPv4 address that it stands for, others unchanged.
  [[nodiscard]] IpAddress unmapped() const noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  [[nodiscard]] uint32_t bits() const noexcept { return is_v6 ? 128 : 32; }
  /// The address with all but its first `prefix` bits zero; prefix <= bits().
  [[nodiscard]] IpAddress network(uint32_t prefix) const noexcept;
};

struct IpNetwork {
  IpAddress address;
  uint32_t prefix = 0;

  /// Families must agree; a mapped address is not looked through.
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept {
    return other.is_v6 == address.is_v6 && ((other.high ^ address.high) & mask_high) == 0 &&
           ((other.low ^ address.low) & mask_low) == 0;
  }
  /// `192.0.2.0/24` or `[2001:db8::]/32`, as lists write it.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] static IpNetwork make(const IpAddress& address, uint32_t prefix) noexcept;

  uint64_t mask_high = 0;  ///< set by make()
  uint64_t mask_low = 0;
};

/// Outcome of reading a pattern: the network, or why the text is none.
struct ParsedNetwork {
  std::optional<IpNetwork> network;
  std::string error;
  bool has_host_bits = false;  ///< the error is only that: Postfix lets it fail when it is reached
};

/// Reads `addr`, `addr/len`, `[addr]`, `[addr]/len` or `[addr/len]`. Host bits must be zero.
[[nodiscard]] ParsedNetwork parse_network(std::string_view pattern);

}  // namespace barid::lookup
