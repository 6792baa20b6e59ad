#include "http/submit/moment.h"

#include <array>
#include <charconv>
#include <chrono>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

/// Days since 1970-01-01 of a civil date.
std::optional<int64_t> days_of(int64_t year, uint32_t month, uint32_t day) {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<uint32_t> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count || !text::kDigits.has_all(text.substr(0, count))) return std::nullopt;
  uint32_t value = 0;
  std::from_chars(text.data(), text.data() + count, value);
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<WallTime> parse_iso(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto days = days_of(*year, *month, *day);
  const auto hour = take_digits(text, 2);
  if (!days || !hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  uint32_t second = 0;
  int64_t micros = 0;
  if (!minute) return std::nullopt;
  if (take(text, ":")) {
    const auto seconds = take_digits(text, 2);
    if (!seconds) return std::nullopt;
    second = *seconds;
    if (take(text, ".,")) {
      int64_t unit = 100'000;
      bool any = false;
      while (!text.empty() && text::is_digit(text.front())) {
        micros += (text.front() - '0') * unit;
        unit /= 10;
        any = true;
        text.remove_prefix(1);
      }
      if (!any) return std::nullopt;
    }
  }
  if (*hour > 23 || *minute > 59 || second > 60) return std::nullopt;
  int64_t offset = 0;
  if (!take(text, "Zz")) {
    const bool west = text.starts_with('-');
    if (!take(text, "+-")) return std::nullopt;
    const auto hours = take_digits(text, 2);
    take(text, ":");
    const auto minutes = text.empty() ? std::optional<uint32_t>(0) : take_digits(text, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = (int64_t{*hours} * 60 + *minutes) * 60 * (west ? -1 : 1);
  }
  if (!text.empty()) return std::nullopt;
  const int64_t seconds = *days * 86'400 + *hour * 3600 + *minute * 60 + second - offset;
  return wall_from_micros(seconds * 1'000'000 + micros);
}

/// Beyond it calendars, ours too, no longer agree on a date.
constexpr int64_t kDistanceSecondsMax = int64_t{1000} * 366 * 86'400;

/// "in 5 min" without its "in".
std::optional<WallTime> parse_distance(std::string_view rest, WallTime now) {
  const std::string_view number = text::take_word(rest);
  uint32_t count = 0;
  if (number == "a" || number == "an") {
    count = 1;
  } else {
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) {
      return std::nullopt;
    }
  }
  std::string_view unit = text::take_word(rest);
  if (!text::trim(rest).empty()) return std::nullopt;
  if (unit.size() > 1 && unit.ends_with('s')) unit.remove_suffix(1);
  int64_t seconds = 0;
  if (unit == "s" || unit == "sec" || unit == "second") seconds = 1;
  if (unit == "m" || unit == "min" || unit == "minute") seconds = 60;
  if (unit == "h" || unit == "hr" || unit == "hour") seconds = 3600;
  if (unit == "d" || unit == "day") seconds = 86'400;
  if (unit == "w" || unit == "week") seconds = 7 * 86'400;
  if (seconds == 0 || seconds * count > kDistanceSecondsMax) return std::nullopt;
  return now + std::chrono::seconds(seconds * count);
}

using Days = std::chrono::sys_days;
using Minutes = std::chrono::minutes;
constexpr Minutes kUsualTime = std::chrono::hours(9);

/// The day of the next such weekday after `today`, or nullopt if it is none.
std::optional<Days> next_weekday(std::string_view name, Days today) {
  constexpr std::array<std::string_view, 7> kNames = {"sunday",   "monday", "tuesday", "wednesday",
                                                      "thursday", "friday", "saturday"};
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if (name != kNames[i] && name != kNames[i].substr(0, 3)) continue;
    const std::chrono::days ahead = std::chrono::weekday(i) - std::chrono::weekday(today);
    return today + (ahead.count() == 0 ? std::chrono::days(7) : ahead);
  }
  return std::nullopt;
}

/// "9am", "9:30pm", "15:00", "noon", "midnight", or nullopt.
std::optional<Minutes> parse_clock(std::string_view text) {
  if (text == "noon") return std::chrono::hours(12);
  if (text == "midnight") return Minutes(0);
  const bool am = text.ends_with("am");
  const bool pm = text.ends_with("pm");
  if (am || pm) text.remove_suffix(2);
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos && !am && !pm) return std::nullopt;
  uint32_t hour = 0;
  uint32_t minute = 0;
  const std::string_view hours = text.substr(0, colon);
  if (hours.empty() || hours.size() > 2 || !text::kDigits.has_all(hours)) return std::nullopt;
  std::from_chars(hours.data(), hours.data() + hours.size(), hour);
  if (colon != std::string_view::npos) {
    const std::string_view minutes = text.substr(colon + 1);
    if (minutes.size() != 2 || !text::kDigits.has_all(minutes)) return std::nullopt;
    std::from_chars(minutes.data(), minutes.data() + 2, minute);
  }
  if (minute > 59 || hour > 23 || ((am || pm) && (hour == 0 || hour > 12))) return std::nullopt;
  if (am || pm) hour = hour % 12 + (pm ? 12 : 0);
  return std::chrono::hours(hour) + Minutes(minute);
}

/// Whether `local`, a time of day in a zone `standard` from UTC, is in daylight saving time there.
bool is_summer_time(Days day, Minutes clock) {
  const std::chrono::year year = std::chrono::year_month_day(day).year();
  const Days begin = year / std::chrono::March / std::chrono::Sunday[2];
  const Days end = year / std::chrono::November / std::chrono::Sunday[1];
  const auto local = day + clock;
  return local >= begin + std::chrono::hours(2) && local < end + std::chrono::hours(2);
}

/// What a zone is ahead of UTC at a local time; nullopt: no zone that we know.
std::optional<Minutes> offset_of(std::string_view zone, Days day, Minutes clock) {
  if (zone == "utc" || zone == "gmt" || zone == "z") return Minutes(0);
  struct Zone {
    std::string_view letter;
    int hours;
  };
  constexpr std::array kZones = {Zone{"e", -5}, Zone{"c", -6}, Zone{"m", -7}, Zone{"p", -8}};
  for (const Zone& one : kZones) {
    if (!zone.starts_with(one.letter)) continue;
    const std::string_view kind = zone.substr(1);
    const std::chrono::hours standard(one.hours);
    if (kind == "st") return standard;
    if (kind == "dt") return standard + std::chrono::hours(1);
    if (kind == "t") return standard + std::chrono::hours(is_summer_time(day, clock) ? 1 : 0);
  }
  return std::nullopt;
}

std::optional<WallTime> parse_words(std::string_view text, WallTime now) {
  std::string lower;
  text::append_lower(lower, text);
  std::string_view rest = lower;
  std::string_view word = text::take_word(rest);
  if (word == "in") return parse_distance(rest, now);
  if (word == "next") word = text::take_word(rest);
  const Days today = std::chrono::floor<std::chrono::days>(now);
  std::optional<Days> day = next_weekday(word, today);
  if (word == "today") day = today;
  if (word == "tomorrow") day = today + std::chrono::days(1);
  if (!day) return std::nullopt;
  Minutes clock = kUsualTime;
  word = text::take_word(rest);
  if (word == "at") word = text::take_word(rest);
  if (!word.empty()) {
    std::string time(word);  // "9 am" is "9am"
    std::string_view after = rest;
    const std::string_view half = text::take_word(after);
    if (half == "am" || half == "pm") {
      time += half;
      rest = after;
    }
    const auto parsed = parse_clock(time);
    if (!parsed) return std::nullopt;
    clock = *parsed;
  }
  Minutes offset(0);
  if (const std::string_view zone = text::take_word(rest); !zone.empty()) {
    const auto known = offset_of(zone, *day, clock);
    if (!known) return std::nullopt;
    offset = *known;
  }
  if (!text::trim(rest).empty()) return std::nullopt;
  return WallTime(*day + clock - offset);
}

}  // namespace

std::optional<WallTime> parse_moment(std::string_view text, WallTime now) {
  text = text::trim(text);
  if (text.size() > 64) return std::nullopt;
  if (const auto iso = parse_iso(text)) return iso;
  return parse_words(text, now);
}

}  // namespace barid::http
