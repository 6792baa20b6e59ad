// A command's way to the running server: HTTP on the control socket, by libcurl.
// Layer: tools. Blocks.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/config/configuration.h"

namespace barid::tools {

/// The configuration as a command sees it: directory as in configuration_directory(). Without
/// `check_values` only text getters may be used.
[[nodiscard]] config::LoadResult load_client_configuration(const std::string& directory,
                                                           bool check_values = false);

/// Where the server that a command talks to keeps its queue: queue_directory. Where nothing says
/// otherwise and no server runs there, it is that of a `barid dev` started in this directory.
[[nodiscard]] std::string client_queue_directory(const config::Configuration& configuration);

/// What the server answered.
struct ControlAnswer {
  long status = 0;
  std::string body;
};

/// Calls `on_line` for each line of the body as it comes. Errors: kUnavailable (no server).
class LineSink {
 public:
  virtual ~LineSink() = default;
  virtual void on_line(std::string_view line) = 0;
  /// Asked after each, and now and then in between: false ends the transfer, and ask_server()
  /// returns kIo.
  [[nodiscard]] virtual bool wants_more() const { return true; }
};

/// `method`: GET, POST or DELETE. Errors: kUnavailable: no server listens there.
[[nodiscard]] Result<ControlAnswer> ask_server(const std::string& queue_directory,
                                               const std::string& method, const std::string& path,
                                               LineSink* lines = nullptr);

}  // namespace barid::tools
