// The settings that a rule may change for one site: `name=value`, as in destination_policy_maps.
// Layer: policy, pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shard/schedule/site_policy.h"

namespace barid::policy {

struct SiteSetting {
  std::string_view name;
  /// Changes `policy`. Empty, or what the value should be.
  std::string_view (*set)(std::string_view value, schedule::SitePolicy* policy);
  /// The value in `policy`, in a form that set() takes.
  std::string (*show)(const schedule::SitePolicy& policy);
};

/// In the order in which they are shown.
[[nodiscard]] std::span<const SiteSetting> site_settings() noexcept;
/// Null if there is none of that name.
[[nodiscard]] const SiteSetting* find_site_setting(std::string_view name) noexcept;

/// Messages a second: "10/s", "600/m", "0.5/h", "10" (a second); 0 = no limit.
[[nodiscard]] std::optional<double> parse_rate(std::string_view text) noexcept;

/// A pool's name: letters, digits, "-", "_" and "."; at most 64 bytes.
[[nodiscard]] bool is_pool_name(std::string_view text) noexcept;

}  // namespace barid::policy
