// Idempotency-Key over SMTP: an authenticated client that sends a message again under the key of
// an earlier one gets that one's reply, and no second copy is stored. So do programs of this host,
// whose message may wait as a file when a server that had stored it is killed.
// Layer: smtp/server. Implemented above, where such keys are kept.
#pragma once

#include <string>
#include <string_view>

#include "shard/queue/partition.h"
#include "shard/runtime/task.h"

namespace barid::smtp {

class OnceOnly {
 public:
  virtual ~OnceOnly() = default;

  struct Claim {
    std::string tenant;
    std::string key;     ///< empty = the message has none
    std::string digest;  ///< of envelope and content
  };
  struct Answer {
    /// kNew: store it, then end(). kRepeated: it is stored as `first`. kOther: the key was used for
    /// another message. kRunning: an equal claim is not decided yet.
    enum class Kind : uint8_t { kNew, kRepeated, kOther, kRunning, kUnavailable };
    Kind kind = Kind::kUnavailable;
    std::string first;
  };
  virtual rt::Task<Answer> begin(const Claim& claim) = 0;
  /// Puts the claim beside the message `queue_id`, in the same group: both are stored, or neither.
  virtual void keep(queue::Partition& partition, const Claim& claim, std::string_view queue_id) = 0;
  /// The message is stored, or was refused.
  virtual void end(const queue::Partition& partition, const Claim& claim) = 0;
};

}  // namespace barid::smtp
