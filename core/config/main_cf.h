// main.cf as text: logical lines of `name = value`, the last of equal names wins.
// Layer: core/config, pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/config/diagnostic.h"

namespace barid::config {

/// One setting and where it comes from.
struct Setting {
  std::string value;  ///< unexpanded
  std::string file;
  int32_t line = 0;
};

/// Sorted by name, so that listings need no further work.
using Settings = std::map<std::string, Setting, std::less<>>;

/// Adds the settings of `contents` to `settings`. Errors: a line without `=` or name, a NUL byte.
/// Warnings: a line that starts with a blank and continues nothing; a value that is replaced by
/// another.
void parse_main_cf(std::string_view contents, std::string_view file, Settings& settings,
                   Diagnostics& diagnostics);

}  // namespace barid::config
