// Typed values: how the expanded text of a parameter becomes yes/no, a number or a time, and why
// not. Layer: core/config, pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/schema.h"

namespace barid::config {

/// yes or no in any case; nullopt otherwise.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text) noexcept;

/// Decimal with an optional leading minus, nothing else; nullopt on junk or overflow.
[[nodiscard]] std::optional<int64_t> parse_int(std::string_view text) noexcept;

/// A non-negative number and at most one unit s, m, h, d or w. Without one, `default_unit` counts.
[[nodiscard]] std::optional<std::chrono::seconds> parse_time(std::string_view text,
                                                             char default_unit) noexcept;

/// The unit at the end of an expanded default ("5d" → 'd'); 's' when it has none.
[[nodiscard]] char time_unit_of(std::string_view expanded_default) noexcept;

/// Why `value` (expanded) is not a value of `parameter`, in the words that Postfix uses; empty if
/// it is one. `time_unit` is that of the default. `name` is printed, as a per-transport name may
/// stand for a default parameter.
[[nodiscard]] std::string value_error(const Parameter& parameter, std::string_view name,
                                      std::string_view value, char time_unit);

/// Compares two compatibility levels a[.b[.c]]: <0, 0, >0; nullopt when one is none.
[[nodiscard]] std::optional<int> compare_levels(std::string_view a, std::string_view b) noexcept;

}  // namespace barid::config
