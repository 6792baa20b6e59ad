// A double-ended queue that takes no memory while it is empty, and little while it is short: there
// are several for each destination and site, tens of thousands of them, most with an entry or none.
// (std::deque takes 576 bytes before its first element, boost's keeps its blocks when it empties.)
// Layer: shard/schedule, pure.
#pragma once

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <utility>

namespace barid::schedule {

template <typename T>
class ShortQueue {
 public:
  using iterator = typename boost::circular_buffer<T>::iterator;

  [[nodiscard]] bool empty() const noexcept { return ring_.empty(); }
  [[nodiscard]] size_t size() const noexcept { return ring_.size(); }
  [[nodiscard]] T& front() noexcept { return ring_.front(); }
  [[nodiscard]] iterator begin() noexcept { return ring_.begin(); }
  [[nodiscard]] iterator end() noexcept { return ring_.end(); }

  /// Invalidates iterators, as the two below.
  void push_back(T value) {
    grow_if_full();
    ring_.push_back(std::move(value));
  }
  void push_front(T value) {
    grow_if_full();
    ring_.push_front(std::move(value));
  }
  /// Before the element at `index`, which may be size().
  void insert(size_t index, T value) {
    grow_if_full();
    ring_.insert(ring_.begin() + static_cast<ptrdiff_t>(index), std::move(value));
  }
  void pop_front() noexcept {
    ring_.pop_front();
    release_if_empty();
  }
  /// From `first` to the end.
  void truncate(iterator first) {
    ring_.erase(first, ring_.end());
    release_if_empty();
  }

 private:
  static constexpr size_t kFirstCapacity = 2;

  void grow_if_full() {
    if (ring_.full()) ring_.set_capacity(std::max(2 * ring_.size(), kFirstCapacity));
  }
  void release_if_empty() {
    if (ring_.empty()) ring_.set_capacity(0);
  }

  boost::circular_buffer<T> ring_;
};

}  // namespace barid::schedule
