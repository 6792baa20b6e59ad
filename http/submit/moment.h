// Moments as callers write them: ISO 8601, or the words that SDKs document.
// Source: ISO 8601 / RFC 3339 5.6; US daylight saving time as of the Energy Policy Act of 2005.
// Layer:  http, pure: the clock is handed in.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/time.h"

namespace barid::http {

/// ISO 8601 with an offset; "in 5 min", "in 2 hours"; "today at 5pm", "tomorrow at 9am",
/// "friday at 3pm ET", "next monday": without a time at 9:00, without a zone in UTC.
[[nodiscard]] std::optional<WallTime> parse_moment(std::string_view text, WallTime now);

}  // namespace barid::http
