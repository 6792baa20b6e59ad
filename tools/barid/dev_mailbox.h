// The built-in mailbox of `barid dev`: an SMTP server on loopback that takes everything and keeps
// each message as a file (envelope in X- fields on top). Lives on the first shard.
// Layer: tools.
#pragma once

#include <string>

#include "tools/barid/shard.h"

namespace barid::tools {

/// Runs on the first shard. Empty, or why there is no mailbox.
[[nodiscard]] std::string start_dev_mailbox(Shard::Inside& inside, uint16_t port,
                                            const std::string& directory);

}  // namespace barid::tools
