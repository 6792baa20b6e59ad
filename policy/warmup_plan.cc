#include "policy/warmup_plan.h"

#include <fmt/format.h>

#include <chrono>
#include <limits>

#include "core/config/values.h"
#include "core/lookup/split.h"

namespace barid::policy {
namespace {

/// "2026-01-31"; nothing for anything else.
std::optional<Day> parse_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = config::parse_int(text.substr(0, 4));
  const auto month = config::parse_int(text.substr(5, 2));
  const auto day = config::parse_int(text.substr(8, 2));
  if (!year || !month || !day || *year < 1970 || *month < 1 || *day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<Day>(std::chrono::sys_days(date).time_since_epoch().count());
}

}  // namespace

Day day_of(WallTime time) noexcept {
  return static_cast<Day>(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}

WallTime start_of(Day day) noexcept { return WallTime(std::chrono::days(day)); }

std::optional<uint32_t> WarmupPlan::limit(Day day) const noexcept {
  if (day < first) return 0;
  const auto index = static_cast<size_t>(day - first);
  if (index < messages.size()) return messages[index];
  if (last_stays) return messages.back();
  return std::nullopt;
}

std::optional<WarmupPlan> parse_warmup_plan(std::string_view text, std::string* error) {
  WarmupPlan plan;
  const std::vector<std::string_view> words = lookup::split_list(text);
  constexpr std::string_view kStart = "start=";
  if (words.empty() || !words.front().starts_with(kStart)) {
    *error = "a plan begins with start=YYYY-MM-DD";
    return std::nullopt;
  }
  const std::optional<Day> first = parse_day(words.front().substr(kStart.size()));
  if (!first) {
    *error = fmt::format("\"{}\" is no day such as start=2026-01-31", words.front());
    return std::nullopt;
  }
  plan.first = *first;
  for (size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (i + 1 == words.size() && word.ends_with('+')) {
      plan.last_stays = true;
      word.remove_suffix(1);
    }
    const std::optional<int64_t> number = config::parse_int(word);
    if (!number || *number < 0 || *number > std::numeric_limits<int32_t>::max()) {
      *error = fmt::format("\"{}\" is no number of messages a day", words[i]);
      return std::nullopt;
    }
    plan.messages.push_back(static_cast<uint32_t>(*number));
  }
  if (plan.messages.empty() || plan.messages.size() > kWarmupDaysMax) {
    *error = fmt::format("a plan has 1 to {} days", kWarmupDaysMax);
    return std::nullopt;
  }
  return plan;
}

}  // namespace barid::policy
