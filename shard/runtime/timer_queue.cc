#include "shard/runtime/timer_queue.h"

#include <algorithm>

#include "core/base/assert.h"

namespace barid::rt {

void Timer::cancel() noexcept {
  if (queue_ != nullptr) queue_->cancel(*this);
}

TimerQueue::~TimerQueue() {
  for (Timer* timer : heap_) timer->queue_ = nullptr;
}

void TimerQueue::arm(Timer& timer, MonoTime due) {
  BARID_ASSERT(timer.queue_ == nullptr || timer.queue_ == this);
  const bool is_new = timer.queue_ == nullptr;
  if (is_new) {
    timer.queue_ = this;
    timer.index_ = heap_.size();
    heap_.push_back(&timer);
  }
  timer.due_ = std::max(due, due_min_);
  timer.sequence_ = next_sequence_++;
  sift_up(timer.index_);
  sift_down(timer.index_);
}

void TimerQueue::cancel(Timer& timer) noexcept {
  if (timer.queue_ == nullptr) return;
  BARID_ASSERT(timer.queue_ == this);
  BARID_ASSERT(heap_[timer.index_] == &timer);
  const size_t index = timer.index_;
  timer.queue_ = nullptr;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

size_t TimerQueue::fire_due(MonoTime now) {
  const uint64_t sequence_limit = next_sequence_;
  due_min_ = now;
  size_t fired = 0;
  while (!heap_.empty()) {
    Timer* timer = heap_.front();
    // A timer re-armed from its own callback for "now" waits for the next turn, or I/O would
    // starve.
    if (timer->due_ > now || timer->sequence_ >= sequence_limit) break;
    cancel(*timer);
    timer->on_timer();
    ++fired;
  }
  due_min_ = MonoTime::min();
  return fired;
}

void TimerQueue::sift_up(size_t index) noexcept {
  Timer* timer = heap_[index];
  while (index > 0) {
    const size_t parent = (index - 1) / 4;
    if (!before(*timer, *heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, timer);
}

void TimerQueue::sift_down(size_t index) noexcept {
  Timer* timer = heap_[index];
  for (;;) {
    const size_t first = 4 * index + 1;
    if (first >= heap_.size()) break;
    const size_t end = std::min(first + 4, heap_.size());
    size_t best = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (before(*heap_[child], *heap_[best])) best = child;
    }
    if (!before(*heap_[best], *timer)) break;
    place(index, heap_[best]);
    index = best;
  }
  place(index, timer);
}

}  // namespace barid::rt
