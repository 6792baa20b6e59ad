// Reading the store back, off the shard: contents, due messages, and what a restart finds.
// Layer: shard/queue. Called on the shard, works on offload threads; results are plain values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "shard/queue/record.h"
#include "shard/queue/store.h"
#include "shard/runtime/offload.h"

namespace barid::queue {

struct RawRecord {
  QueueId id;
  std::string bytes;  ///< empty: the schedule names an id that has no record
};

/// Due entries of one destination, in order of due time. The shard drops those it has in memory
/// before it asks for records.
struct DueEntry {
  QueueId id;
  WallTime due;
};
struct DueBatch {
  std::vector<DueEntry> entries;
  bool more = false;    ///< an entry of the destination follows,
  WallTime next_due{};  ///< and is due then
};

/// Part of what a starting shard finds.
struct DestinationsBatch {
  std::vector<std::pair<std::string, WallTime>> earliest;
  std::string next_from;  ///< where to go on; empty = that was all
};

/// The persisted id mark, 0 if there is none: no id of an earlier process is above it. Blocking:
/// read before the shard serves. Errors: kIo, kCorrupt.
[[nodiscard]] Result<uint64_t> read_id_mark(const Store& store);

/// Clears the marks of messages that are no longer stored: the process before settled them, and
/// died before it could say so there.
[[nodiscard]] Status drop_settled_flights(const Store& store, FlightMarks& marks);

class Reader {
 public:
  Reader(rt::Offload& offload, const Store& store) : offload_(offload), store_(store) {}

  /// The content as one string. Errors: kNotFound, kIo, kCorrupt; kExhausted, kTimeout of the pool.
  rt::Task<Result<std::string>> load_content(QueueId id, uint64_t size, MonoTime deadline);
  /// Up to `limit` entries of `destination` that are due at `now`.
  rt::Task<Result<DueBatch>> load_due(std::string destination, WallTime now, uint32_t limit,
                                      MonoTime deadline);
  /// The records of these messages, in the same order.
  rt::Task<Result<std::vector<RawRecord>>> load_queued(std::vector<QueueId> ids, MonoTime deadline);
  /// Up to `limit` messages that were in memory when the process ended, with ids from `from` on and
  /// not above `mark_micros`: what has a higher id was accepted by this process.
  rt::Task<Result<std::vector<RawRecord>>> load_fresh(QueueId from, uint64_t mark_micros,
                                                      uint32_t limit, MonoTime deadline);
  /// The earliest due time of up to `limit` destinations, from the key `from` on.
  rt::Task<Result<DestinationsBatch>> load_destinations(std::string from, uint32_t limit,
                                                        MonoTime deadline);

 private:
  rt::Offload& offload_;
  const Store& store_;
};

}  // namespace barid::queue
