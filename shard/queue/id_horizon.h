// Up to where the events of a process are final, over all its partitions. A partition gives ids in
// their order, and events get visible in that order; but one partition's disk may be slower than
// another's. Who reads all of them as one list, and asks for what comes after the last it saw, must
// not be told of an id while a smaller one can still come.
//
// An event below what settle() returned is visible or never will be: it waits for groups that are
// being committed, and for those that failed until they are undone, as they may be seen when the
// store was reopened; and later ids are given above it, wherever the clock stands. Layer:
// shard/queue. Written by the shards, read by any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>

namespace barid::queue {

class IdHorizon {
 public:
  /// One partition's word. Until the first one nothing of the process is final.
  class Place {
   public:
    /// Events from `next` on may come; all before it are decided. `busy`: `next` is in a group that
    /// is being committed, else it was not given yet, and will not be before the clock reaches it.
    void set(uint64_t next, bool busy) noexcept {
      word_.store(next << 1 | (busy ? 1 : 0), std::memory_order_release);
    }

   private:
    friend class IdHorizon;
    std::atomic<uint64_t> word_{1};
  };

  /// Before the shards run. `mark_micros`: no id of an earlier process is above it.
  void add_partition(uint16_t partition, uint64_t mark_micros) {
    places_[partition];
    tell(mark_micros + 1);
  }
  [[nodiscard]] Place& place_of(uint16_t partition) noexcept {
    return places_.find(partition)->second;
  }

  /// The bound for a listing that starts now. `clock_micros`: a moment before which every turn that
  /// still runs has begun, and thus what a partition that does nothing now will not go below.
  [[nodiscard]] uint64_t settle(uint64_t clock_micros) noexcept {
    uint64_t bound = places_.empty() ? clock_micros : std::numeric_limits<uint64_t>::max();
    for (const auto& [number, place] : places_) {
      const uint64_t word = place.word_.load(std::memory_order_acquire);
      const uint64_t next = word >> 1;
      bound = std::min(bound, (word & 1) != 0 ? next : std::max(next, clock_micros));
    }
    tell(bound);
    return bound;
  }
  /// Of one partition's events, those below are final: what is seen from there on may be undone.
  [[nodiscard]] uint64_t final_below(uint16_t partition) const noexcept {
    const auto found = places_.find(partition);
    if (found == places_.end()) return std::numeric_limits<uint64_t>::max();
    const uint64_t word = found->second.word_.load(std::memory_order_acquire);
    return (word & 1) != 0 ? word >> 1 : std::numeric_limits<uint64_t>::max();
  }
  /// New ids are not below it.
  [[nodiscard]] uint64_t told() const noexcept { return told_.load(std::memory_order_relaxed); }

 private:
  void tell(uint64_t micros) noexcept {
    uint64_t told = told_.load(std::memory_order_relaxed);
    while (told < micros && !told_.compare_exchange_weak(told, micros)) {
    }
  }

  std::map<uint16_t, Place> places_;
  std::atomic<uint64_t> told_{0};
};

}  // namespace barid::queue
