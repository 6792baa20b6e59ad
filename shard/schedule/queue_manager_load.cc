// Mail that comes from the store: at start, and when its time is due.
#include <fmt/format.h>

#include <algorithm>

#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

using queue::Family;
using queue::Message;
using queue::RawRecord;

namespace {

constexpr uint32_t kLoadBatch = 200;  // messages per read
constexpr uint32_t kDestinationBatch = 2000;
constexpr Duration kReadPatience = std::chrono::minutes(5);
constexpr Duration kCensusPause = std::chrono::milliseconds(1);
constexpr Duration kRetryPause = std::chrono::seconds(1);
constexpr size_t kDestinationFloor = 64;  // jobs of one destination, however little room there is
constexpr Duration kWaitMax = std::chrono::hours(1);  // then the wall clock is looked at again

}  // namespace

/// Messages that may still come into memory: so many messages, so many recipients. Bulk leaves the
/// last eighth to transactional mail.
size_t QueueManager::room(Stream lane) const noexcept {
  const auto left = [lane](size_t used, size_t limit) {
    const size_t usable = lane == Stream::kBulk ? limit - limit / 8 : limit;
    return used >= usable ? 0 : usable - used;
  };
  const size_t messages = left(active_.size() + staged_count_, limits_.active_messages_max);
  return std::min(messages, left(active_recipients_, limits_.active_recipients_max));
}

/// How many jobs of one destination may be in memory: as many as there is room for others. A stuck
/// destination so gets half of what is free, the next one half of the rest, and none keeps others
/// out. (Dynamic thresholds: Choudhury, Hahne 1998.)
size_t QueueManager::allowance(Stream lane) const noexcept {
  return std::max(room(lane), kDestinationFloor);
}

std::vector<std::string> QueueManager::stored_destinations() const {
  std::vector<std::string> keys;
  for (const std::unique_ptr<Source>& source : partitions_) {
    source->backlog.for_each_queue([&](std::string_view queue) {
      if (const auto key = queue::parse_queue_key(queue)) keys.emplace_back(key->destination);
    });
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

/// Adopts a partition. What was in memory comes first and goes out while the rest is still read.
rt::Task<void> QueueManager::recover(Source* source) {
  QueueId from{};
  std::string destination;
  bool fresh_done = false;
  scope_.spawn(count_queued(source));
  while (!stopping_ && !source->census.begun.load(std::memory_order_acquire)) {
    co_await rt::Sleep(reactor_, reactor_.now() + kCensusPause);
  }
  while (!stopping_) {
    const MonoTime deadline = reactor_.now() + kReadPatience;
    if (!fresh_done) {
      const auto batch =
          co_await source->reader.load_fresh(from, source->id_mark, kLoadBatch, deadline);
      if (batch.ok()) {
        source->census.found_count += batch->size();
        for (const RawRecord& raw : *batch) adopt(*source, Family::kFresh, raw);
        fresh_done = batch->size() < kLoadBatch;
        if (!batch->empty()) from = QueueId{.micros = batch->back().id.micros + 1};
        continue;
      }
    } else {
      const auto batch =
          co_await source->reader.load_destinations(destination, kDestinationBatch, deadline);
      if (batch.ok()) {
        for (const auto& [name, due] : batch->earliest) source->backlog.note(name, due);
        arm(*source);
        destination = batch->next_from;
        if (destination.empty()) break;
        continue;
      }
    }
    warn(fmt::format("partition {}: cannot be read, trying again", source->partition->number()));
    co_await rt::Sleep(reactor_, reactor_.now() + kRetryPause);
  }
  --recovering_count_;
}

/// A record read back becomes a message in the schedule, unless it is there already.
void QueueManager::adopt(Source& source, Family from, const RawRecord& raw) {
  if (is_ours(raw.id)) return;
  const auto key = raw.id.key();
  const std::string_view key_view(key.data(), key.size());
  auto decoded = queue::decode_message(raw.id, raw.bytes);
  if (!decoded.ok()) {
    counters_.add(Counter::kRecordsCorrupt);
    warn(fmt::format("saving corrupt record \"{}\" from queue \"{}\" to queue \"corrupt\"",
                     raw.id.text(), from == Family::kFresh ? "active" : "deferred"),
         raw.id);
    source.partition->quarantine(from, key_view, raw.bytes);
    return;
  }
  std::unique_ptr<Message> message = *std::move(decoded);
  message->partition = source.partition;
  message->area = from == Family::kFresh ? queue::Area::kFresh : queue::Area::kQueued;
  if (message->partition->adopt_flight(*message)) {
    ++message->in_doubt_count;
    counters_.add(Counter::kInDoubt);
    warn("in doubt: it was on its way when the server died, a second copy is possible", raw.id);
  }
  if (message->hold &&
      message->order ==
          queue::Order::kNone) {  // put on hold during an attempt that the process did not survive
    file_on_hold(*message);
    return;
  }
  activate(std::move(message));
}

/// The record behind an entry that was due when it was read. It may have changed or gone since.
void QueueManager::adopt_due(Source& source, const std::string& queue, const queue::DueEntry& entry,
                             const RawRecord& raw) {
  if (is_ours(raw.id)) return;
  const auto decoded = queue::decode_message(raw.id, raw.bytes);
  const bool stale = raw.bytes.empty() || (decoded.ok() && (*decoded)->due != entry.due);
  if (stale) {
    source.partition->drop_entry(queue, entry.due, raw.id);
    return;
  }
  adopt(source, Family::kQueued, raw);
}

void QueueManager::arm(Source& source) {
  Backlog& backlog = source.backlog;
  if (source.loading || stopping_ || backlog.empty()) return;
  backlog.advance(reactor_.wall_now());
  if (room(Stream::kTransactional) == 0) return;  // forget() comes back here
  if (backlog.ready(choice())) {
    reactor_.timers().arm(source, reactor_.now());
    return;
  }
  const std::optional<WallTime> due = backlog.next_due();
  if (!due) return;
  const Duration until = *due - reactor_.wall_now();
  const Duration wait = std::clamp<Duration>(until, Duration::zero(), kWaitMax);
  reactor_.timers().arm(source, reactor_.now() + wait);
}

Backlog::Choice QueueManager::choice() const noexcept {
  return {.new_first = memory_was_full_, .without_bulk = room(Stream::kBulk) == 0};
}

void QueueManager::load_due(Source& source) {
  if (source.loading || stopping_ || failed_stores_count_ > 0) return;
  source.loading = true;
  scope_.spawn(load_due_queues(&source));
}

/// Loads what is due, queue by queue in fair turns, while there is room.
rt::Task<void> QueueManager::load_due_queues(Source* source) {
  Backlog& backlog = source->backlog;
  for (;;) {
    backlog.advance(reactor_.wall_now());
    if (stopping_ || room(Stream::kTransactional) == 0 || !backlog.ready(choice())) break;
    const std::string queue = backlog.take(choice());
    const bool ok = co_await load_queue(source, queue);
    if (!ok) co_await rt::Sleep(reactor_, reactor_.now() + kRetryPause);
  }
  memory_was_full_ = room(Stream::kTransactional) == 0;
  source->loading = false;
  arm(*source);
}

/// Nothing of the queue can be used now: its site is dead, or its destination has enough in memory.
bool QueueManager::put_off(Source& source, const std::string& queue, const queue::QueueKey& key) {
  if (const auto dead_until = dispatcher_.dead_until(key.destination)) {
    const Duration wait = *dead_until - reactor_.now();
    source.backlog.note(queue, reactor_.wall_now() + std::chrono::ceil<WallTime::duration>(wait));
    return true;
  }
  if (dispatcher_.jobs_count(key.destination) < allowance(key.lane)) return false;
  source.backlog.block(queue, key.destination);
  dispatcher_.tell_when_low(key.destination);
  return true;
}

void QueueManager::on_destination_low(const std::string& destination) {
  for (const std::unique_ptr<Source>& source : partitions_) {
    source->backlog.unblock(destination);
    arm(*source);
  }
}

/// One batch of one queue; notes when the queue is due next. False if reading failed.
rt::Task<bool> QueueManager::load_queue(Source* source, std::string queue) {
  const queue::QueueKey key = queue::parse_queue_key(queue).value_or(queue::QueueKey{});
  if (put_off(*source, queue, key)) co_return true;
  const WallTime now = reactor_.wall_now();
  const MonoTime deadline = reactor_.now() + kReadPatience;
  // What is in memory still has its entry: look behind it.
  const size_t in_memory = dispatcher_.jobs_count(key.destination);
  const auto limit = static_cast<uint32_t>(kLoadBatch + in_memory + changing_.size());
  const ChangeWatch::Reading reading(change_watch_);
  const auto due = co_await source->reader.load_due(queue, now, limit, deadline);
  if (!due.ok()) {
    source->backlog.note(queue, now);
    warn(fmt::format("cannot read what is due for {}: {}", key.destination,
                     code_name(due.error().code)));
    co_return false;
  }
  const size_t allowed = allowance(key.lane) - std::min(in_memory, allowance(key.lane));
  const size_t take_max = std::min({size_t{kLoadBatch}, room(key.lane), allowed});
  std::vector<QueueId> wanted;
  std::vector<queue::DueEntry> entries;
  bool cut = false;
  for (const queue::DueEntry& entry : due->entries) {
    if (is_ours(entry.id)) continue;
    if (wanted.size() == take_max) {
      cut = true;
      break;
    }
    wanted.push_back(entry.id);
    entries.push_back(entry);
  }
  if (cut) {
    source->backlog.note(queue, now);
  } else if (due->more) {
    source->backlog.note(queue, due->next_due);
  }
  source->backlog.charge(std::max<size_t>(wanted.size(), 1));
  if (wanted.empty()) co_return true;
  const auto records = co_await source->reader.load_queued(wanted, deadline);
  if (!records.ok()) {
    source->backlog.note(queue, now);
    co_return false;
  }
  for (size_t i = 0; i < records->size(); ++i) {
    if (reading.changed(entries[i].id)) continue;  // its new entry was noted then
    adopt_due(*source, queue, entries[i], (*records)[i]);
  }
  co_return true;
}

}  // namespace barid::schedule
