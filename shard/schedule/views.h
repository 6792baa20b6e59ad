// What operators see of the schedule, as plain values that may leave the shard.
// Layer: shard/schedule, pure.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/time.h"

namespace barid::schedule {

/// One destination of one shard.
struct DestinationView {
  std::string transport;
  std::string nexthop;
  std::string site;       ///< empty = not known yet
  std::string site_name;  ///< what its home knows it by
  uint64_t waiting = 0;   ///< deliveries in memory that have not begun
  uint32_t in_use = 0;    ///< messages that connections have taken and not settled
  uint32_t window = 0;    ///< connections that its site may have now, over all shards; 0 = dead
  WallTime dead_until{};  ///< epoch = alive
  std::string reason;     ///< why it is dead
  double rate = 0;        ///< messages a second that it may get; 0 = no limit
};

}  // namespace barid::schedule
