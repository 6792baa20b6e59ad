#include "policy/warmup_counts.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <vector>

#include "core/config/values.h"

namespace barid::policy {
namespace {

constexpr std::string_view kFirstLine = "barid warmup 1";

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void WarmupCounts::turn_to(Day day) {
  if (day == day_) return;
  day_ = day;
  counts_.clear();
  changed_ = true;
}

bool WarmupCounts::take(std::string_view address, std::string_view site, Day day, uint32_t limit) {
  const std::lock_guard lock(mutex_);
  if (day < day_) return false;  // the clock was set back: yesterday's counts are gone
  turn_to(day);
  uint32_t& count = counts_[{std::string(address), std::string(site)}];
  if (count >= limit) return false;
  ++count;
  changed_ = true;
  return true;
}

void WarmupCounts::give_back(std::string_view address, std::string_view site, Day day) {
  const std::lock_guard lock(mutex_);
  if (day != day_) return;
  const auto found = counts_.find({std::string(address), std::string(site)});
  if (found == counts_.end() || found->second == 0) return;
  --found->second;
  changed_ = true;
}

uint32_t WarmupCounts::count(std::string_view address, std::string_view site, Day day) const {
  const std::lock_guard lock(mutex_);
  if (day != day_) return 0;
  const auto found = counts_.find({std::string(address), std::string(site)});
  return found == counts_.end() ? 0 : found->second;
}

std::string WarmupCounts::to_text() const {
  const std::lock_guard lock(mutex_);
  std::string text(kFirstLine);
  text += '\n';
  for (const auto& [key, count] : counts_) {
    if (count > 0) text += fmt::format("{}\t{}\t{}\t{}\n", day_, key.first, key.second, count);
  }
  return text;
}

bool WarmupCounts::from_text(std::string_view text) {
  const std::lock_guard lock(mutex_);
  counts_.clear();
  day_ = 0;
  changed_ = false;
  const std::vector<std::string_view> lines = split(text, '\n');
  if (lines.front() != kFirstLine || !lines.back().empty()) return false;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::vector<std::string_view> fields = split(lines[i], '\t');
    if (fields.size() != 4) return false;
    const std::optional<int64_t> day = config::parse_int(fields[0]);
    const std::optional<int64_t> count = config::parse_int(fields[3]);
    if (!day || *day < 0 || *day > std::numeric_limits<Day>::max()) return false;
    if (!count || *count < 0 || *count > std::numeric_limits<uint32_t>::max()) return false;
    if (counts_.empty()) day_ = static_cast<Day>(*day);
    if (*day != day_) return false;
    counts_[{std::string(fields[1]), std::string(fields[2])}] = static_cast<uint32_t>(*count);
  }
  return true;
}

bool WarmupCounts::take_changed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false);
}

}  // namespace barid::policy
