#include "core/config/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/lookup/split.h"
#include "core/lookup/table.h"
#include "core/text/json.h"
#include "core/text/utf8.h"

namespace barid::config {
namespace {

constexpr size_t kLineBytesMax = 80;
constexpr std::string_view kIndent = "    ";

/// Words of `text` separated by single blanks, wrapped when `fold` says so.
std::string normalise(std::string_view text, bool fold) {
  std::string out;
  size_t line_bytes = 0;
  size_t i = 0;
  while (i < text.size()) {
    if (lookup::is_blank(text[i])) {
      ++i;
      continue;
    }
    const size_t start = i;
    while (i < text.size() && !lookup::is_blank(text[i])) ++i;
    const std::string_view word = text.substr(start, i - start);
    if (line_bytes > 0 && fold && line_bytes + word.size() >= kLineBytesMax) {
      out.append("\n").append(kIndent);
      line_bytes = kIndent.size();
    } else if (line_bytes > 0) {
      out.push_back(' ');
      ++line_bytes;
    }
    out.append(word);
    line_bytes += word.size();
  }
  return out;
}

}  // namespace

std::string without_secrets(std::string_view name, std::string_view value) {
  if (!lookup::holds_secrets(name)) return std::string(value);
  std::string shown;
  for (const std::string_view item : lookup::split_list(value)) {
    if (!shown.empty()) shown += ", ";
    shown += lookup::without_values(item);
  }
  return shown;
}

std::string format_setting(std::string_view name, std::string_view full_value,
                           const ListingStyle& style) {
  const std::string value = without_secrets(name, full_value);
  if (style.json)
    return fmt::format("{{{}: {}}}\n", text::json_string(name), text::json_string(value));
  std::string line;
  if (!style.hide_name) line += name;
  if (!style.hide_name && !style.hide_value) line += " = ";
  if (!style.hide_value) line += value;
  return normalise(line, style.fold) + "\n";
}

}  // namespace barid::config
