// Property: a moment is the same in capitals and between blanks, lies within the years that ISO
// 8601 writes in four digits and their neighbours, and is read again from its ISO form.
#include <fmt/format.h>

#include <cstdint>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "http/submit/moment.h"

using namespace barid;
using namespace barid::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const WallTime now = wall_from_micros(1'790'000'000'123'456);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = parse_moment(text, now);
  std::string lower;
  text::append_lower(lower, text);
  BARID_ASSERT(read == parse_moment(lower, now));
  if (!read) return 0;
  if (size < 60) BARID_ASSERT(read == parse_moment(fmt::format("  {} ", text), now));
  constexpr int64_t kYearSeconds = 366 * 86'400;
  const int64_t seconds = unix_seconds(*read);
  BARID_ASSERT(seconds > -2000 * kYearSeconds && seconds < 10'001 * kYearSeconds);
  const auto day = std::chrono::floor<std::chrono::days>(*read);
  const std::chrono::year_month_day date(day);
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) return 0;
  const int64_t micros = (*read - day).count();
  const std::string iso = fmt::format(
      "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", year, static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), micros / 3'600'000'000, micros / 60'000'000 % 60,
      micros / 1'000'000 % 60, micros % 1'000'000);
  BARID_ASSERT(parse_moment(iso, now) == read);
  return 0;
}
