// Dates as mail headers write them.
// Source: RFC 5322 3.3 (date-time), e.g. "Tue, 24 Nov 2026 05:24:00 +0100 (CET)".
// Layer:  core/text, pure: the offset is a fact handed in, no time-zone data is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::text {

struct ZoneOffset {
  int32_t minutes_east = 0;    ///< -1439 … 1439
  std::string_view name = {};  ///< e.g. "CET"; empty = no comment is written
};

/// Appends the date of `unix_seconds` (years 0 to 9999) in the given zone.
void append_date(std::string& out, int64_t unix_seconds, ZoneOffset zone = {});

}  // namespace barid::text
