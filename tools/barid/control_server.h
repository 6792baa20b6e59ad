// The control socket: HTTP/1.1 on $queue_directory/public/control, served by the first shard. Every
// command that needs the running server is a client of it.
//
//   GET  /admin/v1/queue    one JSON object a line, fields of `postqueue -j` first
//   GET  /admin/v1/status   one JSON object
//   POST /admin/v1/drain    stop accepting, keep delivering
//   POST /admin/v1/reload   as SIGHUP
//   POST /admin/v1/stop     as SIGTERM
//
// Layer: tools.
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
