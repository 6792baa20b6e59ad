// Timers of one shard: an intrusive 4-ary heap ordered by (due, sequence), so that timers due at
// the same time fire in the order they were armed (replay needs that). Arm, re-arm and cancel cost
// O(log n) and allocate nothing but the heap's own growth. Layer: shard/runtime. Shard-owned.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/time.h"

namespace barid::rt {

class TimerQueue;

/// Embed it in the object that wants to be called. Destroying an armed timer cancels it.
class Timer {
 public:
  Timer() noexcept = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  [[nodiscard]] bool armed() const noexcept { return queue_ != nullptr; }
  [[nodiscard]] MonoTime due() const noexcept { return due_; }
  void cancel() noexcept;

  virtual void on_timer() = 0;

 protected:
  ~Timer() { cancel(); }

 private:
  friend class TimerQueue;
  TimerQueue* queue_ = nullptr;
  MonoTime due_{};
  uint64_t sequence_ = 0;
  size_t index_ = 0;
};

class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  /// Arms or moves a timer.
  void arm(Timer& timer, MonoTime due);
  void cancel(Timer& timer) noexcept;

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  /// Must not be called when empty.
  [[nodiscard]] MonoTime next_due() const noexcept { return heap_.front()->due_; }

  /// Fires all timers due at or before `now` that were armed before this call; returns their count.
  size_t fire_due(MonoTime now);

 private:
  [[nodiscard]] static bool before(const Timer& a, const Timer& b) noexcept {
    return a.due_ != b.due_ ? a.due_ < b.due_ : a.sequence_ < b.sequence_;
  }
  void place(size_t index, Timer* timer) noexcept {
    heap_[index] = timer;
    timer->index_ = index;
  }
  void sift_up(size_t index) noexcept;
  void sift_down(size_t index) noexcept;

  std::vector<Timer*> heap_;
  MonoTime due_min_ = MonoTime::min();  // while firing: what is armed now comes after what is due
  uint64_t next_sequence_ = 0;
};

}  // namespace barid::rt
