// Why a recipient was refused, in the few classes that somebody acts upon.
// Layer: core/mail, pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace barid {

enum class BounceClass : uint8_t {
  kInvalidRecipient,
  kInvalidDomain,
  kInactive,
  kMailboxFull,
  kTooLarge,
  kContent,
  kSpam,
  kReputation,
  kAuthentication,
  kPolicy,
  kRelaying,
  kRateLimit,
  kConnection,
  kProtocol,
  kExpired,
  kOther,
};
inline constexpr size_t kBounceClassCount = static_cast<size_t>(BounceClass::kOther) + 1;

struct BounceClassInfo {
  std::string_view name;     ///< in rules, events, logs, metrics
  std::string_view type;     ///< Permanent, Transient or Undetermined
  std::string_view subtype;  ///< as Resend names it
  bool hard = false;         ///< the address is no good: no more mail to it
};

inline constexpr std::array<BounceClassInfo, kBounceClassCount> kBounceClasses = {{
    {"invalid_recipient", "Permanent", "NoEmail", true},
    {"invalid_domain", "Permanent", "NoEmail", true},
    {"inactive", "Permanent", "NoEmail", true},
    {"mailbox_full", "Transient", "MailboxFull", false},
    {"too_large", "Transient", "MessageTooLarge", false},
    {"content", "Transient", "ContentRejected", false},
    {"spam", "Transient", "ContentRejected", false},
    {"reputation", "Transient", "General", false},
    {"authentication", "Transient", "General", false},
    {"policy", "Transient", "General", false},
    {"relaying", "Transient", "General", false},
    {"rate_limit", "Transient", "General", false},
    {"connection", "Transient", "General", false},
    {"protocol", "Transient", "General", false},
    {"expired", "Transient", "General", false},
    {"other", "Undetermined", "Undetermined", false},
}};

[[nodiscard]] constexpr const BounceClassInfo& bounce_class_info(BounceClass value) noexcept {
  return kBounceClasses[static_cast<size_t>(value)];
}
[[nodiscard]] constexpr std::optional<BounceClass> find_bounce_class(
    std::string_view name) noexcept {
  for (size_t i = 0; i < kBounceClassCount; ++i) {
    if (kBounceClasses[i].name == name) return static_cast<BounceClass>(i);
  }
  return std::nullopt;
}

}  // namespace barid
