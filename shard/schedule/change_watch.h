// Records are read off the shard, and by the time they arrive the message may have been delivered,
// deferred or deleted. Whoever acts on what was read opens a Reading before it asks, and asks the
// Reading about each id when it acts: true means that a change of that record was completed since,
// so what was read may be older.
// Layer: shard/schedule, pure. Shard-owned.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <utility>

#include "core/base/queue_id.h"

namespace barid::schedule {

class ChangeWatch {
 public:
  class Reading {
   public:
    explicit Reading(ChangeWatch& watch) : watch_(watch), begun_(watch.clock_) {
      watch_.open_.insert(begun_);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { watch_.close(begun_); }

    [[nodiscard]] bool changed(QueueId id) const {
      const auto found = watch_.last_.find(id);
      return found != watch_.last_.end() && found->second > begun_;
    }

   private:
    ChangeWatch& watch_;
    const uint64_t begun_;
  };

  /// A change of that record is on disk. Costs nothing while nobody reads.
  void note(QueueId id) {
    if (open_.empty()) return;
    last_[id] = ++clock_;
    order_.emplace_back(clock_, id);
  }
  [[nodiscard]] size_t ids_count() const noexcept { return last_.size(); }

 private:
  void close(uint64_t begun) {
    open_.erase(open_.find(begun));
    if (open_.empty()) {
      last_.clear();
      order_.clear();
      return;
    }
    for (; !order_.empty() && order_.front().first <= *open_.begin(); order_.pop_front()) {
      const auto found = last_.find(order_.front().second);
      if (found != last_.end() && found->second == order_.front().first) last_.erase(found);
    }
  }

  uint64_t clock_ = 0;
  absl::btree_multiset<uint64_t> open_;          // when each open reading began
  absl::flat_hash_map<QueueId, uint64_t> last_;  // changes that some open reading may have missed
  std::deque<std::pair<uint64_t, QueueId>> order_;
};

}  // namespace barid::schedule
