// What one site may take: the transport's defaults, changed by the rules of destination_policy_maps
// that match it. A plain value, the same on every shard. Layer: shard/schedule, pure.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/time.h"
#include "shard/schedule/window.h"

namespace barid::schedule {

struct SitePolicy {
  WindowPolicy window;                             ///< connections of all shards together
  Duration dead_time = std::chrono::seconds(300);  ///< minimal_backoff_time
  Duration rate_delay{};           ///< pause after each delivery, with one connection; 0 = none
  double messages_per_second = 0;  ///< token rate over all shards; 0 = none
  uint32_t burst = 1;              ///< messages that may go at once after a pause
  uint32_t messages_per_connection = 0;  ///< then QUIT; 0 = the transport's own limit
  uint32_t recipients_per_job = 50;      ///< of one delivery; 0 = no limit
  std::string pool;                      ///< egress pool of mail that names none; empty = none

  /// Deliveries have to be asked for one by one, or in small lots.
  [[nodiscard]] bool paced() const noexcept {
    return rate_delay > Duration::zero() || messages_per_second > 0;
  }
};

}  // namespace barid::schedule
