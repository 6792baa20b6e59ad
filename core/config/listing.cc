#include "core/config/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/lookup/split.h"
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
  constexpr std::string_view kTables[] = {"sasl_password_maps", "sasl_passwd_maps"};
  const bool secret = std::any_of(std::begin(kTables), std::end(kTables),
                                  [&](std::string_view table) { return name.ends_with(table); });
  if (!secret) return std::string(value);
  std::string shown;
  for (const std::string_view item : lookup::split_list(value)) {
    if (!shown.empty()) shown += ", ";
    const size_t colon = std::min(item.find(':'), item.size());
    const std::string_view type = item.substr(0, colon);
    const bool holds_values = type == "inline" || type == "static";
    shown.append(holds_values ? type : item);
    if (holds_values) shown += ":(hidden)";
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
