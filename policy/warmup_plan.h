// How many messages a day an address that is new to a site may send there.
//
//   start=2026-01-01 50 100 200 400      the fifth day and later: no limit, it is warm
//   start=2026-01-01 50 100 200+         the last number stays
//
// Days are of UTC. Before the first day the address sends nothing.
// Layer: policy, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace barid::policy {

/// Days since 1970-01-01 in UTC.
using Day = int32_t;
[[nodiscard]] Day day_of(WallTime time) noexcept;
[[nodiscard]] WallTime start_of(Day day) noexcept;

struct WarmupPlan {
  Day first = 0;
  std::vector<uint32_t> messages;  ///< a site and day, from `first` on; not empty
  bool last_stays = false;

  /// Nothing = no limit.
  [[nodiscard]] std::optional<uint32_t> limit(Day day) const noexcept;
  bool operator==(const WarmupPlan&) const = default;
};

/// At most this many days.
inline constexpr size_t kWarmupDaysMax = 366;

/// Nothing: `*error` says what is wrong.
[[nodiscard]] std::optional<WarmupPlan> parse_warmup_plan(std::string_view text,
                                                          std::string* error);

}  // namespace barid::policy
