// A command's way to the running server: HTTP on the control socket, by libcurl.
// Layer: tools. Blocks.
#pragma once

#include <string>

#include "core/base/result.h"

namespace barid::tools {

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
};

/// `method`: GET or POST. Errors: kUnavailable: no server listens there.
[[nodiscard]] Result<ControlAnswer> ask_server(const std::string& queue_directory,
                                               const std::string& method, const std::string& path,
                                               LineSink* lines = nullptr);

}  // namespace barid::tools
