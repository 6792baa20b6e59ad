// A message as its shard holds it in memory: the envelope, what became of each recipient so far,
// and when it is next due. Content is there only while memory allows; the store always has it.
// Layer: shard/queue. Shard-owned: one owner from acceptance to its end (docs/style.md X5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/queue_id.h"
#include "core/base/time.h"
#include "core/mail/envelope.h"
#include "core/mem/content.h"
#include "shard/queue/flight_marks.h"

namespace barid::queue {

class Partition;

enum class RecipientState : uint8_t {
  kPending = 0,    ///< to be tried
  kDelivered = 1,  ///< done
  kFailed = 2,     ///< permanent failure, its notice is not on disk yet
  kSettled = 3,    ///< permanent failure, notice on disk or none due
};

/// The success notice (RFC 3461 NOTIFY=SUCCESS) that a delivered recipient's sender is owed and
/// that is not on disk yet, by its action.
enum class SuccessReport : uint8_t { kNone = 0, kDelivered = 1, kRelayed = 2 };

/// The last result of one recipient.
struct RecipientStatus {
  RecipientState state = RecipientState::kPending;
  SuccessReport success = SuccessReport::kNone;
  DsnCode dsn;
  std::string reason;  ///< as in the log's parentheses
  std::string remote_mta;
  std::string diagnostic;
};

/// What an operator wants done with a message that is being tried, once its attempt ended. Stored:
/// a process that finds it does it.
enum class Order : uint8_t { kNone = 0, kDelete = 1, kRequeue = 2 };

/// Where the message's record is.
enum class Area : uint8_t {
  kNone,    ///< not in the store yet
  kFresh,   ///< accepted into memory, never deferred: no schedule entry
  kQueued,  ///< with schedule entries under `filed_under`
};

struct Message {
  QueueId id;
  Envelope envelope;
  std::vector<RecipientStatus> status;  ///< parallel to envelope.recipients
  uint64_t size = 0;                    ///< content bytes
  WallTime arrival{};
  WallTime created{};  ///< what backoff and expiry count from
  WallTime due{};      ///< next attempt; epoch = at once
  uint32_t attempts = 0;
  uint32_t in_doubt_count = 0;
  bool hold = false;
  bool force_expired = false;
  Order order = Order::kNone;
  bool delay_notice_sent = false;        ///< delay_warning_time was over once, and told
  std::vector<std::string> filed_under;  ///< destination keys of its schedule entries

  // Memory only.
  Partition* partition = nullptr;
  Area area = Area::kNone;
  ContentRef content;                 ///< null = to be read from the store
  MonoTime activated{};               ///< when it (last) entered the schedule
  uint32_t jobs_open = 0;             ///< destinations whose attempt has not ended
  bool attempted = false;             ///< some agent really tried in this round
  uint32_t recipients_in_memory = 0;  ///< pending ones when it was activated
  WallTime suspended_until{};  ///< none of its suspended sites takes it before; of this round
  /// Of an attempt that ended, until what became of it is on disk.
  uint32_t flight_mark = FlightMarks::kNone;
  /// What it takes the place of, and where each of its recipients was there.
  struct Former {
    QueueId id;
    std::vector<uint32_t> places;
  };
  std::optional<Former> former;  ///< of a requeued one, until it is stored
  bool is_notice = false;  ///< made here: no client would send it again if the store refused it

  /// No attempt is to begin any more.
  [[nodiscard]] bool withdrawn() const noexcept {
    return hold || force_expired || order != Order::kNone;
  }

  [[nodiscard]] size_t pending_count() const noexcept {
    size_t count = 0;
    for (const RecipientStatus& recipient : status) {
      count += recipient.state == RecipientState::kPending ? 1 : 0;
    }
    return count;
  }
};

}  // namespace barid::queue
