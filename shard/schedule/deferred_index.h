// What waits on disk, in memory: per destination only the earliest due time. The rest of the order
// stays in the store's schedule family, so memory grows with destinations, not with messages.
// Layer: shard/schedule, pure. Shard-owned.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/time.h"

namespace barid::schedule {

class DeferredIndex {
 public:
  /// Something of `destination` is due at `due`.
  void note(std::string_view destination, WallTime due);
  /// Forgets the destination's entry; the caller is about to read it from the store.
  void take(std::string_view destination);

  [[nodiscard]] bool empty() const noexcept { return by_due_.empty(); }
  [[nodiscard]] size_t destinations_count() const noexcept { return by_name_.size(); }
  [[nodiscard]] std::optional<WallTime> next_due() const {
    if (by_due_.empty()) return std::nullopt;
    return by_due_.begin()->first;
  }
  /// The destination that has been due longest; must not be empty.
  [[nodiscard]] const std::string& next_destination() const { return by_due_.begin()->second; }

 private:
  absl::flat_hash_map<std::string, WallTime> by_name_;
  absl::btree_set<std::pair<WallTime, std::string>> by_due_;
};

}  // namespace barid::schedule
