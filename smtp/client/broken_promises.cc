#include "smtp/client/broken_promises.h"

#include <utility>

namespace barid::smtp {

const BrokenPromises::Broken* BrokenPromises::find(const std::string& key, MonoTime now,
                                                   uint64_t revival) const noexcept {
  const auto found = broken_.find(key);
  if (found == broken_.end()) return nullptr;
  const Broken& broken = found->second;
  if (broken.failures_count < kFailuresMin || broken.until <= now) return nullptr;
  return broken.revival == revival ? &broken : nullptr;
}

void BrokenPromises::note_failure(const std::string& key, Broken what, MonoTime now) {
  if (broken_.size() >= kPromisesMax && !broken_.contains(key)) {
    std::erase_if(broken_, [now](const auto& one) { return one.second.until <= now; });
    if (broken_.size() >= kPromisesMax) return;
  }
  Broken& broken = broken_[key];
  what.failures_count = broken.failures_count + 1;
  broken = std::move(what);
}

void BrokenPromises::note_success(const std::string& key) noexcept { broken_.erase(key); }

}  // namespace barid::smtp
