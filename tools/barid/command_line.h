// Reads the arguments of the commands that CLI11 reads, and complains about them as the others do.
// Layer: tools.
#pragma once

#include <optional>
#include <span>

namespace CLI {
class App;
}

namespace barid::tools {

/// Nothing: `app` holds what was said. Else the status to end with: help was asked for and printed,
/// or it was told on stderr what is wrong. `app` is named as its user called it.
[[nodiscard]] std::optional<int> read_command_line(CLI::App& app,
                                                   std::span<const char* const> arguments);

}  // namespace barid::tools
