#include "deliver/text_agent.h"

#include "deliver/agents.h"
#include "shard/runtime/event.h"

namespace barid {
namespace {

Outcome outcome_of(TextAgent::Kind kind, std::string_view next_hop) {
  switch (kind) {
    case TextAgent::Kind::kError:
      return error_outcome(next_hop);
    case TextAgent::Kind::kRetry:
      return retry_outcome(next_hop);
    case TextAgent::Kind::kDiscard:
      return discard_outcome(next_hop);
  }
  return retry_outcome(next_hop);
}

}  // namespace

Outcome TextAgent::outcome_for(const schedule::Job& job) const {
  Outcome outcome = outcome_of(kind_, job.route().nexthop);
  outcome.agent = kind_ == Kind::kDiscard ? "discard" : "error";
  if (status_filter_ == nullptr) return outcome;
  const std::string complaint = status_filter_->apply(outcome);
  if (!complaint.empty()) {
    log_.write({}, LogNote{.program = LogProgram::kError,
                           .severity = LogSeverity::kWarning,
                           .queue_id = job.message->id,
                           .text = complaint});
  }
  return outcome;
}

rt::Task<void> TextAgent::deliver(schedule::Lease& lease) {
  constexpr uint32_t kJobsPerTurn = 64;
  uint32_t count = 0;
  while (std::optional<schedule::Job> job = lease.take()) {
    Outcome outcome = outcome_for(*job);
    outcome.delays.in_queue = reactor_.now() - job->message->activated;
    for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, outcome);
    lease.finish(std::move(*job), schedule::Lease::Hop::kWorked);
    if (++count % kJobsPerTurn == 0) co_await rt::yield(reactor_);
  }
}

}  // namespace barid
