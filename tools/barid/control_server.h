// The control socket, $queue_directory/public/control, served by the first shard: admin API,
// submission API, console and metrics. Layer: tools.
#pragma once

#include <string>
#include <vector>

#include "tools/barid/shard.h"

namespace barid::tools {

/// Runs on the first shard. Empty, or why there is no control socket. `shards` outlive the server.
[[nodiscard]] std::string start_control_server(Shard::Inside& inside,
                                               const std::string& queue_directory,
                                               std::vector<Shard*> shards);

}  // namespace barid::tools
