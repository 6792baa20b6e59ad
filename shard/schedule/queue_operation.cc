#include "shard/schedule/queue_operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace barid::schedule {

using queue::Message;
using queue::Order;
using queue::RecipientState;

namespace {

constexpr std::array<std::string_view, kQueueActionCount> kActions = {
    "hold", "release", "requeue", "delete", "expire", "expire-release", "flush"};
constexpr size_t kSlice = 250;  // changes between two yields
constexpr uint32_t kRoundsMax = 20;
constexpr Duration kReadPatience = std::chrono::minutes(2);
constexpr Duration kPause = std::chrono::milliseconds(5);
constexpr Duration kAdoptionPatience = std::chrono::minutes(1);
constexpr uint64_t kRequeueGroupBytes = 4u << 20;

LogNote postsuper_note(QueueId id, std::string_view text) {
  return LogNote{.program = LogProgram::kPostsuper, .queue_id = id, .text = text};
}

}  // namespace

std::string_view queue_action_name(QueueAction action) noexcept {
  return kActions[static_cast<size_t>(action)];
}

std::optional<QueueAction> find_queue_action(std::string_view name) noexcept {
  for (size_t i = 0; i < kActions.size(); ++i) {
    if (kActions[i] == name) return static_cast<QueueAction>(i);
  }
  return std::nullopt;
}

// --- the queue manager's part: what its messages' marks lead to

/// Held mail has no schedule entry: it costs no memory and nothing finds it to be due.
void QueueManager::file_on_hold(Message& message) { rewrite(message, {}, WallTime{}); }

/// Into the schedule, due now. Only failed recipients whose notice could not be made: any key will
/// do to be found again.
void QueueManager::release(Message& message) {
  rewrite(message, filing_of(message), reactor_.wall_now());
}

/// A new message takes the place of `message`, in one group with its removal.
void QueueManager::replace(Message& message, ContentRef content) {
  auto next = std::make_unique<Message>();
  next->id = message.partition->allocate_id();
  next->envelope = message.envelope;
  next->envelope.recipients.clear();
  next->former = Message::Former{.id = message.id, .places = {}};
  for (uint32_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    if (status.state != RecipientState::kPending && status.state != RecipientState::kFailed) {
      continue;
    }
    next->former->places.push_back(i);
    next->envelope.recipients.push_back(message.envelope.recipients[i]);
    const bool failed = status.state == RecipientState::kFailed;
    next->status.push_back(failed ? status : queue::RecipientStatus{});
  }
  next->size = message.size;
  next->arrival = message.arrival;
  next->created = reactor_.wall_now();
  next->content = std::move(content);
  next->is_notice = true;  // nobody would send it again if the store refused it
  log_.write({}, postsuper_note(message.id, "requeued"));
  const std::string text =
      fmt::format("uid=0 from=<{}> orig_id={}", message.envelope.sender, message.id.text());
  log_.write({}, LogNote{.program = LogProgram::kPickup, .queue_id = next->id, .text = text});
  next->partition = message.partition;
  if (fates_ != nullptr) fates_->on_requeued(*next);
  stage_in(*message.partition, std::move(next));
  message.order = Order::kRequeue;
  remove(message);
}

rt::Task<void> QueueManager::requeue(Message* message) {
  const Result<ContentRef> content = co_await content_of(*message);
  if (message->order == Order::kRequeue) {
    if (content.ok() && message->partition->writable()) {
      replace(*message, *content);
      forget(*message);
      co_return;
    }
    warn(fmt::format("not requeued: {}",
                     content.ok() ? "the queue store failed" : code_name(content.error().code)),
         message->id);
    message->order = Order::kNone;
  }
  defer(*message);
}

// --- the operation

QueueOperation::QueueOperation(QueueManager& manager, OperationRequest request)
    : manager_(manager), request_(std::move(request)) {
  BARID_ASSERT(request_.ids.size() <= kOperationIdsMax);
}

void QueueOperation::start() { manager_.scope_.spawn(run()); }

bool QueueOperation::over() const noexcept {
  return cancelled_ || manager_.stopping_ || progress_.code != Code::kOk;
}

void QueueOperation::fail(Code code) noexcept {
  if (progress_.code == Code::kOk) progress_.code = code;
}

rt::Task<void> QueueOperation::run() {
  const bool adopted = co_await wait_adopted();
  if (adopted) {
    const bool flushes = request_.action == QueueAction::kFlush && !request_.dry_run;
    if (flushes && request_.revives) manager_.dispatcher_.revive_all();
    if (flushes) manager_.dispatcher_.admit_flushed(manager_.reactor_.wall_now());
    if (request_.ids.empty()) co_await change_memory();
    for (const std::unique_ptr<Source>& source : manager_.partitions_) {
      if (!over()) co_await run_source(source.get());
    }
  }
  if (cancelled_ || manager_.stopping_) fail(Code::kCancelled);
  progress_.finished = true;
}

/// What an earlier process had in memory is found by nobody until it was adopted.
rt::Task<bool> QueueOperation::wait_adopted() {
  const MonoTime deadline = manager_.reactor_.now() + kAdoptionPatience;
  while (manager_.recovering() && !over()) {
    if (manager_.reactor_.now() >= deadline) {
      fail(Code::kTimeout);
      break;
    }
    co_await rt::Sleep(manager_.reactor_, manager_.reactor_.now() + kPause);
  }
  co_return !over();
}

rt::Task<void> QueueOperation::run_source(Source* source) {
  if (request_.ids.empty()) {
    // Messages that come in later, requeued ones among them, are not meant.
    co_await change_stored(source, source->partition->allocate_id());
    co_await commit_marked();
    co_return;
  }
  std::vector<QueueId> mine;
  for (const QueueId id : request_.ids) {
    if (id.partition == source->partition->number()) mine.push_back(id);
  }
  co_await change_ids(source, std::move(mine));
  co_await commit_marked();
}

bool QueueOperation::applies(const Message& message, bool in_memory) const {
  if (message.order != Order::kNone) return false;
  switch (request_.action) {
    case QueueAction::kHold:
    case QueueAction::kFlush:
      if (message.hold) return false;
      break;
    case QueueAction::kRelease:
      if (!message.hold) return false;
      break;
    case QueueAction::kExpire:
      if (message.force_expired) return false;
      break;
    case QueueAction::kExpireRelease:
      if (message.force_expired && !message.hold) return false;
      break;
    case QueueAction::kRequeue:
    case QueueAction::kDelete:
      break;
  }
  return request_.filter.matches(message, queue::queue_of(message, in_memory),
                                 manager_.reactor_.wall_now());
}

void QueueOperation::count(const Message& message) {
  ++progress_.matched;
  if (!request_.ids.empty()) progress_.changed.push_back(message.id);
  const bool releases =
      request_.action == QueueAction::kRelease || request_.action == QueueAction::kExpireRelease;
  if (releases && message.hold) ++progress_.released;
}

/// Deleting and requeueing log for themselves.
void QueueOperation::log_change(QueueId id, bool was_held) {
  const auto write = [&](std::string_view text) {
    manager_.log_.write({}, postsuper_note(id, text));
  };
  const QueueAction action = request_.action;
  if (action == QueueAction::kHold) write("placed on hold");
  if (action == QueueAction::kExpire || action == QueueAction::kExpireRelease) write("expired");
  const bool releases = action == QueueAction::kRelease || action == QueueAction::kExpireRelease;
  if (releases && was_held) write("released from hold");
}

// --- in memory

rt::Task<void> QueueOperation::change_memory() {
  size_t looked_at = 0;
  for (const QueueId id : manager_.active_ids()) {
    if (over()) break;
    static_cast<void>(mark(id));  // it may be gone by now
    ++progress_.examined;
    if (++looked_at % kSlice == 0) {
      withdraw_marked();
      co_await rt::yield(manager_.reactor_);
    }
  }
  withdraw_marked();
  co_await commit_marked();
}

bool QueueOperation::mark(QueueId id) {
  const auto found = manager_.active_.find(id);
  if (found == manager_.active_.end()) return false;
  Message& message = *found->second;
  if (marked_.contains(id) || !applies(message, /*in_memory=*/true)) return true;
  marked_.insert(id);
  count(message);
  if (request_.dry_run) return true;
  const bool was_held = message.hold;
  switch (request_.action) {
    case QueueAction::kHold:
      message.hold = true;
      break;
    case QueueAction::kRelease:
      message.hold = false;
      break;
    case QueueAction::kRequeue:
      message.order = Order::kRequeue;
      break;
    case QueueAction::kDelete:
      message.order = Order::kDelete;
      break;
    case QueueAction::kExpire:
      message.force_expired = true;
      break;
    case QueueAction::kExpireRelease:
      message.force_expired = true;
      message.hold = false;
      break;
    case QueueAction::kFlush:
      message.suspended_until = WallTime{};  // what was suspended of it is tried with the rest
      return true;
  }
  log_change(id, was_held);
  to_withdraw_.push_back(id);
  return true;
}

/// What is still there afterwards is being delivered; what was ordered must be known after a crash
/// too.
void QueueOperation::withdraw_marked() {
  if (to_withdraw_.empty()) return;
  manager_.dispatcher_.withdraw();
  for (const QueueId id : std::exchange(to_withdraw_, {})) {
    const auto found = manager_.active_.find(id);
    if (found == manager_.active_.end()) continue;
    Message& message = *found->second;
    ++progress_.busy;
    if (message.jobs_open == 0) continue;
    manager_.rewrite(message, manager_.queues_of(message), manager_.reactor_.wall_now());
    queue::Partition& partition = *message.partition;
    if (partition.writable()) marked_groups_[&partition] = partition.store().open_group();
  }
}

// --- on disk

rt::Task<void> QueueOperation::change_stored(Source* source, QueueId end) {
  queue::ScanRange range{.end = end};
  bool done = false;
  while (!done && !over()) {
    std::vector<QueueId> again;
    {
      const ChangeWatch::Reading reading(manager_.change_watch_);
      const queue::Store* store = &source->partition->store();
      const WallTime now = manager_.reactor_.wall_now();
      auto call = [store, range, filter = request_.filter, now] {
        return queue::scan_messages(*store, range, filter, now);
      };
      const MonoTime deadline = manager_.reactor_.now() + kReadPatience;
      Result<queue::ScanBatch> batch = co_await manager_.offload_.run(std::move(call), deadline);
      if (!batch.ok()) {
        fail(batch.error().code);
        co_return;
      }
      progress_.examined += batch->examined;
      range.from = batch->next;
      done = batch->done;
      if (request_.action == QueueAction::kRequeue && !request_.dry_run) {
        for (const std::unique_ptr<Message>& message : batch->messages) {
          again.push_back(message->id);
        }
      } else {
        co_await change_batch(source, std::move(batch->messages), &reading, &again);
      }
    }
    if (!again.empty()) co_await change_ids(source, std::move(again));
  }
}

/// By id, until each was changed or is gone.
rt::Task<void> QueueOperation::change_ids(Source* source, std::vector<QueueId> ids) {
  const bool by_ids = !request_.ids.empty();
  for (uint32_t round = 0; !ids.empty() && !over(); ++round) {
    if (round == kRoundsMax) {
      fail(Code::kTimeout);  // something changes them all the time
      co_return;
    }
    if (round > 0) co_await rt::Sleep(manager_.reactor_, manager_.reactor_.now() + kPause);
    std::vector<QueueId> stored;
    for (const QueueId id : std::exchange(ids, {})) {
      if (!mark(id)) {
        stored.push_back(id);
      } else if (by_ids) {
        progress_.found.push_back(id);
      }
    }
    withdraw_marked();
    const ChangeWatch::Reading reading(manager_.change_watch_);
    const queue::Store* store = &source->partition->store();
    auto call = [store, stored] { return queue::load_messages(*store, stored); };
    const MonoTime deadline = manager_.reactor_.now() + kReadPatience;
    Result<queue::ScanBatch> batch = co_await manager_.offload_.run(std::move(call), deadline);
    if (!batch.ok()) {
      fail(batch.error().code);
      co_return;
    }
    if (by_ids) {
      progress_.examined += batch->examined;
      for (const std::unique_ptr<Message>& message : batch->messages) {
        progress_.found.push_back(message->id);
      }
    }
    co_await change_batch(source, std::move(batch->messages), &reading, &ids);
  }
}

rt::Task<void> QueueOperation::change_batch(Source* source, Messages messages,
                                            const ChangeWatch::Reading* reading,
                                            std::vector<QueueId>* again) {
  std::vector<std::pair<QueueId, bool>> changed;
  std::vector<QueueId> to_requeue;
  size_t looked_at = 0;
  for (const std::unique_ptr<Message>& message : messages) {
    if (over()) break;
    if (++looked_at % kSlice == 0) co_await rt::yield(manager_.reactor_);
    const QueueId id = message->id;
    if (marked_.contains(id) || mark(id)) continue;
    if (manager_.changing_.contains(id) || reading->changed(id)) {
      again->push_back(id);
      continue;
    }
    if (!applies(*message, /*in_memory=*/false)) continue;
    if (request_.dry_run) {
      count(*message);
      continue;
    }
    if (request_.action == QueueAction::kRequeue) {
      to_requeue.push_back(id);
      continue;
    }
    if (!source->partition->writable()) {
      fail(Code::kUnavailable);
      break;
    }
    count(*message);
    changed.emplace_back(id, message->hold);
    change(*source, *message);
  }
  withdraw_marked();
  co_await commit(source);
  if (progress_.code == Code::kUnavailable) co_return;
  for (const auto& [id, was_held] : changed) log_change(id, was_held);
  for (const QueueId id : to_requeue) co_await requeue(source, id);
  co_await commit(source);
}

void QueueOperation::change(Source& source, Message& message) {
  message.partition = source.partition;
  switch (request_.action) {
    case QueueAction::kHold:
      message.hold = true;
      manager_.file_on_hold(message);
      break;
    case QueueAction::kDelete:
      message.order = Order::kDelete;
      manager_.remove(message);
      break;
    case QueueAction::kExpire:
      message.force_expired = true;
      if (message.hold) {
        manager_.file_on_hold(message);
        break;
      }
      manager_.release(message);
      break;
    case QueueAction::kRelease:
    case QueueAction::kExpireRelease:
      if (request_.action == QueueAction::kExpireRelease) message.force_expired = true;
      message.hold = false;
      manager_.release(message);
      break;
    case QueueAction::kFlush:
      if (message.due <= manager_.reactor_.wall_now()) return;
      manager_.release(message);
      manager_.dispatcher_.admit_flushed(manager_.reactor_.wall_now());
      break;
    case QueueAction::kRequeue:
      BARID_ASSERT(false && "requeue() does that");
  }
  uncommitted_group_ = source.partition->store().open_group();
}

/// Waits until our last change is on disk. A change that was made while the store fails is made
/// again when it is back.
rt::Task<void> QueueOperation::commit(Source* source) {
  const uint64_t group = std::exchange(uncommitted_group_, 0);
  if (group == 0) co_return;
  const Status status = co_await source->partition->committed(group);
  if (!status.ok()) fail(Code::kUnavailable);
}

/// Waits until what is to become of running deliveries is on disk.
rt::Task<void> QueueOperation::commit_marked() {
  const auto groups = std::exchange(marked_groups_, {});
  for (const auto& [partition, group] : groups) {
    const Status status = co_await partition->committed(group);
    if (!status.ok()) fail(Code::kUnavailable);
  }
}

rt::Task<void> QueueOperation::requeue(Source* source, QueueId id) {
  for (uint32_t round = 0; round < kRoundsMax && !over(); ++round) {
    while (manager_.room(Stream::kTransactional) == 0 && !over()) {
      co_await rt::Sleep(manager_.reactor_, manager_.reactor_.now() + kPause);
    }
    if (over()) co_return;
    const bool decided = co_await try_requeue(source, id);
    if (decided) co_return;
    co_await rt::Sleep(manager_.reactor_, manager_.reactor_.now() + kPause);
  }
  if (!over()) fail(Code::kTimeout);
}

rt::Task<bool> QueueOperation::try_requeue(Source* source, QueueId id) {
  const MonoTime deadline = manager_.reactor_.now() + kReadPatience;
  if (mark(id)) {
    withdraw_marked();
    co_return true;
  }
  const ChangeWatch::Reading reading(manager_.change_watch_);
  const queue::Store* store = &source->partition->store();
  auto call = [store, id] { return queue::load_messages(*store, {id}); };
  Result<queue::ScanBatch> batch = co_await manager_.offload_.run(call, deadline);
  if (!batch.ok()) {
    fail(batch.error().code);
    co_return true;
  }
  if (batch->messages.empty()) co_return !manager_.is_ours(id);
  Message& message = *batch->messages.front();
  const Result<std::string> bytes =
      co_await source->reader.load_content(id, message.size, deadline);
  if (manager_.is_ours(id) || reading.changed(id)) co_return false;
  if (!applies(message, /*in_memory=*/false)) co_return true;
  if (!bytes.ok()) {
    manager_.warn(fmt::format("not requeued: content: {}", code_name(bytes.error().code)), id);
    co_return true;
  }
  if (!source->partition->writable()) {
    fail(Code::kUnavailable);
    co_return true;
  }
  count(message);
  message.partition = source->partition;
  ContentRef content = ContentRef::make();
  content->append(*bytes);
  manager_.replace(message, std::move(content));
  uncommitted_group_ = source->partition->store().open_group();
  if (source->partition->store().open_group_bytes() > kRequeueGroupBytes) co_await commit(source);
  co_return true;
}

}  // namespace barid::schedule
