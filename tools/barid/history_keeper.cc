#include "tools/barid/history_keeper.h"

#include "tools/barid/shard_gather.h"

namespace barid::tools {
namespace {

RateSample sample_of(const std::vector<ShardStatus>& statuses, int64_t now) {
  RateSample sample{.at = now, .queued_known = true};
  for (const ShardStatus& status : statuses) {
    sample.accepted += status.counters.get(Counter::kMessagesAccepted);
    sample.delivered += status.counters.get(Counter::kDelivered);
    sample.deferred += status.counters.get(Counter::kDeferred);
    sample.bounced +=
        status.counters.get(Counter::kBounced) + status.counters.get(Counter::kExpired);
    sample.queued += status.queued_messages.value_or(0);
    sample.queued_known = sample.queued_known && status.queued_messages.has_value();
  }
  return sample;
}

}  // namespace

HistoryKeeper::HistoryKeeper(Shard::Inside& inside)
    : inside_(inside), wake_(shard_reactor(inside)), scope_(shard_reactor(inside)) {}

void HistoryKeeper::start() { scope_.spawn(keep()); }

rt::Task<void> HistoryKeeper::keep() {
  while (!stopping_) {
    const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
    history_.add(sample_of(statuses, unix_seconds(shard_reactor(inside_).wall_now())));
    if (!stopping_) static_cast<void>(co_await wake_.wait_for(RateHistory::kStep));
  }
}

rt::Task<bool> HistoryKeeper::close(MonoTime deadline) {
  stopping_ = true;
  wake_.set();
  co_return co_await scope_.join(deadline) == Code::kOk;
}

}  // namespace barid::tools
