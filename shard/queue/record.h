// Message <-> stored record (Protocol Buffers), and the keys of the store.
// Format and versions: docs/formats/queue.md.
// Layer: shard/queue, pure but for a thread-local scratch record.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "shard/queue/message.h"

namespace barid::queue {

/// Replaces `*out` with the record of `message`. Allocates nothing once `*out` has grown.
void encode_message(const Message& message, std::string* out);

/// Errors: kCorrupt (does not parse, or breaks an invariant: no recipients, unknown state).
[[nodiscard]] Result<std::unique_ptr<Message>> decode_message(QueueId id, std::string_view record);

/// Key of a content chunk: id, then the chunk's number, big-endian.
inline constexpr size_t kContentKeyBytes = QueueId::kKeyBytes + 2;
inline constexpr size_t kContentChunkBytes = 1u << 20;
inline constexpr uint64_t kContentBytesMax = uint64_t{UINT16_MAX} * kContentChunkBytes;
[[nodiscard]] std::string content_key(QueueId id, uint16_t chunk);

/// Key in the schedule: destination, NUL, due time in microseconds (8 bytes, big-endian), id.
/// A destination holds no NUL. The order is: destination, due, arrival.
[[nodiscard]] std::string schedule_key(std::string_view destination, WallTime due, QueueId id);
struct ScheduleKey {
  std::string_view destination;
  WallTime due;
  QueueId id;
};
/// Errors: kCorrupt. Views into `key`.
[[nodiscard]] Result<ScheduleKey> parse_schedule_key(std::string_view key);

}  // namespace barid::queue
