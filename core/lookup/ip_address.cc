#include "core/lookup/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/base/assert.h"
#include "core/lookup/split.h"

namespace barid::lookup {
namespace {

uint64_t read_big_endian(const unsigned char* bytes, size_t count) noexcept {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

void write_big_endian(uint64_t value, unsigned char* bytes, size_t count) noexcept {
  for (size_t i = count; i > 0; --i, value >>= 8) bytes[i - 1] = static_cast<unsigned char>(value);
}

/// The first `bits` of 64 set; bits may be 0..64.
constexpr uint64_t leading_ones(uint32_t bits) noexcept {
  return bits == 0 ? 0 : ~uint64_t{0} << (64 - bits);
}

struct Masks {
  uint64_t high;
  uint64_t low;
};

Masks masks_of(bool is_v6, uint32_t prefix) noexcept {
  BARID_ASSERT(prefix <= (is_v6 ? 128u : 32u));
  if (!is_v6) return {.high = 0, .low = leading_ones(prefix) >> 32};
  return {.high = leading_ones(prefix < 64 ? prefix : 64),
          .low = leading_ones(prefix > 64 ? prefix - 64 : 0)};
}

/// A decimal prefix length up to `bits`; nullopt for signs, blanks, junk and large values.
std::optional<uint32_t> parse_prefix(std::string_view text, uint32_t bits) noexcept {
  if (text.empty() || text.size() > 3) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  if (value > bits) return std::nullopt;
  return value;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> buffer;
  if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
  std::memcpy(buffer.data(), text.data(), text.size());
  buffer[text.size()] = '\0';
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return std::nullopt;
  std::array<unsigned char, 16> bytes;
  if (::inet_pton(AF_INET, buffer.data(), bytes.data()) == 1) {
    return IpAddress{.low = read_big_endian(bytes.data(), 4)};
  }
  if (::inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) return std::nullopt;
  return IpAddress{.high = read_big_endian(bytes.data(), 8),
                   .low = read_big_endian(bytes.data() + 8, 8),
                   .is_v6 = true};
}

std::optional<IpAddress> IpAddress::from_bytes(std::string_view bytes) noexcept {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (bytes.size() == 4) return IpAddress{.low = read_big_endian(data, 4)};
  if (bytes.size() != 16) return std::nullopt;
  return IpAddress{
      .high = read_big_endian(data, 8), .low = read_big_endian(data + 8, 8), .is_v6 = true};
}

std::string IpAddress::text() const {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (is_v6) {
    write_big_endian(high, bytes.data(), 8);
    write_big_endian(low, bytes.data() + 8, 8);
  } else {
    write_big_endian(low, bytes.data(), 4);
  }
  const char* done = ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), out.data(), out.size());
  BARID_ASSERT(done != nullptr);
  return done;
}

IpAddress IpAddress::unmapped() const noexcept {
  const bool mapped = is_v6 && high == 0 && low >> 32 == 0xffff;
  return mapped ? IpAddress{.low = low & 0xffffffff} : *this;
}

bool IpAddress::is_loopback() const noexcept {
  return is_v6 ? high == 0 && low == 1 : low >> 24 == 127;
}

IpAddress IpAddress::network(uint32_t prefix) const noexcept {
  const Masks masks = masks_of(is_v6, prefix);
  return {.high = high & masks.high, .low = low & masks.low, .is_v6 = is_v6};
}

IpNetwork IpNetwork::make(const IpAddress& address, uint32_t prefix) noexcept {
  const Masks masks = masks_of(address.is_v6, prefix);
  return {.address = address, .prefix = prefix, .mask_high = masks.high, .mask_low = masks.low};
}

std::string IpNetwork::text() const {
  return address.is_v6 ? fmt::format("[{}]/{}", address.text(), prefix)
                       : fmt::format("{}/{}", address.text(), prefix);
}

ParsedNetwork parse_network(std::string_view pattern) {
  std::string_view host = pattern;
  std::string_view length;
  bool has_length = false;
  if (!pattern.empty() && pattern.front() == '[') {
    const size_t close = pattern.find(']');
    if (close == std::string_view::npos) {
      return {.error = fmt::format("missing ']' character after \"{}\"", pattern)};
    }
    const std::string_view after = pattern.substr(close + 1);
    host = pattern.substr(1, close - 1);
    if (!after.empty() && after.front() != '/') {
      return {.error = fmt::format("garbage after \"{}\"", pattern.substr(0, close + 1))};
    }
    if (!after.empty()) {
      has_length = true;
      length = after.substr(1);
    }
  }
  const size_t slash = has_length ? std::string_view::npos : host.find('/');
  if (slash != std::string_view::npos) {
    has_length = true;
    length = host.substr(slash + 1);
    host = host.substr(0, slash);
  }
  const std::optional<IpAddress> address = IpAddress::parse(host);
  if (!has_length) {
    if (!address) return {.error = fmt::format("bad address pattern: \"{}\"", pattern)};
    return {.network = IpNetwork::make(*address, address->bits())};
  }
  const std::optional<uint32_t> prefix =
      address ? parse_prefix(length, address->bits()) : std::nullopt;
  if (!prefix) return {.error = fmt::format("bad net/mask pattern: \"{}/{}\"", host, length)};
  const IpAddress network = address->network(*prefix);
  if (network != *address) {
    return {.network = std::nullopt,
            .error = fmt::format("non-null host address bits in \"{}/{}\", perhaps you should use "
                                 "\"{}/{}\" instead",
                                 host, length, network.text(), *prefix),
            .has_host_bits = true};
  }
  return {.network = IpNetwork::make(network, *prefix)};
}

}  // namespace barid::lookup
