// From which event on somebody still asks for a partition's events: what the sweeper leaves alone
// whatever its age.
// Layer: http. Written by the webhooks' thread, read by offload threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>

namespace barid::http {

class EventFloors {
 public:
  static constexpr uint64_t kNobody = std::numeric_limits<uint64_t>::max();

  /// Before anything reads. Until set() everything is asked for.
  void add_partition(uint16_t partition) { floors_[partition].store(0); }
  /// `micros`: of the first event that is asked for.
  void set(uint16_t partition, uint64_t micros) noexcept {
    const auto found = floors_.find(partition);
    if (found != floors_.end()) found->second.store(micros, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t of(uint16_t partition) const noexcept {
    const auto found = floors_.find(partition);
    return found == floors_.end() ? kNobody : found->second.load(std::memory_order_relaxed);
  }

 private:
  std::map<uint16_t, std::atomic<uint64_t>> floors_;
};

}  // namespace barid::http
