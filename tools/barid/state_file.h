// Small files of the queue directory that are kept over a restart. Each is replaced as a whole: a
// crash leaves the old one or the new one.
// Layer: tools. Blocks.
#pragma once

#include <string>

namespace barid::tools {

/// Empty, or why `path` does not hold `text` now.
[[nodiscard]] std::string replace_file(const std::string& path, const std::string& text);

}  // namespace barid::tools
