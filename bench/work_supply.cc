#include "bench/work_supply.h"

#include <algorithm>

#include "bench/message_factory.h"

namespace barid::bench {

MonoTime WorkSupply::intended(uint64_t sequence) const noexcept {
  const double seconds = static_cast<double>(sequence) / options_.rate;
  return start_ + Duration(static_cast<int64_t>(seconds * 1e9));
}

bool WorkSupply::new_work_left(MonoTime now) const noexcept {
  if (stopped_ || next_ > kSequenceMax) return false;
  if (options_.message_count > 0 && next_ >= options_.message_count) return false;
  return options_.duration == Duration::zero() || now < start_ + options_.duration;
}

std::optional<Work> WorkSupply::take(MonoTime now) {
  if (!retries_.empty() && retries_.front().due <= now) {
    const Work work = retries_.front().work;
    retries_.pop_front();
    return work;
  }
  if (!new_work_left(now)) return std::nullopt;
  if (options_.rate <= 0) return Work{.sequence = next_++, .start = now};
  const MonoTime due = intended(next_);
  if (due > now) return std::nullopt;
  return Work{.sequence = next_++, .start = due};
}

bool WorkSupply::retry(Work work, MonoTime now) {
  if (stopped_ || work.attempts >= options_.retries_max || retries_.size() >= kRetriesMax) {
    return false;
  }
  ++work.attempts;
  retries_.push_back({.work = work, .due = now + options_.retry_delay});
  return true;
}

std::optional<MonoTime> WorkSupply::next_due(MonoTime now) const {
  std::optional<MonoTime> due;
  if (!retries_.empty()) due = retries_.front().due;
  if (new_work_left(now)) {
    const MonoTime fresh = options_.rate <= 0 ? now : intended(next_);
    // In an open loop a time beyond the end of the run never comes.
    const bool in_time =
        options_.duration == Duration::zero() || fresh < start_ + options_.duration;
    if (in_time) due = due ? std::min(*due, fresh) : fresh;
  }
  return due;
}

}  // namespace barid::bench
