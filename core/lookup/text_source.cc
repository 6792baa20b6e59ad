#include "core/lookup/text_source.h"

#include <fmt/format.h>

#include <utility>

#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"

namespace barid::lookup {
namespace {

struct TextEntry {
  std::string key;
  std::string_view value;
};

/// The key reaches to the first blank that no quotes protect.
TextEntry split_table_line(std::string_view line) {
  bool quoted = false;
  size_t end = 0;
  for (; end < line.size() && (quoted || !is_blank(line[end])); ++end) {
    if (line[end] == '"') quoted = !quoted;
    if (line[end] == '\\' && quoted && end + 1 < line.size()) ++end;
  }
  return {std::string(line.substr(0, end)), trim(line.substr(end))};
}

TextEntry split_alias_line(std::string_view line) {
  TextEntry entry;
  size_t i = 0;
  if (line.starts_with('"')) {
    for (i = 1; i < line.size() && line[i] != '"'; ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) ++i;
      entry.key += line[i];
    }
    if (i < line.size()) ++i;
  } else {
    while (i < line.size() && !is_blank(line[i]) && line[i] != ':') ++i;
    entry.key = line.substr(0, i);
  }
  const std::string_view rest = trim(line.substr(i));
  if (rest.starts_with(':')) entry.value = trim(rest.substr(1));  // else it has no value
  return entry;
}

}  // namespace

void read_text_source(
    std::string_view content, std::string_view path, TextFormat format, const OpenContext& context,
    absl::FunctionRef<void(std::string key, std::string_view value, int32_t line)> add) {
  const bool aliases = format == TextFormat::kAliases;
  LogicalLineReader reader(content);
  LogicalLine line;
  while (reader.next(line)) {
    const auto warn = [&](std::string_view text) {
      context.warn(fmt::format("{}, line {}: {}", path, line.line, text));
    };
    if (line.is_orphan()) {
      warn(orphan_warning(line.text));
      continue;
    }
    TextEntry entry = aliases ? split_alias_line(line.text) : split_table_line(line.text);
    if (entry.key.empty() || entry.value.empty()) {
      warn(aliases ? "expected format: key: value" : "expected format: key whitespace value");
      continue;
    }
    if (!aliases && entry.key.back() == ':') {
      warn("record is in \"key: value\" format; is this an alias file?");
    }
    add(std::move(entry.key), entry.value, line.line);
  }
}

}  // namespace barid::lookup
