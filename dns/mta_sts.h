// What a domain says about TLS to its mail servers: the record that announces a policy, the policy,
// and whether a server is named in it.
// Source: RFC 8461 3.1 (record), 3.2 (policy), 4.1 (matching).
// Layer:  dns, pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace barid::dns {

/// The id that the TXT records of _mta-sts.DOMAIN announce; nullopt unless exactly one of them
/// announces a policy.
[[nodiscard]] std::optional<std::string> parse_sts_record(std::span<const std::string> texts);

enum class StsMode : uint8_t { kNone, kTesting, kEnforce };

struct StsPolicy {
  StsMode mode = StsMode::kNone;
  std::vector<std::string> mx;  ///< host names, or "*.example.com"
  std::chrono::seconds max_age{0};
  bool operator==(const StsPolicy&) const = default;
};

/// The longest policy that is read, and the most patterns of one.
inline constexpr size_t kStsPolicyBytesMax = 64 * 1024;
inline constexpr size_t kStsPatternsMax = 100;

struct ParsedStsPolicy {
  StsPolicy policy;
  std::string error;  ///< empty = valid
};
[[nodiscard]] ParsedStsPolicy parse_sts_policy(std::string_view text);

/// True if the policy names this mail host.
[[nodiscard]] bool sts_allows(const StsPolicy& policy, std::string_view host);

}  // namespace barid::dns
