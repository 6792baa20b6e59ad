// Mail that comes from the store: at start, and when its time is due.
#include <fmt/format.h>

#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

using queue::Family;
using queue::Message;
using queue::RawRecord;

namespace {

constexpr uint32_t kLoadBatch = 500;  // messages per read
constexpr uint32_t kDestinationBatch = 2000;
constexpr Duration kReadPatience = std::chrono::minutes(5);
constexpr Duration kRetryPause = std::chrono::seconds(1);
constexpr Duration kWaitMax = std::chrono::hours(1);  // then the wall clock is looked at again

}  // namespace

size_t QueueManager::room() const noexcept {
  const size_t used = active_.size() + staged_count_;
  return used >= limits_.active_messages_max ? 0 : limits_.active_messages_max - used;
}

/// Adopts a partition. What was in memory comes first and goes out while the rest is still read.
rt::Task<void> QueueManager::recover(Source* source) {
  QueueId from{};
  std::string destination;
  bool fresh_done = false;
  while (!stopping_) {
    const MonoTime deadline = reactor_.now() + kReadPatience;
    if (!fresh_done) {
      const auto batch =
          co_await source->reader.load_fresh(from, source->id_mark, kLoadBatch, deadline);
      if (batch.ok()) {
        for (const RawRecord& raw : *batch) adopt(*source, Family::kFresh, raw);
        fresh_done = batch->size() < kLoadBatch;
        if (!batch->empty()) from = QueueId{.micros = batch->back().id.micros + 1};
        continue;
      }
    } else {
      const auto batch =
          co_await source->reader.load_destinations(destination, kDestinationBatch, deadline);
      if (batch.ok()) {
        for (const auto& [name, due] : batch->earliest) source->deferred.note(name, due);
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
  if (message->hold) {  // put on hold during an attempt that the process did not survive
    file_on_hold(*message);
    return;
  }
  activate(std::move(message));
}

/// The record behind an entry that was due when it was read. It may have changed or gone since.
void QueueManager::adopt_due(Source& source, const std::string& destination,
                             const queue::DueEntry& entry, const RawRecord& raw) {
  if (is_ours(raw.id)) return;
  const auto decoded = queue::decode_message(raw.id, raw.bytes);
  const bool stale = raw.bytes.empty() || (decoded.ok() && (*decoded)->due != entry.due);
  if (stale) {
    source.partition->drop_entry(destination, entry.due, raw.id);
    return;
  }
  adopt(source, Family::kQueued, raw);
}

void QueueManager::arm(Source& source) {
  if (source.loading || stopping_ || source.deferred.empty() || room() == 0) return;
  const Duration until = *source.deferred.next_due() - reactor_.wall_now();
  const Duration wait = std::clamp<Duration>(until, Duration::zero(), kWaitMax);
  reactor_.timers().arm(source, reactor_.now() + wait);
}

void QueueManager::load_due(Source& source) {
  if (source.loading || stopping_ || failed_stores_count_ > 0) return;
  source.loading = true;
  scope_.spawn(load_due_destinations(&source));
}

/// Loads what is due, destination by destination, the longest overdue first, while there is room.
rt::Task<void> QueueManager::load_due_destinations(Source* source) {
  DeferredIndex& deferred = source->deferred;
  while (!stopping_ && room() > 0 && !deferred.empty() &&
         *deferred.next_due() <= reactor_.wall_now()) {
    std::string destination = deferred.next_destination();
    deferred.take(destination);
    const bool ok = co_await load_destination(source, std::move(destination));
    if (!ok) co_await rt::Sleep(reactor_, reactor_.now() + kRetryPause);
  }
  source->loading = false;
  arm(*source);
}

/// One batch of one destination; notes when the destination is due next. False if reading failed.
rt::Task<bool> QueueManager::load_destination(Source* source, std::string destination) {
  const WallTime now = reactor_.wall_now();
  const MonoTime deadline = reactor_.now() + kReadPatience;
  // What is in memory still has its entry: look behind it.
  const auto limit = static_cast<uint32_t>(kLoadBatch + active_.size() + changing_.size());
  const ChangeWatch::Reading reading(change_watch_);
  const auto due = co_await source->reader.load_due(destination, now, limit, deadline);
  if (!due.ok()) {
    source->deferred.note(destination, now);
    warn(fmt::format("cannot read what is due for {}: {}", destination,
                     code_name(due.error().code)));
    co_return false;
  }
  const size_t take_max = std::min<size_t>(kLoadBatch, room());
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
    source->deferred.note(destination, now);
  } else if (due->more) {
    source->deferred.note(destination, due->next_due);
  }
  if (wanted.empty()) co_return true;
  const auto records = co_await source->reader.load_queued(wanted, deadline);
  if (!records.ok()) {
    source->deferred.note(destination, now);
    co_return false;
  }
  for (size_t i = 0; i < records->size(); ++i) {
    if (reading.changed(entries[i].id)) continue;  // its new entry was noted then
    adopt_due(*source, destination, entries[i], (*records)[i]);
  }
  co_return true;
}

}  // namespace barid::schedule
