// A complaint about configuration: where, and what.
// Layer: core/config, pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace barid::config {

struct Diagnostic {
  std::string file;  ///< path, "environment variable BARID_X", "command line"; may be empty
  int32_t line = 0;  ///< 0 when the place has no lines
  std::string text;

  /// "/etc/barid/main.cf, line 3: text".
  [[nodiscard]] std::string str() const;

  bool operator==(const Diagnostic&) const = default;
};

/// Errors stop a load, warnings do not.
struct Diagnostics {
  std::vector<Diagnostic> errors;
  std::vector<Diagnostic> warnings;

  [[nodiscard]] bool ok() const noexcept { return errors.empty(); }
  void error(std::string file, int32_t line, std::string text) {
    errors.push_back({std::move(file), line, std::move(text)});
  }
  void warn(std::string file, int32_t line, std::string text) {
    warnings.push_back({std::move(file), line, std::move(text)});
  }
};

}  // namespace barid::config
