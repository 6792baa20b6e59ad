// Which messages of a partition are on their way at this instant: their last byte is with the
// kernel, their outcome is not on disk. A store to mapped memory when such a flight begins and one
// when it ended, so that the process after a kill can tell whose second copy is possible
// (docs/style.md E6: in doubt).
// Layer: shard/queue. Shard-owned, but for open().
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/queue_id.h"

namespace barid::queue {

class FlightMarks {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kHeaderWords = 4;
  static constexpr size_t kSlots = 32'768;
  static constexpr size_t kWords = kHeaderWords + kSlots;

  /// `words`: kHeaderWords or more, as a former process left them or 0; they outlive this.
  /// `host_run`: a number of this run of the host, not 0.
  FlightMarks(std::span<uint64_t> words, uint16_t partition, uint64_t host_run);

  /// A flight of this message begins. kNone: all marks are in use; that is noted, too.
  [[nodiscard]] uint32_t set(QueueId id) noexcept;
  /// Its outcome is on disk. kNone is nothing.
  void clear(uint32_t mark) noexcept;

  // --- what the process before left

  [[nodiscard]] std::vector<QueueId> left() const;
  /// The mark of such a message, which is the caller's from now on; else kNone.
  [[nodiscard]] uint32_t take_left(QueueId id) noexcept;
  /// Flights of the process before may be missing: the host went down with it, or it had more at a
  /// time than there are marks.
  [[nodiscard]] bool is_incomplete() const noexcept { return incomplete_; }

  /// The process ends by itself: what is marked still is all there is.
  void end() noexcept;

 private:
  void write(size_t word, uint64_t value) noexcept;

  const std::span<uint64_t> words_;
  const uint16_t partition_;
  std::vector<uint32_t> free_;  // marks that were cleared; the last one is used first
  uint32_t unused_ = 0;         // marks from here on were never set
  absl::flat_hash_map<uint64_t, uint32_t> left_;
  bool incomplete_ = false;
};

}  // namespace barid::queue
