#include "deliver/text_agent.h"

#include "deliver/agents.h"
#include "shard/runtime/event.h"

namespace barid {

Outcome TextAgent::outcome_for(std::string_view next_hop) const {
  switch (kind_) {
    case Kind::kError:
      return error_outcome(next_hop);
    case Kind::kRetry:
      return retry_outcome(next_hop);
    case Kind::kDiscard:
      return discard_outcome(next_hop);
  }
  return retry_outcome(next_hop);
}

rt::Task<void> TextAgent::deliver(schedule::Lease& lease) {
  constexpr uint32_t kJobsPerTurn = 64;
  uint32_t count = 0;
  while (std::optional<schedule::Job> job = lease.take()) {
    Outcome outcome = outcome_for(job->route().nexthop);
    outcome.agent = kind_ == Kind::kDiscard ? "discard" : "error";
    outcome.delays.in_queue = reactor_.now() - job->message->activated;
    for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, outcome);
    lease.finish(std::move(*job), schedule::Lease::Hop::kWorked);
    if (++count % kJobsPerTurn == 0) co_await rt::yield(reactor_);
  }
}

}  // namespace barid
