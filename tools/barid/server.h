// The process: opens the queue, starts shards, and carries out signals until the end.
// Layer: tools. Main thread.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "core/config/configuration.h"
#include "tools/barid/shard.h"

namespace barid::tools {

struct ServerOptions {
  config::LoadOptions load;
  /// Called on the first shard once it serves, e.g. to add the embedded mailbox.
  std::function<void(Shard::Inside&)> on_first_shard;
  /// The embedded mailbox's, which the admin API shows; empty = there is none.
  std::string mailbox_directory;
  /// Printed to standard output once all shards serve.
  std::string greeting;
  /// Standard input, output and error become /dev/null once all shards serve.
  bool background = false;
};

/// Serves until SIGTERM or SIGINT. Returns a sysexits.h status: 0 after an orderly end, 69 if the
/// queue or a listener is not available, 78 for a bad configuration. Problems go to `err`.
int run_server(const ServerOptions& options, std::FILE* err);

}  // namespace barid::tools
