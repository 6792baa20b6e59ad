// What a queue listing says about one message: the admin API writes it, `barid queue list`, mailq
// and `postqueue -j` show it.
// Source: Postfix's postqueue(1), "JSON object format", plus the schedule's own facts.
// Layer:  core/mail, pure. Owns its strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace barid {

/// In the order in which listings go through them. A corrupt message is in none and not listed.
enum class QueueName : uint8_t { kMaildrop, kActive, kIncoming, kDeferred, kHold };

[[nodiscard]] constexpr std::string_view queue_name(QueueName queue) noexcept {
  constexpr std::string_view kNames[] = {"maildrop", "active", "incoming", "deferred", "hold"};
  return kNames[static_cast<size_t>(queue)];
}

struct QueueEntry {
  /// One that is not done yet.
  struct Recipient {
    std::string address;
    std::string delay_reason;  ///< why the last attempt failed; empty = none yet

    bool operator==(const Recipient&) const = default;
  };

  QueueName queue = QueueName::kIncoming;
  std::string queue_id;
  WallTime arrival_time{};
  uint64_t message_size = 0;  ///< bytes of content
  bool forced_expire = false;
  std::string sender;  ///< empty = null sender
  std::vector<Recipient> recipients;
  WallTime next_attempt{};  ///< epoch = not scheduled: being delivered, or on hold
  uint32_t attempts = 0;

  bool operator==(const QueueEntry&) const = default;
};

}  // namespace barid
