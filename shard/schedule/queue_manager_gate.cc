// Recipients who want no more mail: done without an attempt, at the time of the attempt.
#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

using queue::Message;
using queue::RecipientState;

rt::Task<void> QueueManager::pass_gate(Message* message) {
  const Result<std::vector<uint32_t>> refused = co_await gate_->find_refused(*message);
  BARID_ASSERT(message->jobs_open == 1);
  message->jobs_open = 0;
  if (stopping_) co_return;  // it is on disk as it was
  if (message->withdrawn()) {
    settle(*message);
  } else if (!refused.ok()) {
    warn("whether its recipients want mail cannot be read now: tried later", message->id);
    defer(*message);
  } else {
    for (const uint32_t recipient : *refused) refuse_recipient(*message, recipient);
    dispatch(*message);
  }
}

/// Whoever submitted it by the API sees an event. Others get the notice of a failure.
void QueueManager::refuse_recipient(Message& message, uint32_t recipient) {
  queue::RecipientStatus& status = message.status[recipient];
  BARID_ASSERT(status.state == RecipientState::kPending);
  const bool has_events = !message.envelope.email_id.empty();
  status.state = has_events ? RecipientState::kSettled : RecipientState::kFailed;
  status.dsn = {.klass = 5, .subject = 7, .detail = 1};
  status.reason = kSuppressedReason;
  const Outcome outcome{.disposition = Disposition::kFailed,
                        .dsn = status.dsn,
                        .text = status.reason,
                        .relay = "none",
                        .delays = {.before_queue = reactor_.wall_now() - message.arrival},
                        .agent = "error"};
  log_.write({}, delivery_done(LogProgram::kError, message.id,
                               message.envelope.recipients[recipient].address, outcome));
  tell_fate(message, recipient, FateObserver::Fate::kSuppressed, nullptr);
}

}  // namespace barid::schedule
