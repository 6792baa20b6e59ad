// What a server offered in its EHLO or LHLO reply.
// Source: RFC 5321 4.1.1.1 (ehlo-ok-rsp), RFC 1870 3 (SIZE), and the RFC of each keyword.
// Layer:  smtp/client, pure. No allocation but the AUTH mechanisms' text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace barid::smtp {

enum class Feature : uint16_t {
  kPipelining = 1 << 0,
  kSize = 1 << 1,
  k8BitMime = 1 << 2,
  kSmtpUtf8 = 1 << 3,
  kDsn = 1 << 4,
  kChunking = 1 << 5,
  kEnhancedStatusCodes = 1 << 6,
  kBinaryMime = 1 << 7,
  kStartTls = 1 << 8,
  kAuth = 1 << 9,
  kMtPriority = 1 << 10,
  kXforward = 1 << 11,
};

class FeatureSet {
 public:
  constexpr FeatureSet() = default;
  constexpr FeatureSet(std::initializer_list<Feature> features) {
    for (const Feature feature : features) insert(feature);
  }
  constexpr void insert(Feature feature) noexcept {
    bits_ = static_cast<uint16_t>(bits_ | static_cast<uint16_t>(feature));
  }
  [[nodiscard]] constexpr bool has(Feature feature) const noexcept {
    return (bits_ & static_cast<uint16_t>(feature)) != 0;
  }
  bool operator==(const FeatureSet&) const = default;

 private:
  uint16_t bits_ = 0;
};

/// The feature of an EHLO keyword, case-insensitive; nullopt for keywords that mean nothing here.
[[nodiscard]] std::optional<Feature> feature_from_keyword(std::string_view keyword) noexcept;

/// Attributes of XFORWARD.
enum ForwardAttribute : uint8_t {
  kForwardName = 1,
  kForwardAddress = 2,
  kForwardPort = 4,
  kForwardProtocol = 8,
  kForwardHelo = 16,
  kForwardIdent = 32,
  kForwardSource = 64,
};

struct Capabilities {
  FeatureSet features;
  uint8_t forward_attributes = 0;  ///< ForwardAttribute bits that XFORWARD's line names
  uint64_t size_limit = 0;         ///< SIZE's value; 0 = none given
  std::string auth_mechanisms;     ///< AUTH's parameters as sent
  std::string server_name;         ///< the first word of the first line

  [[nodiscard]] bool has(Feature feature) const noexcept { return features.has(feature); }
};

/// Reads a 2xx reply to EHLO or LHLO: lines separated by LF, each with its code.
/// Keywords in `discard` are left out. Accepts "AUTH=…" beside "AUTH …" (old servers), and counts
/// SMTPUTF8 without 8BITMIME as both, since RFC 6531 3.1 makes the second a duty of the first.
[[nodiscard]] Capabilities parse_capabilities(std::string_view lines, FeatureSet discard);

}  // namespace barid::smtp
