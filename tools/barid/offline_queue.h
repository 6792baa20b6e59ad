// The queue listed without a server: from its files, which stay as they are, and from maildrop.
// Layer: tools. Blocks.
#pragma once

#include <string>
#include <string_view>

#include "tools/barid/control_client.h"
#include "tools/barid/queue_client.h"

namespace barid::tools {

/// What GET /admin/v1/queue answers. If no server runs, the lines are read from the queue itself,
/// if the user may, after a warning on standard error. Errors: kUnavailable, and those of
/// ask_server().
[[nodiscard]] Result<ControlAnswer> list_queue(const std::string& queue_directory,
                                               std::string_view name, const QueryWords& words,
                                               LineSink* lines);

/// One message as JSON, or its content: what GET /admin/v1/queue/ID answers, likewise.
enum class MessagePart : unsigned char { kEnvelope, kContent };
[[nodiscard]] Result<ControlAnswer> read_message(const std::string& queue_directory,
                                                 std::string_view name, std::string_view id,
                                                 MessagePart part);

}  // namespace barid::tools
