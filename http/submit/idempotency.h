// What is kept of a request with an Idempotency-Key, whether it came over HTTP or SMTP: its digest
// and the answer, for a day, committed with the messages.
// Layer: http. Pure but for find_idempotent(), for offload threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "shard/queue/store.h"

namespace barid::http {

inline constexpr Duration kIdempotencyLife = std::chrono::hours(24);

struct IdempotentEntry {
  WallTime expires{};
  std::string digest;  ///< of the request
  std::string answer;
};

/// Key in Family::kIdempotency.
[[nodiscard]] std::string idempotency_key(std::string_view tenant, std::string_view key);
[[nodiscard]] std::string idempotent_record(const IdempotentEntry& entry);
[[nodiscard]] std::optional<IdempotentEntry> parse_idempotent(std::string_view record);
/// The record of `key` in whichever store has it; empty = none has.
[[nodiscard]] Result<std::string> find_idempotent(const std::vector<const queue::Store*>& stores,
                                                  std::string_view key);

}  // namespace barid::http
