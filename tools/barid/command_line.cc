#include "tools/barid/command_line.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace barid::tools {

std::optional<int> read_command_line(CLI::App& app, std::span<const char* const> arguments) {
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());  // CLI11 wants that order
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      static_cast<void>(app.exit(error));
      return 0;
    }
    // That a subcommand is missing is how CLI11 puts it, too, when there is one that it has not.
    const std::vector<std::string> unknown = app.remaining();
    const bool misses = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    const std::string text = misses && !unknown.empty()
                                 ? fmt::format("unexpected \"{}\"", unknown.front())
                                 : std::string(error.what());
    fmt::print(stderr, "{0}: fatal: {1}\nusage: {0} --help\n", app.get_name(), text);
    return EX_USAGE;
  }
  return std::nullopt;
}

}  // namespace barid::tools
