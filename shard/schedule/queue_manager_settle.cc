// Outcomes, and what becomes of a message once an attempt is over.
#include <fmt/format.h>

#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

using queue::Message;
using queue::RecipientState;
using queue::RecipientStatus;

namespace {

LogProgram program_of(std::string_view transport) noexcept {
  if (transport == "lmtp") return LogProgram::kLmtp;
  if (transport == "error" || transport == "retry") return LogProgram::kError;
  if (transport == "discard") return LogProgram::kDiscard;
  if (transport == "local") return LogProgram::kLocal;
  return LogProgram::kSmtp;
}

}  // namespace

void QueueManager::on_outcome(const Job& job, uint32_t recipient, const Outcome& outcome) {
  Message& message = *job.message;
  RecipientStatus& status = message.status[recipient];
  const Recipient& who = message.envelope.recipients[recipient];
  BARID_ASSERT(status.state == RecipientState::kPending);
  status.dsn = outcome.dsn;
  const bool softened = retry_.soft_bounce && outcome.disposition == Disposition::kFailed;
  switch (softened ? Disposition::kDeferred : outcome.disposition) {
    case Disposition::kDelivered:
      status.state = RecipientState::kDelivered;
      status.success = notices_.success_report(message, who, outcome);
      counters_.add(Counter::kDelivered);
      break;
    case Disposition::kFailed:
      status.state = RecipientState::kFailed;
      counters_.add(Counter::kBounced);
      break;
    case Disposition::kInDoubt:
      ++message.in_doubt_count;
      counters_.add(Counter::kInDoubt);
      [[fallthrough]];
    case Disposition::kDeferred:
      counters_.add(Counter::kDeferred);
      break;
  }
  if (outcome.disposition != Disposition::kDelivered ||
      status.success != queue::SuccessReport::kNone) {
    status.reason = outcome.text;
    status.remote_mta = outcome.remote_mta;
    status.diagnostic = outcome.diagnostic;
  }
  message.attempted = true;
  using Fate = FateObserver::Fate;
  tell_fate(message, recipient,
            status.state == RecipientState::kDelivered ? Fate::kDelivered
            : status.state == RecipientState::kFailed  ? Fate::kFailed
                                                       : Fate::kDeferred,
            &outcome);
  DeliveryDone done = delivery_done(program_of(outcome.agent), message.id, who.address, outcome);
  if (softened) done.status = DeliveryStatus::kSoftBounce;
  log_.write({.pid = outcome.log_pid}, done);
}

void QueueManager::on_job_done(Job job) {
  Message& message = *job.message;
  BARID_ASSERT(message.jobs_open > 0);
  --message.jobs_open;
  if (message.flight_mark == queue::FlightMarks::kNone) {
    message.flight_mark = job.flight_mark;
  } else {
    message.partition->drop_flight(job.flight_mark);  // one says it until the change is on disk
  }
  if (message.jobs_open == 0) {
    settle(message);
    return;
  }
  // Other destinations go on, maybe for minutes: who is done must not be tried again after a crash.
  rewrite(message, queues_of(message), reactor_.wall_now());
}

/// Nothing was tried: it neither counts as an attempt nor lengthens the backoff.
void QueueManager::on_job_suspended(Job job, const SiteTrouble& trouble, WallTime until) {
  Message& message = *job.message;
  const Outcome outcome{
      .disposition = Disposition::kDeferred,
      .dsn = trouble.dsn,
      .text = trouble.is_whole ? trouble.text : "delivery temporarily suspended: " + trouble.text,
      .relay = "none",
      .delays = {.before_queue = reactor_.wall_now() - message.arrival},
      .agent = "error"};
  for (const uint32_t recipient : job.recipients) {
    RecipientStatus& status = message.status[recipient];
    status.dsn = outcome.dsn;
    status.reason = outcome.text;
    counters_.add(Counter::kSuspended);
    log_.write({}, delivery_done(program_of(outcome.agent), message.id,
                                 message.envelope.recipients[recipient].address, outcome));
  }
  // Mail for a site that comes back soon does not wait for one that is stopped for a day.
  const bool first = message.suspended_until == WallTime{};
  message.suspended_until = first ? until : std::min(message.suspended_until, until);
  on_job_done(std::move(job));
}

void QueueManager::settle(Message& message) {
  if (message.attempted) ++message.attempts;
  if (message.order == queue::Order::kDelete) {
    remove(message);
    forget(message);
    return;
  }
  const bool stays = message.hold || message.order == queue::Order::kRequeue;
  if (message.pending_count() > 0 && !stays) expire(message);
  if (notices_.anything_due(message, reactor_.wall_now())) {
    scope_.spawn(settle_with_notices(&message));
  } else {
    finish(message);
  }
}

/// The submitter's own limit: after it the mail is of no use.
bool QueueManager::is_too_late(const Message& message) const {
  const WallTime limit = message.envelope.expires_at;
  return limit != WallTime{} && limit <= reactor_.wall_now();
}

/// When the message is to be looked at for the last time.
WallTime QueueManager::end_of(const Message& message) const {
  const Duration life = lifetime(retry_, message.envelope.sender.empty());
  const WallTime end = std::chrono::time_point_cast<WallTime::duration>(message.created + life);
  const WallTime limit = message.envelope.expires_at;
  return limit == WallTime{} ? end : std::min(end, limit);
}

/// Lifetime over: what is still pending fails with its last reason.
void QueueManager::expire(Message& message) {
  const Duration age = reactor_.wall_now() - message.created;
  const bool null_sender = message.envelope.sender.empty();
  if (!message.force_expired && !is_too_late(message) && !is_expired(retry_, null_sender, age)) {
    return;
  }
  log_.write({}, QmgrExpired{.queue_id = message.id,
                             .sender = message.envelope.sender,
                             .forced = message.force_expired});
  counters_.add(Counter::kExpired);
  for (uint32_t i = 0; i < message.status.size(); ++i) {
    RecipientStatus& status = message.status[i];
    if (status.state != RecipientState::kPending) continue;
    status.state = RecipientState::kFailed;
    if (status.reason.empty()) {
      if (message.force_expired) {
        status.dsn = {.klass = 4, .subject = 7, .detail = 0};
        status.reason = "message is administratively expired";
      } else {
        status.dsn = {.klass = 4, .subject = 4, .detail = 7};
        status.reason = "delivery time expired";
      }
    }
    tell_fate(message, i, FateObserver::Fate::kExpired, nullptr);
  }
}

void QueueManager::finish(Message& message) {
  if (message.pending_count() > 0) {
    defer(message);
    return;
  }
  remove(message);
  forget(message);
}

void QueueManager::defer(Message& message) {
  if (message.order == queue::Order::kDelete) {
    remove(message);
    forget(message);
    return;
  }
  if (message.order == queue::Order::kRequeue) {
    scope_.spawn(requeue(&message));
    return;
  }
  if (message.hold) {
    file_on_hold(message);
    forget(message);
    return;
  }
  const WallTime now = reactor_.wall_now();
  const Duration age = std::max<Duration>(now - message.created, Duration::zero());
  Duration delay = next_retry_delay(retry_, age, std::max(message.attempts, 1u));
  // What failed together need not come back together.
  const auto jitter = static_cast<uint64_t>(static_cast<double>(delay.count()) * retry_.jitter);
  if (jitter > 0) delay += Duration(static_cast<Duration::rep>(reactor_.rng().below(jitter)));
  WallTime due = std::chrono::time_point_cast<WallTime::duration>(now + delay);
  if (!message.attempted && message.suspended_until > now) due = message.suspended_until;
  if (const WallTime end = end_of(message); end > now) due = std::min(due, end);
  rewrite(message, filing_of(message), due);
  forget(message);
}

std::vector<std::string> QueueManager::filing_of(const Message& message) const {
  std::vector<std::string> destinations = queues_of(message);
  // Only recipients whose notice is not made yet: any key will do to be found again.
  if (destinations.empty()) destinations.push_back("retry:notice");
  return destinations;
}

}  // namespace barid::schedule
