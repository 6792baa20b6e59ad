#include "shard/queue/reader.h"

#include <charconv>

#include "shard/queue/partition.h"

namespace barid::queue {
namespace {

std::string id_key(QueueId id) {
  const auto key = id.key();
  return std::string(key.data(), key.size());
}

/// Ids of one destination's due entries, and what comes after them.
class DueVisitor final : public Store::Visitor {
 public:
  DueVisitor(std::string_view destination, WallTime now, uint32_t limit)
      : destination_(destination), now_(now), limit_(limit) {}

  bool on_entry(std::string_view key, std::string_view) override {
    const auto parsed = parse_schedule_key(key);
    if (!parsed.ok()) return true;  // a foreign key: skipped, the record itself is elsewhere
    if (parsed->destination != destination_) return false;
    if (parsed->due > now_ || entries.size() >= limit_) {
      more = true;
      next_due = parsed->due;
      return false;
    }
    entries.push_back({.id = parsed->id, .due = parsed->due});
    return true;
  }

  std::vector<DueEntry> entries;
  bool more = false;
  WallTime next_due{};

 private:
  std::string_view destination_;
  WallTime now_;
  uint32_t limit_;
};

class FreshVisitor final : public Store::Visitor {
 public:
  FreshVisitor(uint64_t mark_micros, uint32_t limit) : mark_micros_(mark_micros), limit_(limit) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    const auto id = QueueId::from_key(key);
    if (id && id->micros > mark_micros_) return false;
    if (id) records.push_back(RawRecord{.id = *id, .bytes = std::string(value)});
    return records.size() < limit_;
  }
  std::vector<RawRecord> records;

 private:
  uint64_t mark_micros_;
  uint32_t limit_;
};

class FirstVisitor final : public Store::Visitor {
 public:
  bool on_entry(std::string_view key, std::string_view) override {
    found.assign(key);
    return false;
  }
  std::string found;
};

Result<DueBatch> read_due(const Store& store, const std::string& destination, WallTime now,
                          uint32_t limit) {
  DueVisitor visitor(destination, now, limit);
  BARID_TRY_VOID(
      store.scan(Family::kSchedule, schedule_key(destination, WallTime{}, QueueId{}), visitor));
  return DueBatch{
      .entries = std::move(visitor.entries), .more = visitor.more, .next_due = visitor.next_due};
}

Result<std::vector<RawRecord>> read_queued(const Store& store, const std::vector<QueueId>& ids) {
  std::vector<RawRecord> records;
  records.reserve(ids.size());
  for (const QueueId id : ids) {
    Result<std::string> record = store.get(Family::kQueued, id_key(id));
    if (!record.ok() && record.error().code != Code::kNotFound) return record.error();
    records.push_back(
        RawRecord{.id = id, .bytes = record.ok() ? *std::move(record) : std::string()});
  }
  return records;
}

/// Jumps from destination to destination: one seek each, however much is queued for it.
Result<DestinationsBatch> read_destinations(const Store& store, std::string from, uint32_t limit) {
  DestinationsBatch batch;
  while (batch.earliest.size() < limit) {
    FirstVisitor visitor;
    BARID_TRY_VOID(store.scan(Family::kSchedule, from, visitor));
    if (visitor.found.empty()) return batch;
    const auto parsed = parse_schedule_key(visitor.found);
    if (!parsed.ok()) {
      from = visitor.found + '\0';
      continue;
    }
    batch.earliest.emplace_back(std::string(parsed->destination), parsed->due);
    from = std::string(parsed->destination) + '\x01';
  }
  batch.next_from = from;
  return batch;
}

}  // namespace

Result<uint64_t> read_id_mark(const Store& store) {
  const Result<std::string> text = store.get(Family::kMeta, kIdMarkKey);
  if (!text.ok()) {
    if (text.error().code == Code::kNotFound) return uint64_t{0};
    return text.error();
  }
  uint64_t mark = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), mark);
  if (parsed.ec != std::errc()) return Error{.code = Code::kCorrupt};
  return mark;
}

Status drop_settled_flights(const Store& store, FlightMarks& marks) {
  for (const QueueId id : marks.left()) {
    const auto key = id.key();
    bool stored = false;
    for (const Family family : {Family::kFresh, Family::kQueued}) {
      const Result<std::string> record = store.get(family, {key.data(), key.size()});
      if (!record.ok() && record.error().code != Code::kNotFound) return record.error();
      stored |= record.ok();
    }
    if (!stored) marks.clear(marks.take_left(id));
  }
  return {};
}

rt::Task<Result<std::string>> Reader::load_content(QueueId id, uint64_t size, MonoTime deadline) {
  const Store* store = &store_;
  auto call = [store, id, size] { return Partition::load_content(*store, id, size); };
  co_return co_await offload_.run(call, deadline);
}

rt::Task<Result<DueBatch>> Reader::load_due(std::string destination, WallTime now, uint32_t limit,
                                            MonoTime deadline) {
  const Store* store = &store_;
  auto call = [store, destination = std::move(destination), now, limit] {
    return read_due(*store, destination, now, limit);
  };
  co_return co_await offload_.run(std::move(call), deadline);
}

rt::Task<Result<std::vector<RawRecord>>> Reader::load_queued(std::vector<QueueId> ids,
                                                             MonoTime deadline) {
  const Store* store = &store_;
  auto call = [store, ids = std::move(ids)] { return read_queued(*store, ids); };
  co_return co_await offload_.run(std::move(call), deadline);
}

rt::Task<Result<std::vector<RawRecord>>> Reader::load_fresh(QueueId from, uint64_t mark_micros,
                                                            uint32_t limit, MonoTime deadline) {
  const Store* store = &store_;
  auto call = [store, from, mark_micros, limit]() -> Result<std::vector<RawRecord>> {
    FreshVisitor visitor(mark_micros, limit);
    BARID_TRY_VOID(store->scan(Family::kFresh, id_key(from), visitor));
    return std::move(visitor.records);
  };
  co_return co_await offload_.run(std::move(call), deadline);
}

rt::Task<Result<DestinationsBatch>> Reader::load_destinations(std::string from, uint32_t limit,
                                                              MonoTime deadline) {
  const Store* store = &store_;
  auto call = [store, from = std::move(from), limit] {
    return read_destinations(*store, from, limit);
  };
  co_return co_await offload_.run(std::move(call), deadline);
}

}  // namespace barid::queue
