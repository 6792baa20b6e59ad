#include "core/text/date.h"

#include "core/base/assert.h"

namespace barid::text {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr std::string_view kWeekdays = "ThuFriSatSunMonTueWed";  // day 0 of the epoch first
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct CivilDate {
  int64_t year;
  int64_t month;  // 1..12
  int64_t day;    // 1..31
};

// Days since the epoch to a Gregorian date, in eras of 400 years that begin on 1 March.
constexpr CivilDate civil_from_days(int64_t days) noexcept {
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_index = (5 * day_of_year + 2) / 153;
  const int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * month_index + 2) / 5 + 1};
}

/// Two digits; divisors known here cost multiplications.
void append_two(std::string& out, int64_t value) {
  const char digits[2] = {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
  out.append(digits, sizeof digits);
}

}  // namespace

void append_date(std::string& out, int64_t unix_seconds, ZoneOffset zone) {
  BARID_ASSERT(zone.minutes_east > -1440 && zone.minutes_east < 1440);
  const int64_t local = unix_seconds + int64_t{zone.minutes_east} * 60;
  int64_t days = local / kDaySeconds;
  int64_t second = local % kDaySeconds;
  if (second < 0) {
    second += kDaySeconds;
    --days;
  }
  const CivilDate date = civil_from_days(days);
  BARID_ASSERT(date.year >= 0 && date.year <= 9999);
  const auto weekday = static_cast<size_t>((days % 7 + 7) % 7);

  out.append(kWeekdays.substr(weekday * 3, 3));
  out.append(", ");
  if (date.day >= 10) out.push_back(static_cast<char>('0' + date.day / 10));
  out.push_back(static_cast<char>('0' + date.day % 10));
  out.push_back(' ');
  out.append(kMonths.substr(static_cast<size_t>(date.month - 1) * 3, 3));
  out.push_back(' ');
  append_two(out, date.year / 100);
  append_two(out, date.year % 100);
  out.push_back(' ');
  append_two(out, second / 3600);
  out.push_back(':');
  append_two(out, second / 60 % 60);
  out.push_back(':');
  append_two(out, second % 60);

  const int32_t east = zone.minutes_east < 0 ? -zone.minutes_east : zone.minutes_east;
  out.append(zone.minutes_east < 0 ? " -" : " +");
  append_two(out, east / 60);
  append_two(out, east % 60);
  if (!zone.name.empty()) {
    out.append(" (").append(zone.name).push_back(')');
  }
}

}  // namespace barid::text
