#include "shard/queue/partition.h"

#include <algorithm>
#include <utility>

#include "shard/queue/record.h"

namespace barid::queue {
namespace {

// Ids are reserved this far ahead, so that the mark is written rarely and a clock that steps back,
// or a restart before the time is reached, cannot give an id twice. A process that is restarted
// sooner than that is so far ahead of the clock, and readers of events, who go by ids, wait for it.
constexpr uint64_t kReserveMicros = 250'000;
constexpr uint64_t kContentReserveMax = 16 * kContentChunkBytes;

std::string_view view(const std::array<char, QueueId::kKeyBytes>& key) noexcept {
  return {key.data(), key.size()};
}

uint16_t chunk_count(uint64_t size) noexcept {
  return static_cast<uint16_t>((size + kContentChunkBytes - 1) / kContentChunkBytes);
}

}  // namespace

Partition::Partition(rt::Reactor& reactor, Store& store, Events& events, uint16_t number)
    : reactor_(reactor), store_(store), events_(events), number_(number) {
  store_.set_listener(*this);
}

Partition::~Partition() {
  for (const Group& group : groups_) BARID_ASSERT(group.waiters.empty());
}

// --- ids

void Partition::start_ids_after(uint64_t micros) noexcept {
  last_id_micros_ = std::max(last_id_micros_, micros);
  tell_horizon();
}

void Partition::join(IdHorizon& horizon) noexcept {
  horizon_ = &horizon;
  horizon_place_ = &horizon.place_of(number_);
  tell_horizon();
}

void Partition::tell_horizon() noexcept {
  if (horizon_ == nullptr) return;
  if (lost_event_micros_ != 0) {  // what failed may be seen until it is undone
    horizon_place_->set(lost_event_micros_, /*busy=*/true);
    return;
  }
  for (const Group& group : groups_) {
    if (group.first_event_micros == 0) continue;
    horizon_place_->set(group.first_event_micros, /*busy=*/true);
    return;
  }
  horizon_place_->set(std::max(last_id_micros_ + 1, horizon_->told()), /*busy=*/false);
}

QueueId Partition::allocate_id() {
  const auto now = static_cast<uint64_t>(unix_micros(reactor_.wall_now()));
  last_id_micros_ = std::max(now, last_id_micros_ + 1);
  if (horizon_ != nullptr) last_id_micros_ = std::max(last_id_micros_, horizon_->told());
  return QueueId{.micros = last_id_micros_, .partition = number_};
}

/// Any change may use an id that was given since the last group, for its key or within its value: a
/// crash after it must not give that id again.
void Partition::reserve_ids() {
  if (last_id_micros_ <= reserved_micros_) return;
  reserved_micros_ = last_id_micros_ + kReserveMicros;
  put_one(Family::kMeta, kIdMarkKey, std::to_string(reserved_micros_));
}

// --- writing

Partition::Group& Partition::open_group() {
  const uint64_t number = store_.open_group();
  if (groups_.empty() || groups_.back().number != number) {
    if (spare_.empty()) {
      groups_.emplace_back();
    } else {
      groups_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
    groups_.back().number = number;
    groups_.back().begun = reactor_.now();
  }
  reserve_ids();
  return groups_.back();
}

void Partition::put_one(Family family, std::string_view key, std::string_view value) {
  store_.put(family, key, std::span<const std::string_view>(&value, 1));
}

void Partition::put_content(const Message& message) {
  // Spans never straddle a chunk boundary only by luck: split them here.
  std::vector<std::string_view> parts;
  uint64_t room = kContentChunkBytes;
  uint16_t chunk = 0;
  for (std::string_view span : message.content->spans()) {
    while (!span.empty()) {
      const size_t take = std::min<uint64_t>(room, span.size());
      parts.push_back(span.substr(0, take));
      span.remove_prefix(take);
      room -= take;
      if (room == 0) {
        store_.put(Family::kContent, content_key(message.id, chunk++), parts);
        parts.clear();
        room = kContentChunkBytes;
      }
    }
  }
  if (!parts.empty()) store_.put(Family::kContent, content_key(message.id, chunk), parts);
}

void Partition::put_schedule(const std::vector<std::string>& filed_under, WallTime due,
                             QueueId id) {
  for (const std::string& destination : filed_under) {
    put_one(Family::kSchedule, schedule_key(destination, due, id), {});
  }
}

void Partition::erase_schedule(const std::vector<std::string>& filed_under, WallTime due,
                               QueueId id) {
  for (const std::string& destination : filed_under) {
    store_.erase(Family::kSchedule, schedule_key(destination, due, id));
  }
}

void Partition::erase_content(QueueId id, uint64_t size) {
  for (uint16_t chunk = 0; chunk < chunk_count(size); ++chunk) {
    store_.erase_once(Family::kContent, content_key(id, chunk));
  }
}

uint64_t Partition::stage(std::unique_ptr<Message> message, bool to_memory) {
  BARID_ASSERT(writable());
  BARID_ASSERT(message->content && message->content->size() == message->size);
  BARID_ASSERT(message->status.size() == message->envelope.recipients.size());
  Group& group = open_group();
  message->partition = this;
  message->area = to_memory ? Area::kFresh : Area::kQueued;
  encode_message(*message, &record_scratch_);
  const auto key = message->id.key();
  put_one(to_memory ? Family::kFresh : Family::kQueued, view(key), record_scratch_);
  put_content(*message);
  put_schedule(message->filed_under, message->due, message->id);

  Change change{.kind = Change::Kind::kAccept, .id = message->id, .size = message->size};
  change.filed_under = message->filed_under;
  change.due = message->due;
  if (to_memory) change.message = std::move(message);
  group.changes.push_back(std::move(change));
  return group.number;
}

uint64_t Partition::put_entry(Family family, std::string_view key, std::string_view value,
                              IfLost if_lost) {
  BARID_ASSERT(writable());
  Group& group = open_group();
  put_one(family, key, value);
  if (family == Family::kEvents && group.first_event_micros == 0) {
    const auto id = QueueId::from_key(key);
    BARID_ASSERT(id);
    group.first_event_micros = id->micros;
    tell_horizon();
  }
  if (if_lost == IfLost::kLeft) return group.number;
  Entry entry{.family = family, .erased = if_lost == IfLost::kErased, .key = std::string(key)};
  if (!entry.erased) entry.value = value;
  group.entries.push_back(std::move(entry));
  return group.number;
}

uint64_t Partition::erase_entry(Family family, std::string_view key) {
  BARID_ASSERT(writable());
  const uint64_t group = open_group().number;
  store_.erase(family, key);
  return group;
}

void Partition::remove(Message& message) {
  Change change{.kind = Change::Kind::kRemove, .id = message.id, .size = message.size};
  change.old_filed_under = message.filed_under;
  change.old_due = message.due;
  change.flight_mark = std::exchange(message.flight_mark, FlightMarks::kNone);
  if (!writable()) {
    lost_.push_back(std::move(change));
    return;
  }
  Group& group = open_group();
  const auto key = message.id.key();
  if (message.area == Area::kFresh) {
    store_.erase_once(Family::kFresh, view(key));
  } else {
    store_.erase(Family::kQueued, view(key));
  }
  erase_schedule(message.filed_under, message.due, message.id);
  erase_content(message.id, message.size);
  group.changes.push_back(std::move(change));
}

void Partition::rewrite(Message& message, std::vector<std::string> filed_under, WallTime due) {
  Change change{.kind = Change::Kind::kRewrite, .id = message.id, .size = message.size};
  change.old_filed_under = std::exchange(message.filed_under, std::move(filed_under));
  change.old_due = std::exchange(message.due, due);
  change.filed_under = message.filed_under;
  change.due = due;
  change.flight_mark = std::exchange(message.flight_mark, FlightMarks::kNone);
  const Area old_area = std::exchange(message.area, Area::kQueued);
  encode_message(message, &change.record);
  if (!writable()) {
    lost_.push_back(std::move(change));
    return;
  }
  Group& group = open_group();
  const auto key = message.id.key();
  if (old_area == Area::kFresh) store_.erase_once(Family::kFresh, view(key));
  put_one(Family::kQueued, view(key), change.record);
  erase_schedule(change.old_filed_under, change.old_due, message.id);
  put_schedule(change.filed_under, due, message.id);
  group.changes.push_back(std::move(change));
}

void Partition::drop_entry(std::string_view destination, WallTime due, QueueId id) {
  if (writable()) store_.erase(Family::kSchedule, schedule_key(destination, due, id));
}

void Partition::quarantine(Family from, std::string_view key, std::string_view record) {
  if (!writable()) return;  // found again at the next start
  put_one(Family::kCorrupt, key, record);
  store_.erase(from, key);
  --gained_count_;
}

bool Partition::adopt_flight(Message& message) noexcept {
  if (flight_marks_ == nullptr) return false;
  const uint32_t mark = flight_marks_->take_left(message.id);
  if (mark == FlightMarks::kNone) return false;
  BARID_ASSERT(message.flight_mark == FlightMarks::kNone);
  message.flight_mark = mark;
  return true;
}

// --- decisions of the store

void Partition::CommitAwaiter::await_suspend(std::coroutine_handle<> waiter) const {
  for (Group& undecided : partition.groups_) {
    if (undecided.number == group) {
      undecided.waiters.push_back(waiter);
      return;
    }
  }
  BARID_ASSERT(false && "waiting for a group that has no change in it");
}

Status Partition::result_of(uint64_t group) const noexcept {
  if (group >= failed_from_group_ && group <= failed_to_group_) return failure_;
  return {};
}

void Partition::on_commit(uint64_t number, Status status) {
  decided_group_ = number;
  const bool failed_now = !status.ok();
  if (failed_now) {
    if (failed_to_group_ + 1 != number) failed_from_group_ = number;
    failed_to_group_ = number;
    failure_ = status.error();
  }
  if (!failed_now && number == redo_group_) lost_event_micros_ = 0;
  if (failed_now && !std::exchange(failure_told_, true)) events_.on_store_failed(failure_);
  // A group of quarantines only has no entry.
  if (groups_.empty() || groups_.front().number != number) {
    tell_horizon();
    return;
  }
  Group group = std::move(groups_.front());
  groups_.pop_front();
  if (failed_now && lost_event_micros_ == 0) lost_event_micros_ = group.first_event_micros;
  tell_horizon();
  if (!failed_now) events_.on_synced(reactor_.now() - group.begun);
  for (const std::coroutine_handle<> waiter : group.waiters) reactor_.post(waiter);
  for (Change& change : group.changes) {
    if (failed_now) {
      if (change.kind == Change::Kind::kAccept) {
        events_.on_refused(change.id, std::move(change.message));
      }
      lost_.push_back(std::move(change));
      continue;
    }
    drop_flight(change.flight_mark);
    if (change.kind == Change::Kind::kAccept) {
      ++gained_count_;
      if (change.message) {
        events_.on_accepted(std::move(change.message));
      } else {
        events_.on_filed(change.id, change.filed_under, change.due);
      }
    } else if (change.kind == Change::Kind::kRewrite) {
      events_.on_filed(change.id, change.filed_under, change.due);
    } else if (change.kind == Change::Kind::kRemove) {
      --gained_count_;
      events_.on_removed(change.id);
    } else if (change.kind == Change::Kind::kUndo) {
      events_.on_undone(change.id);
    }
  }
  if (failed_now) {
    for (Entry& entry : group.entries) lost_entries_.push_back(std::move(entry));
  }
  group.changes.clear();
  group.entries.clear();
  group.waiters.clear();
  spare_.push_back(std::move(group));
}

/// A failed group may be on disk or not. Accepts in it were refused to their clients, so they are
/// erased; outcomes in it really happened, so they are written again. Plain erases: how often a key
/// was put is not known here.
void Partition::redo(Change& change) {
  const auto key = change.id.key();
  store_.erase(Family::kFresh, view(key));
  if (change.kind == Change::Kind::kRewrite) {
    erase_schedule(change.old_filed_under, change.old_due, change.id);
    put_one(Family::kQueued, view(key), change.record);
    put_schedule(change.filed_under, change.due, change.id);
    return;
  }
  store_.erase(Family::kQueued, view(key));
  erase_schedule(change.old_filed_under, change.old_due, change.id);
  erase_schedule(change.filed_under, change.due, change.id);
  for (uint16_t chunk = 0; chunk < chunk_count(change.size); ++chunk) {
    store_.erase(Family::kContent, content_key(change.id, chunk));
  }
}

void Partition::redo(Entry& entry) {
  if (entry.erased) {
    store_.erase(entry.family, entry.key);
  } else {
    put_one(entry.family, entry.key, entry.value);
  }
}

void Partition::on_recovered() {
  failure_told_ = false;
  reserved_micros_ = 0;  // the mark may have been in a failed group
  reserve_ids();
  std::vector<Change> lost = std::exchange(lost_, {});
  std::vector<Entry> entries = std::exchange(lost_entries_, {});
  // The mark, or a change, is in it for certain, and what others repeat joins it in this turn.
  if (last_id_micros_ > 0 || !lost.empty() || !entries.empty()) redo_group_ = store_.open_group();
  if (!lost.empty() || !entries.empty()) {
    Group& group = open_group();
    for (Change& change : lost) {
      redo(change);
      if (change.kind == Change::Kind::kAccept) {
        change.kind = Change::Kind::kUndo;  // if this group fails too, it is tried again
      }
      group.changes.push_back(std::move(change));
    }
    for (Entry& entry : entries) {
      redo(entry);
      group.entries.push_back(std::move(entry));
    }
  }
  events_.on_store_recovered();
}

// --- reading back

Result<std::string> Partition::load_content(const Store& store, QueueId id, uint64_t size) {
  std::string content;
  content.reserve(std::min<uint64_t>(size, kContentReserveMax));  // the size may be damaged
  for (uint16_t chunk = 0; chunk < chunk_count(size); ++chunk) {
    BARID_TRY(const std::string part, store.get(Family::kContent, content_key(id, chunk)));
    content += part;
  }
  if (content.size() != size) return Error{.code = Code::kCorrupt};
  return content;
}

}  // namespace barid::queue
