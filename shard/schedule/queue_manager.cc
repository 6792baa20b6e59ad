#include "shard/schedule/queue_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace barid::schedule {
namespace {
constexpr std::string_view kNoStorage = "452 4.3.1 Insufficient system storage";
constexpr std::string_view kNoMemory = "452 4.3.1 Insufficient system resources";
constexpr std::string_view kStopping = "421 4.3.2 Service shutting down";
}  // namespace

QueueManager::QueueManager(const QueueManagerEnv& env)
    : reactor_(env.reactor),
      offload_(env.offload),
      log_(env.log),
      counters_(env.counters),
      timings_(env.timings),
      router_(env.router),
      notices_(env.notices),
      scope_(env.reactor),
      dispatcher_(env.reactor, *this, env.governors) {}

QueueManager::~QueueManager() = default;

void QueueManager::set_policy(const RetryPolicy& retry, const QueueLimits& limits) {
  retry_ = retry;
  limits_ = limits;
  for (const std::unique_ptr<Source>& source : partitions_) arm(*source);  // there may be room now
}

void QueueManager::add_partition(queue::Partition& partition, uint64_t id_mark) {
  partitions_.push_back(std::make_unique<Source>(*this, partition, offload_));
  partitions_.back()->id_mark = id_mark;
  partition.start_ids_after(id_mark);
}

void QueueManager::start() {
  for (const std::unique_ptr<Source>& source : partitions_) {
    ++recovering_count_;
    scope_.spawn(recover(source.get()));
  }
}

QueueManager::Source& QueueManager::source_of(const queue::Partition& partition) {
  for (const std::unique_ptr<Source>& source : partitions_) {
    if (source->partition == &partition) return *source;
  }
  BARID_ASSERT(false && "a message of a foreign partition");
}

void QueueManager::warn(std::string_view text, QueueId id) {
  log_.write({}, LogNote{.program = LogProgram::kQmgr,
                         .severity = LogSeverity::kWarning,
                         .queue_id = id,
                         .text = text});
}

// --- coming in

std::string_view QueueManager::refuse_mail(uint64_t announced_bytes) const {
  if (stopping_) return kStopping;
  const queue::Partition& home_partition = *partitions_.front()->partition;
  if (!home_partition.writable()) return kNoStorage;
  const queue::Store& store = home_partition.store();
  if (store.free_bytes() < limits_.free_disk_bytes_min + announced_bytes) {
    counters_.reach(Limit::kDiskSpace);
    return kNoStorage;
  }
  if (store.open_group_bytes() > limits_.staged_bytes_max) {
    counters_.reach(Limit::kCommitBacklog);
    return kNoMemory;
  }
  return {};
}

uint64_t QueueManager::stage(Submission submission) {
  queue::Partition& partition = submission.partition != nullptr ? *submission.partition : home();
  auto message = std::make_unique<queue::Message>();
  message->id = submission.id;
  message->envelope = std::move(submission.envelope);
  message->status.resize(message->envelope.recipients.size());
  message->size = submission.content->size();
  message->arrival = submission.arrival;
  message->created = submission.arrival;
  message->content = std::move(submission.content);
  message->is_notice = submission.is_notice;
  message->hold = submission.hold;
  if (submission.due > reactor_.wall_now()) message->due = message->created = submission.due;
  counters_.add(Counter::kMessagesAccepted);
  counters_.add(Counter::kBytesAccepted, message->size);
  counters_.add(Counter::kRecipientsAccepted, message->status.size());
  return stage_in(partition, std::move(message));
}

uint64_t QueueManager::stage_in(queue::Partition& partition,
                                std::unique_ptr<queue::Message> message) {
  const bool waits = message->due > reactor_.wall_now();
  const bool to_memory = !message->hold && !waits && fits_in_memory(*message);
  if (to_memory) {
    ++staged_count_;
  } else {
    ++changing_[message->id];
    if (!message->hold) {
      message->filed_under = queues_of(*message);
      if (!waits) {
        memory_was_full_ = true;
        counters_.reach(Limit::kActiveMessages);
        message->due = reactor_.wall_now();
      }
    }
  }
  return partition.stage(std::move(message), to_memory);
}

void QueueManager::on_accepted(std::unique_ptr<queue::Message> message) {
  BARID_ASSERT(staged_count_ > 0);
  --staged_count_;
  activate(std::move(message), /*just_accepted=*/true);
}

void QueueManager::on_filed(QueueId id, const std::vector<std::string>& queues, WallTime due) {
  on_changed(id);
  if (active_.contains(id)) return;  // progress of an attempt that goes on
  // Which partition filed it does not matter for the shard's only one; with several, a needless
  // look into the others costs one seek.
  for (const std::unique_ptr<Source>& source : partitions_) {
    for (const std::string& queue : queues) source->backlog.note(queue, due);
    arm(*source);
  }
}

/// The local part without extension: what a destination of one recipient a job is keyed by.
std::string QueueManager::user_of(std::string_view address) const {
  std::string_view user = address.substr(0, address.rfind('@'));
  const size_t extension = user.find_first_of(limits_.recipient_delimiter, 1);
  return std::string(user.substr(0, extension));
}

Route QueueManager::safe_route(const Envelope& envelope, const Recipient& recipient) const {
  Route route = router_.route(envelope, recipient);
  if (!dispatcher_.has_transport(route.transport)) {
    return Route{.transport = "retry", .nexthop = "4.3.0 mail transport unavailable"};
  }
  if (dispatcher_.one_recipient_each(route.transport)) {
    route.user = user_of(recipient.address);
  }
  return route;
}

std::vector<std::string> QueueManager::queues_of(const queue::Message& message) const {
  std::vector<std::string> keys;
  for (size_t i = 0; i < message.status.size(); ++i) {
    if (message.status[i].state != queue::RecipientState::kPending) continue;
    const Route route = safe_route(message.envelope, message.envelope.recipients[i]);
    keys.push_back(queue_for(message, route.key()));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::string QueueManager::queue_for(const queue::Message& message,
                                    std::string_view destination) const {
  return queue::queue_key({.is_new = message.area == queue::Area::kNone,
                           .lane = message.envelope.stream,
                           .tenant = message.envelope.tenant,
                           .destination = destination});
}

/// Whether a new message is delivered from the copy that it came in. Only when memory is half used
/// does it matter whose it is.
bool QueueManager::fits_in_memory(const queue::Message& message) const {
  // A notice takes the place of the message that it is about.
  if (message.is_notice) return true;
  const size_t left = room(message.envelope.stream);
  if (left == 0) return false;
  if (left > limits_.active_messages_max / 2) return true;
  const Route route = safe_route(message.envelope, message.envelope.recipients.front());
  return dispatcher_.jobs_count(route.key()) < allowance(message.envelope.stream);
}

void QueueManager::activate(std::unique_ptr<queue::Message> owned, bool just_accepted) {
  queue::Message& message = *owned;
  const auto [slot, inserted] = active_.try_emplace(message.id, std::move(owned));
  BARID_ASSERT(inserted);
  message.activated = reactor_.now();
  message.attempted = false;
  message.suspended_until = {};
  message.jobs_open = 0;
  if (message.content) hold_content(message, message.content);
  // Back to its sender, or what an earlier process was ordered to do: without an attempt.
  if (message.force_expired || is_too_late(message) || message.order != queue::Order::kNone) {
    settle(message);
    return;
  }
  if (gate_ != nullptr && gate_->may_refuse(message, just_accepted)) {
    message.jobs_open = 1;  // for operators' orders it is being tried: they wait for the end of it
    scope_.spawn(pass_gate(&message));
    return;
  }
  dispatch(message);
}

/// Packs the pending recipients into one job per destination and recipient limit.
void QueueManager::dispatch(queue::Message& message) {
  struct Batch {
    Route route;
    Job job;
    uint32_t recipients_max = 1;
  };
  absl::InlinedVector<Batch, 2> batches;
  uint32_t pending = 0;
  const bool alone = message.status.size() == 1;  // no limit to look up
  for (uint32_t i = 0; i < message.status.size(); ++i) {
    if (message.status[i].state != queue::RecipientState::kPending) continue;
    ++pending;
    Route route = safe_route(message.envelope, message.envelope.recipients[i]);
    auto batch = std::find_if(batches.begin(), batches.end(), [&](const Batch& b) {
      return b.job.recipients.size() < b.recipients_max && b.route.nexthop == route.nexthop &&
             b.route.user == route.user && b.route.transport == route.transport;
    });
    if (batch == batches.end()) {
      const uint32_t limit = alone ? 1 : dispatcher_.recipients_per_job(route);
      batches.push_back(Batch{
          .route = std::move(route), .job = Job{.message = &message}, .recipients_max = limit});
      batch = batches.end() - 1;
    }
    batch->job.recipients.push_back(i);
  }
  log_.write({}, QmgrActive{.queue_id = message.id,
                            .sender = message.envelope.sender,
                            .size_bytes = message.size,
                            .recipient_count = pending});
  message.recipients_in_memory = pending;
  active_recipients_ += pending;
  if (batches.empty()) {  // a crash between the last outcome and its notice
    settle(message);
    return;
  }
  message.jobs_open = static_cast<uint32_t>(batches.size());
  for (Batch& batch : batches) dispatcher_.enqueue(batch.route, std::move(batch.job));
}

// --- contents

void QueueManager::hold_content(queue::Message& message, ContentRef content) {
  const uint64_t bytes = content->memory_bytes();
  message.content = std::move(content);
  content_memory_bytes_ += bytes;
  if (content_memory_bytes_ > limits_.content_memory_bytes_max) {
    counters_.reach(Limit::kMemoryBytes);
    drop_content(message);  // it is on disk: read back when its turn comes
  }
}

void QueueManager::drop_content(queue::Message& message) {
  if (!message.content) return;
  content_memory_bytes_ -= message.content->memory_bytes();
  message.content.reset();
}

rt::Task<Result<ContentRef>> QueueManager::content_of(queue::Message& message) {
  if (message.content) co_return message.content;
  Source& source = source_of(*message.partition);
  const MonoTime deadline = reactor_.now() + std::chrono::seconds(60);
  const Result<std::string> bytes =
      co_await source.reader.load_content(message.id, message.size, deadline);
  if (!bytes.ok()) co_return bytes.error();
  ContentRef content = ContentRef::make();
  content->append(*bytes);
  co_return content;
}

void QueueManager::forget(queue::Message& message) {
  drop_content(message);
  active_recipients_ -= message.recipients_in_memory;
  active_.erase(message.id);
  // Room again: look, every now and then, for mail that waits on disk and is due.
  if (++forgotten_count_ % std::max(limits_.active_messages_max / 64, 1u) == 0 || active_.empty()) {
    for (const std::unique_ptr<Source>& source : partitions_) arm(*source);
  }
}

std::vector<QueueId> QueueManager::active_ids() const {
  std::vector<QueueId> ids;
  ids.reserve(active_.size());
  for (const auto& [id, message] : active_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// --- the store's word

void QueueManager::on_removed(QueueId id) {
  on_changed(id);
  const auto ordered = ordered_removals_.find(id);
  if (ordered == ordered_removals_.end()) {
    log_.write({}, QmgrRemoved{.queue_id = id});
    return;
  }
  if (ordered->second == queue::Order::kDelete) {  // one that was requeued lives on
    log_.write({}, LogNote{.program = LogProgram::kPostsuper, .queue_id = id, .text = "removed"});
  }
  ordered_removals_.erase(ordered);
}

void QueueManager::on_changed(QueueId id) {
  change_watch_.note(id);
  const auto found = changing_.find(id);
  if (found != changing_.end() && --found->second == 0) changing_.erase(found);
}

void QueueManager::rewrite(queue::Message& message, std::vector<std::string> filed_under,
                           WallTime due) {
  ++changing_[message.id];
  if (fates_ != nullptr) fates_->on_change(message);
  message.partition->rewrite(message, std::move(filed_under), due);
}

void QueueManager::remove(queue::Message& message) {
  ++changing_[message.id];
  if (message.order != queue::Order::kNone) ordered_removals_[message.id] = message.order;
  if (fates_ != nullptr) fates_->on_change(message);
  message.partition->remove(message);
}

void QueueManager::on_refused(QueueId id, std::unique_ptr<queue::Message> message) {
  static_cast<void>(id);
  if (!message) return;  // filed: ours until on_undone(), for the group may have been written
  BARID_ASSERT(staged_count_ > 0);
  --staged_count_;
  if (message->is_notice) kept_notices_.push_back(std::move(message));
}

void QueueManager::on_undone(QueueId id) { on_changed(id); }

/// The partition has just made the lost changes again, in the group that is open: a notice that was
/// lost with the change that it belongs to joins them. A new id, because its first one may be on
/// disk.
void QueueManager::stage_kept_notices() {
  for (std::unique_ptr<queue::Message>& notice : std::exchange(kept_notices_, {})) {
    queue::Partition& partition = *notice->partition;
    if (!partition.writable()) {
      kept_notices_.push_back(std::move(notice));
      continue;
    }
    notice->id = partition.allocate_id();
    if (notice->former && fates_ != nullptr) fates_->on_requeued(*notice);
    ++staged_count_;
    partition.stage(std::move(notice), /*to_memory=*/true);
  }
}

void QueueManager::on_synced(Duration took) {
  if (timings_ != nullptr) observe(*timings_, Timing::kCommit, took);
}

void QueueManager::on_store_failed(const Error& error) {
  ++failed_stores_count_;
  counters_.add(Counter::kStoreFailures);
  dispatcher_.pause();
  warn(
      fmt::format("queue store failed ({}): accepting and delivering nothing until it was reopened",
                  code_name(error.code)));
}

void QueueManager::on_store_recovered() {
  BARID_ASSERT(failed_stores_count_ > 0);
  --failed_stores_count_;
  warn("queue store reopened and checked: service resumes");
  if (fates_ != nullptr) fates_->on_store_recovered();
  stage_kept_notices();
  if (failed_stores_count_ > 0) return;
  dispatcher_.resume();
  for (const std::unique_ptr<Source>& source : partitions_) arm(*source);
}

rt::Task<Code> QueueManager::shut_down(MonoTime deadline) {
  stopping_ = true;
  for (const std::unique_ptr<Source>& source : partitions_) {
    source->cancel();
    source->census.stopped.store(true, std::memory_order_relaxed);
  }
  const Code drained = co_await dispatcher_.drain(deadline);
  const Code joined = co_await scope_.join(deadline);
  co_return drained != Code::kOk ? drained : joined;
}

}  // namespace barid::schedule
