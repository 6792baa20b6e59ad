// The key that signs tracking links: made once, kept beside the queue, never shown.
// Layer: tools. Blocks.
#pragma once

#include <string>

namespace barid::tools {

/// Reads `directory`/tracking.key, or makes it. Empty, or why there is no key: links are then
/// signed with one that is forgotten at the end.
[[nodiscard]] std::string load_tracking_key(const std::string& directory, std::string* key);

}  // namespace barid::tools
