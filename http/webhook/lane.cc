#include "http/webhook/lane.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "http/submit/json.h"

namespace barid::http {
namespace {

constexpr Duration kProbePauseMin = std::chrono::seconds(5);
constexpr Duration kProbePauseMax = std::chrono::minutes(5);
constexpr uint32_t kProbeDoublingsMax = 6;
/// After a recovery nobody waits longer than by this step of the schedule.
constexpr size_t kRecoveryStepMax = 1;
constexpr double kJitter = 0.2;

WallTime later(WallTime now, Duration pause) {
  return std::chrono::time_point_cast<WallTime::duration>(now + pause);
}

Duration probe_pause(uint32_t failures) {
  const uint32_t doublings = std::min(failures - Lane::kFailingAfter, kProbeDoublingsMax);
  return std::min<Duration>(kProbePauseMin * (1u << doublings), kProbePauseMax);
}

/// A cursor may stand before all events.
std::optional<QueueId> parse_place(std::string_view text) {
  return text == QueueId{}.text() ? QueueId{} : QueueId::parse(text);
}

std::optional<QueueId> id_in(const JsonValue& list, size_t index) {
  if (list.items.size() <= index) return std::nullopt;
  return QueueId::parse(list.items[index].text);
}

}  // namespace

bool Lane::wants_more() const noexcept {
  if (open_.size() >= kWindowMax) return false;
  return !failing() || std::none_of(open_.begin(), open_.end(),
                                    [](const Entry& entry) { return entry.attempts == 0; });
}

void Lane::offer(QueueId id, uint64_t order, WallTime now) {
  BARID_ASSERT(cursor_ < id && open_.size() < kWindowMax);
  cursor_ = id;
  open_.push_back({.id = id, .order = order, .due = now});
  changed_ = true;
}

std::vector<QueueId> Lane::take(WallTime now) {
  std::vector<QueueId> list;
  auto flying = static_cast<size_t>(
      std::count_if(open_.begin(), open_.end(), [](const Entry& entry) { return entry.flying; }));
  const size_t max = failing() ? kFlyingFailingMax : kFlyingMax;
  absl::flat_hash_set<uint64_t> seen;
  for (Entry& entry : open_) {
    if (flying >= max) break;
    if (!seen.insert(entry.order).second || entry.flying || entry.due > now) continue;
    if (failing() && entry.attempts == 0) {
      if (probe_at_ > now) continue;
      probe_at_ = later(now, probe_pause(failures_));
    }
    entry.flying = true;
    ++flying;
    list.push_back(entry.id);
  }
  return list;
}

void Lane::on_answer(QueueId id, Answer answer, WallTime now, double chance) {
  Entry* entry = find(id);
  if (entry == nullptr) return;  // a replay or a restart of the lane came between
  changed_ = true;
  if (answer == Answer::kTaken) {
    remove(id);
    on_success(now);
    return;
  }
  entry->flying = false;
  if (failures_ == 0) failing_since_ = now;
  ++failures_;
  if (failures_ == kFailingAfter) probe_at_ = later(now, probe_pause(failures_));
  if (entry->attempts++ >= retries_.size()) {
    dead_.push_back({.id = id, .since = now});
    if (dead_.size() > kDeadMax) dead_.pop_front();
    remove(id);
    return;
  }
  const Duration pause = retries_[entry->attempts - 1];
  const auto micros =
      static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(pause).count());
  entry->due =
      later(now, std::chrono::microseconds(static_cast<int64_t>(micros * (1 + kJitter * chance))));
}

void Lane::on_success(WallTime now) {
  if (failing()) {
    for (Entry& entry : open_) {
      const size_t step = std::min<size_t>(entry.attempts, kRecoveryStepMax);
      const Duration pause = step == 0 || retries_.empty() ? Duration{} : retries_[step - 1];
      entry.due = std::min(entry.due, later(now, pause));
    }
  }
  failures_ = 0;
  failing_since_ = {};
}

void Lane::put_back(QueueId id, WallTime due) {
  Entry* entry = find(id);
  if (entry == nullptr) return;
  entry->flying = false;
  entry->due = due;
}

std::optional<WallTime> Lane::next_due() const {
  std::optional<WallTime> next;
  for (const Entry& entry : open_) {
    if (entry.flying) continue;
    WallTime due = entry.due;
    if (failing() && entry.attempts == 0) due = std::max(due, probe_at_);
    if (!next || due < *next) next = due;
  }
  return next;
}

void Lane::start_after(QueueId id) noexcept {
  if (!(start_ < id)) return;
  start_ = id;
  cursor_ = std::max(cursor_, id);
  changed_ = true;
}

void Lane::replay(uint32_t number, QueueId after) {
  if (number <= replay_) return;
  replay_ = number;
  changed_ = true;
  open_.clear();
  std::erase_if(dead_, [after](const Dead& one) { return after < one.id; });
  cursor_ = after;
  failures_ = 0;
  failing_since_ = {};
}

void Lane::forget_dead(WallTime before) {
  while (!dead_.empty() && dead_.front().since <= before) {
    dead_.pop_front();
    changed_ = true;
  }
}

QueueId Lane::oldest_needed() const noexcept {
  QueueId oldest = cursor_;
  for (const Entry& entry : open_) oldest = std::min(oldest, entry.id);
  for (const Dead& one : dead_) oldest = std::min(oldest, one.id);
  return oldest;
}

Lane::Entry* Lane::find(QueueId id) noexcept {
  const auto found =
      std::find_if(open_.begin(), open_.end(), [id](const Entry& entry) { return entry.id == id; });
  return found == open_.end() ? nullptr : &*found;
}

void Lane::remove(QueueId id) {
  std::erase_if(open_, [id](const Entry& entry) { return entry.id == id; });
  changed_ = true;
}

std::string Lane::state() const {
  std::string out = fmt::format(
      "{{\"v\":1,\"cursor\":\"{}\",\"start\":\"{}\",\"replay\":{},\"failures\":{},"
      "\"failing_since\":{},\"open\":[",
      cursor_.text(), start_.text(), replay_, failures_, unix_micros(failing_since_));
  for (size_t i = 0; i < open_.size(); ++i) {
    const Entry& entry = open_[i];
    fmt::format_to(std::back_inserter(out), "{}[\"{}\",\"{}\",\"{}\",\"{}\"]", i == 0 ? "" : ",",
                   entry.id.text(), entry.order, entry.attempts, unix_micros(entry.due));
  }
  out += "],\"dead\":[";
  for (size_t i = 0; i < dead_.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}[\"{}\",\"{}\"]", i == 0 ? "" : ",",
                   dead_[i].id.text(), unix_micros(dead_[i].since));
  }
  out += "]}";
  return out;
}

bool Lane::restore(std::string_view state) {
  const std::optional<JsonValue> value = parse_json(state);
  if (!value) return false;
  const auto cursor = parse_place(json_text(*value, "cursor"));
  const JsonValue* open = value->find("open");
  const JsonValue* dead = value->find("dead");
  if (!cursor || open == nullptr || dead == nullptr) return false;
  Lane read(retries_, *cursor);
  read.start_ = QueueId::parse(json_text(*value, "start")).value_or(QueueId{});
  read.replay_ = static_cast<uint32_t>(json_number(*value, "replay"));
  read.failures_ = static_cast<uint32_t>(json_number(*value, "failures"));
  read.failing_since_ = wall_from_micros(json_number(*value, "failing_since"));
  for (const JsonValue& item : open->items) {
    const auto id = id_in(item, 0);
    if (!id || item.items.size() < 4 || read.open_.size() == kWindowMax) return false;
    read.open_.push_back({.id = *id,
                          .order = item.items[1].number<uint64_t>(),
                          .attempts = item.items[2].number<uint32_t>(),
                          .due = wall_from_micros(item.items[3].number<int64_t>())});
  }
  for (const JsonValue& item : dead->items) {
    const auto id = id_in(item, 0);
    if (!id || item.items.size() < 2 || read.dead_.size() == kDeadMax) return false;
    read.dead_.push_back({.id = *id, .since = wall_from_micros(item.items[1].number<int64_t>())});
  }
  *this = std::move(read);
  return true;
}

}  // namespace barid::http
