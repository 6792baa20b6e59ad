// A file of queue_directory/maildrop as a message of the queue, for listings: it is not in the
// store yet. Layer: tools, pure.
#pragma once

#include <memory>

#include "shard/queue/message.h"
#include "tools/barid/maildrop_file.h"

namespace barid::tools {

/// The partition in the ids of these files: no store has it.
inline constexpr uint16_t kMaildropPartition = 65535;

/// Null: the commands are not those of a message.
[[nodiscard]] std::unique_ptr<queue::Message> maildrop_message(QueueId id,
                                                               const MaildropMessage& waiting);

}  // namespace barid::tools
