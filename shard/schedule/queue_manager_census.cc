// How many messages there are: what an earlier process left, counted once beside the adoption, and
// what came and went since, which the partition knows from its commits.
#include "shard/schedule/queue_manager.h"

namespace barid::schedule {
namespace {

constexpr Duration kCountPatience = std::chrono::hours(1);

/// Entries of a family up to a mark. A scan sees the family as it was when it began.
class Tally final : public queue::Store::Visitor {
 public:
  Tally(uint64_t mark, std::atomic<bool>& begun, const std::atomic<bool>& stopped)
      : mark_(mark), begun_(begun), stopped_(stopped) {}
  bool on_entry(std::string_view key, std::string_view) override {
    begun_.store(true, std::memory_order_release);
    const auto id = QueueId::from_key(key);
    if (id && id->micros <= mark_) ++found;
    return !stopped_.load(std::memory_order_relaxed);
  }
  uint64_t found = 0;

 private:
  const uint64_t mark_;
  std::atomic<bool>& begun_;
  const std::atomic<bool>& stopped_;
};

}  // namespace

/// Of Family::kQueued; recover() counts what it adopts of Family::kFresh.
rt::Task<void> QueueManager::count_queued(Source* source) {
  Census& census = source->census;
  auto call = [&census, &store = source->partition->store(),
               mark = source->id_mark]() -> Result<uint64_t> {
    Tally tally(mark, census.begun, census.stopped);
    const Status status = store.scan(queue::Family::kQueued, "", tally);
    census.begun.store(true, std::memory_order_release);
    if (!status.ok()) return status.error();
    if (census.stopped.load(std::memory_order_relaxed)) return Error{.code = Code::kCancelled};
    return tally.found;
  };
  const Result<uint64_t> found =
      co_await offload_.run(std::move(call), reactor_.now() + kCountPatience);
  census.begun.store(true, std::memory_order_release);
  if (!found.ok()) co_return;
  census.found_count += *found;
  census.known = true;
}

std::optional<uint64_t> QueueManager::queued_count() const noexcept {
  if (recovering()) return std::nullopt;
  int64_t count = 0;
  for (const std::unique_ptr<Source>& source : partitions_) {
    if (!source->census.known) return std::nullopt;
    count += static_cast<int64_t>(source->census.found_count) + source->partition->gained_count();
  }
  return count > 0 ? static_cast<uint64_t>(count) : 0;
}

}  // namespace barid::schedule
