// A bounded lock-free ring between exactly one producer thread and one consumer thread.
// Indices live on separate cache lines; each side caches the other's, so that a run of pushes or
// pops touches a foreign line once. Only acquire/release order is needed here; the sleep/wake-up
// fence is in waker.h.
// Layer: shard/runtime.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace barid::rt {

template <typename T, size_t kCapacity>
class SpscRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0, "capacity must be a power of two");
  static_assert(std::is_trivially_copyable_v<T>, "ring slots cross threads as plain bytes");

 public:
  /// Producer. False = full: the caller keeps the value (back-pressure, never a spin).
  [[nodiscard]] bool try_push(const T& value) noexcept {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_cached_ == kCapacity) {
      head_cached_ = head_.load(std::memory_order_acquire);
      if (tail - head_cached_ == kCapacity) return false;
    }
    slots_[tail & (kCapacity - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Consumer. False = empty.
  [[nodiscard]] bool try_pop(T* value) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_cached_) {
      tail_cached_ = tail_.load(std::memory_order_acquire);
      if (head == tail_cached_) return false;
    }
    *value = slots_[head & (kCapacity - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Consumer.
  [[nodiscard]] bool has_items() const noexcept {
    return head_.load(std::memory_order_relaxed) != tail_.load(std::memory_order_acquire);
  }

 private:
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the producer
  uint64_t head_cached_ = 0;                   // producer's copy
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the consumer
  uint64_t tail_cached_ = 0;                   // consumer's copy
  alignas(64) std::array<T, kCapacity> slots_{};
};

}  // namespace barid::rt
