// Where a recipient of an email is now: an operator's requeueing puts another message, under
// another queue id, in the place of the one that the email's record names. Layer: http. Reads the
// store: for offload threads.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/queue_id.h"
#include "http/submit/json.h"
#include "shard/queue/store.h"

namespace barid::http {

struct Whereabouts {
  QueueId id;
  uint32_t index = 0;             ///< among the message's recipients
  std::optional<JsonValue> fate;  ///< what became of it there so far
};

/// Follows it from where its email's record has it.
[[nodiscard]] Whereabouts find_recipient(const queue::Store& store, QueueId id, uint32_t index);

}  // namespace barid::http
