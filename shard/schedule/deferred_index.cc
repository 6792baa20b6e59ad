#include "shard/schedule/deferred_index.h"

namespace barid::schedule {

void DeferredIndex::note(std::string_view destination, WallTime due) {
  std::string name(destination);
  const auto [found, inserted] = by_name_.try_emplace(name, due);
  if (!inserted) {
    if (found->second <= due) return;
    by_due_.erase({found->second, name});
    found->second = due;
  }
  by_due_.emplace(due, std::move(name));
}

void DeferredIndex::take(std::string_view destination) {
  const std::string name(destination);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  by_due_.erase({found->second, name});
  by_name_.erase(found);
}

}  // namespace barid::schedule
