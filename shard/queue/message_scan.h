// Going through stored messages piece by piece: listings and what operators do by filter. Decoding
// and choosing happen where the reading does, so that a shard sees only what it has to act on.
// Layer: shard/queue. Blocking: for offload threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "shard/queue/message.h"
#include "shard/queue/message_filter.h"
#include "shard/queue/store.h"

namespace barid::queue {

/// Where a scan is and how far it goes in one call.
struct ScanRange {
  Family family = Family::kQueued;  ///< kFresh or kQueued
  QueueId from{};                   ///< ids from here on
  QueueId end{};                    ///< and below this one; null = no end
  uint32_t examined_max = 5000;     ///< then the call returns, whatever it found
  uint32_t found_max = 1000;
};

struct ScanBatch {
  std::vector<std::unique_ptr<Message>> messages;  ///< in order of arrival
  QueueId next{};                                  ///< where to go on
  bool done = false;                               ///< nothing is left
  uint64_t examined = 0;                           ///< records that decode
};

/// One piece. Records that do not decode are passed over: the queue manager sets them aside when it
/// meets them. Messages are taken to be not in memory. Errors: kIo, kCorrupt, kUnavailable.
[[nodiscard]] Result<ScanBatch> scan_messages(const Store& store, const ScanRange& range,
                                              const MessageFilter& filter, WallTime now);

/// The stored messages among `ids`, from kQueued. Errors: kIo, kUnavailable.
[[nodiscard]] Result<ScanBatch> load_messages(const Store& store, const std::vector<QueueId>& ids);

}  // namespace barid::queue
