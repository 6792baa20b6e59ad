// barid-bench: load generator, scripted sink and side-by-side comparison for mail servers.
#include <CLI/CLI.hpp>

#include <array>
#include <functional>

#include "bench/cli_util.h"
#include "bench/commands.h"

int main(int argc, char** argv) {
  using namespace barid::bench;
  CLI::App app("Measures mail servers: a load generator, a sink, and both around several servers.",
               "barid-bench");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  barid-bench sink 127.0.0.1:2526 --json &\n"
      "  barid-bench source 127.0.0.1:2525 --messages 100000 --mode pipeline\n"
      "  barid-bench compare --barid build/release/bin/barid --html report.html\n"
      "  barid-bench picture --barid build/release/bin/barid docs/pictures");
  const std::array<std::function<int()>, 4> commands = {
      add_source_command(app), add_sink_command(app), add_compare_command(app),
      add_picture_command(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  raise_descriptor_limit();
  const auto subcommands = app.get_subcommands({});
  for (size_t i = 0; i < commands.size(); ++i) {
    if (subcommands[i]->parsed()) return commands[i]();
  }
  return kExitUsage;
}
