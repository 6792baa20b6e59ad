#include "core/config/main_cf.h"

#include <fmt/format.h>

#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"

namespace barid::config {

std::string Diagnostic::str() const {
  if (file.empty()) return text;
  if (line == 0) return fmt::format("{}: {}", file, text);
  return fmt::format("{}, line {}: {}", file, line, text);
}

void parse_main_cf(std::string_view contents, std::string_view file, Settings& settings,
                   Diagnostics& diagnostics) {
  lookup::LogicalLineReader reader(contents);
  lookup::LogicalLine line;
  const std::string path(file);
  while (reader.next(line)) {
    if (line.is_orphan()) {
      diagnostics.warn(path, 0, lookup::orphan_warning(line.text));
      continue;
    }
    if (line.text.find('\0') != std::string::npos) {
      diagnostics.error(path, line.line, "null byte in text");
      continue;
    }
    const lookup::NameValue entry = lookup::split_name_value(line.text);
    if (entry.error != nullptr) {
      diagnostics.error(path, line.line,
                        fmt::format("{}: \"{}\"", entry.error, lookup::trim(line.text)));
      continue;
    }
    Setting setting{.value = std::string(entry.value), .file = path, .line = line.line};
    const auto it = settings.find(entry.name);
    if (it == settings.end()) {
      settings.emplace(entry.name, std::move(setting));
      continue;
    }
    if (it->second.value != setting.value) {
      diagnostics.warn(path, line.line,
                       fmt::format("overriding earlier entry: {}={}", it->first, it->second.value));
    }
    it->second = std::move(setting);
  }
}

}  // namespace barid::config
