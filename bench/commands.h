// The subcommands of barid-bench. Each adds itself to the command line and later runs with what was
// parsed. Layer: bench, composition root.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace barid::bench {

/// Exit codes of sysexits.h.
enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,
  kExitBadData = 65,
  kExitUnavailable = 69,
  kExitSoftware = 70,
  kExitTryAgain = 75,
};

/// Adds the subcommand; the function returned runs it and gives the exit code.
[[nodiscard]] std::function<int()> add_source_command(CLI::App& app);
[[nodiscard]] std::function<int()> add_sink_command(CLI::App& app);
[[nodiscard]] std::function<int()> add_compare_command(CLI::App& app);
[[nodiscard]] std::function<int()> add_picture_command(CLI::App& app);

}  // namespace barid::bench
