// The events of one partition on their way to one endpoint: a cursor into the stored events, and a
// bounded window of those before it that are not settled. What waits beyond the window is on disk
// only, so that an endpoint that takes nothing costs no memory.
//
// An event is taken, or tried again by the schedule, or dead. Events of one email go in order: a
// later one waits for an earlier one. While the endpoint fails, fresh events are tried one by one
// and ever less often; the first success brings the others forward.
// Layer: http, pure: time and chance are handed in.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/queue_id.h"
#include "core/base/time.h"

namespace barid::http {

class Lane {
 public:
  static constexpr size_t kWindowMax = 256;
  static constexpr size_t kFlyingMax = 8;
  static constexpr size_t kFlyingFailingMax = 2;
  static constexpr size_t kDeadMax = 1000;      // known as dead; older ones are only not sent
  static constexpr uint32_t kFailingAfter = 3;  // failures in a row

  /// `retries`: the pause after the first, second, … failed attempt. Starts after `start`.
  Lane(std::vector<Duration> retries, QueueId start)
      : retries_(std::move(retries)), cursor_(start) {}

  /// For failures from now on.
  void set_retries(std::vector<Duration> retries) { retries_ = std::move(retries); }

  // --- filling, in the order of the events
  [[nodiscard]] bool wants_more() const noexcept;
  [[nodiscard]] QueueId cursor() const noexcept { return cursor_; }
  /// The next event; `order`: what is equal for events that must stay in order.
  void offer(QueueId id, uint64_t order, WallTime now);
  /// The next event, which is not for this endpoint.
  void skip(QueueId id) noexcept { cursor_ = id; }

  // --- sending
  /// Events to send now; each is answered for by one of the calls below.
  [[nodiscard]] std::vector<QueueId> take(WallTime now);
  enum class Answer : uint8_t { kTaken, kFailed };
  /// `chance`: 0 to 1, for the jitter.
  void on_answer(QueueId id, Answer answer, WallTime now, double chance);
  /// It is not there any more, or nobody's to tell.
  void drop(QueueId id) { remove(id); }
  /// Nothing came of trying, and it is not the endpoint's fault.
  void put_back(QueueId id, WallTime due);
  /// When take() may have something; nullopt: not before something happens.
  [[nodiscard]] std::optional<WallTime> next_due() const;

  // --- what lasts
  [[nodiscard]] std::string state() const;
  /// False: not a state; nothing changed.
  bool restore(std::string_view state);
  /// Starts again behind `after`; once for each number.
  void replay(uint32_t number, QueueId after);
  /// Nothing up to `id` is wanted, unless a replay was ordered after that was told first: it goes
  /// back behind it.
  void start_after(QueueId id) noexcept;
  void forget_dead(WallTime before);
  /// The first event that it may still ask for.
  [[nodiscard]] QueueId oldest_needed() const noexcept;

  [[nodiscard]] size_t open_count() const noexcept { return open_.size(); }
  [[nodiscard]] size_t dead_count() const noexcept { return dead_.size(); }
  /// The first of the failures since the last success; epoch = none.
  [[nodiscard]] WallTime failing_since() const noexcept { return failing_since_; }
  /// State differs from what take_changed() last saw.
  [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }

 private:
  struct Entry {
    QueueId id;
    uint64_t order = 0;
    uint32_t attempts = 0;
    WallTime due{};
    bool flying = false;
  };
  struct Dead {
    QueueId id;
    WallTime since;
  };
  [[nodiscard]] bool failing() const noexcept { return failures_ >= kFailingAfter; }
  [[nodiscard]] Entry* find(QueueId id) noexcept;
  void remove(QueueId id);
  void on_success(WallTime now);

  std::vector<Duration> retries_;
  QueueId cursor_;
  QueueId start_;           // the last one told to start_after()
  std::deque<Entry> open_;  // in the order of their ids
  std::deque<Dead> dead_;
  uint32_t replay_ = 0;
  uint32_t failures_ = 0;  // in a row
  WallTime failing_since_{};
  WallTime probe_at_{};  // no fresh event before, while it fails
  bool changed_ = false;
};

}  // namespace barid::http
