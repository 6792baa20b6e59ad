// Decides which message is sent next and when: numbering, open-loop schedule, retries, end of run.
// Layer: bench, pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "core/base/time.h"

namespace barid::bench {

struct Work {
  uint64_t sequence = 0;
  MonoTime start{};  ///< latency counts from here: the intended time in an open loop
  uint32_t attempts = 0;
};

class WorkSupply {
 public:
  static constexpr size_t kRetriesMax = 1'000'000;

  struct Options {
    uint64_t message_count = 0;  ///< 0: until `duration`
    Duration duration{};         ///< no new message after it; 0: until `message_count`
    double rate = 0;             ///< messages/s, intended times fixed in advance; 0: closed loop
    uint32_t retries_max = 0;    ///< further attempts of a message that failed for now
    Duration retry_delay = std::chrono::seconds(1);
  };

  WorkSupply(const Options& options, MonoTime start) : options_(options), start_(start) {}

  /// The next message due at `now`, or nothing.
  [[nodiscard]] std::optional<Work> take(MonoTime now);
  /// Gives a message back after a failure that counts as an attempt. False: no retries left.
  [[nodiscard]] bool retry(Work work, MonoTime now);
  /// Gives a message back that was never judged; it is due at once and costs no attempt.
  void give_back(const Work& work) { retries_.push_front({.work = work, .due = MonoTime{}}); }

  /// When take() may succeed next; nothing when no work is left.
  [[nodiscard]] std::optional<MonoTime> next_due(MonoTime now) const;
  /// Until take() may succeed: zero if it may already; nothing when no work is left.
  [[nodiscard]] std::optional<Duration> wait(MonoTime now) const {
    const std::optional<MonoTime> due = next_due(now);
    if (!due) return std::nullopt;
    return std::max(Duration::zero(), *due - now);
  }
  /// No message is left to take, now or later.
  [[nodiscard]] bool exhausted(MonoTime now) const { return !next_due(now).has_value(); }
  /// No new message and no retry from now on.
  void stop() noexcept {
    stopped_ = true;
    retries_.clear();
  }
  [[nodiscard]] uint64_t taken_count() const noexcept { return next_; }

 private:
  struct Retry {
    Work work;
    MonoTime due;
  };
  [[nodiscard]] bool new_work_left(MonoTime now) const noexcept;
  [[nodiscard]] MonoTime intended(uint64_t sequence) const noexcept;

  const Options options_;
  const MonoTime start_;
  uint64_t next_ = 0;
  bool stopped_ = false;
  std::deque<Retry> retries_;  ///< in order of due: the delay is the same for all
};

}  // namespace barid::bench
