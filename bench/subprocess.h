// Starting, waiting for and ending the servers under comparison. Only processes that were started
// here are ever signalled, by their own id.
// Layer: bench.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace barid::bench {

/// First executable of that name in PATH and the sbin directories, or the name itself if it holds a
/// slash and is executable.
[[nodiscard]] std::optional<std::string> find_program(const std::string& name);

struct SpawnOptions {
  std::vector<std::string> arguments;          ///< [0] is the program's path
  std::vector<std::string> environment_extra;  ///< "NAME=value"
  std::string output_path;                     ///< stdout and stderr; empty: /dev/null
  std::string directory;                       ///< working directory; empty: this one's
};
/// Runs to the end. Error: not started, not ended within `timeout` (killed then), or exit code not
/// 0.
[[nodiscard]] absl::Status run_to_end(const SpawnOptions& options, Duration timeout);

/// A server and everything it starts, under one guardian process. Daemons that detach become
/// children of the guardian, so that nothing escapes: neither from stop() nor from the CPU time
/// that the kernel adds up in the guardian. The guardian ends when the last of them has ended.
class ProcessTree {
 public:
  ProcessTree() = default;
  ~ProcessTree() { stop(Duration{}); }
  ProcessTree(const ProcessTree&) = delete;
  ProcessTree& operator=(const ProcessTree&) = delete;

  [[nodiscard]] absl::Status start(const SpawnOptions& options);
  /// The guardian, 0 when nothing runs.
  [[nodiscard]] pid_t root() const noexcept { return root_; }
  /// Something of the tree still lives.
  [[nodiscard]] bool running() noexcept;
  /// SIGTERM to the guardian's children, after `patience` SIGKILL to all; returns when none is
  /// left.
  void stop(Duration patience);

 private:
  pid_t root_ = 0;
};

/// Replaces the file. Error: cannot be written.
[[nodiscard]] absl::Status write_file(const std::string& path, const std::string& text);
/// Last lines of a text file, for error messages; empty if there is none.
[[nodiscard]] std::string tail_of_file(const std::string& path, size_t bytes_max = 2000);

}  // namespace barid::bench
