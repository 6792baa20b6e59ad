#include "core/lookup/split.h"

#include <algorithm>

namespace barid::lookup {

std::string_view trim_left(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

std::string_view trim(std::string_view text) noexcept {
  text = trim_left(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

FoldedKey::FoldedKey(std::string_view key) {
  char* out = short_.data();
  if (key.size() > short_.size()) {
    long_.resize(key.size());
    out = long_.data();
  }
  std::transform(key.begin(), key.end(), out, to_lower);
  view_ = std::string_view(out, key.size());
}

size_t find_closing_brace(std::string_view text, size_t open) noexcept {
  size_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

std::string_view strip_braces(std::string_view text) noexcept {
  if (text.empty() || text.front() != '{') return text;
  if (find_closing_brace(text, 0) != text.size() - 1) return text;
  return trim(text.substr(1, text.size() - 2));
}

std::vector<std::string_view> split_list(std::string_view text, Separators separators) {
  const auto separates = [separators](char c) {
    return is_blank(c) || (c == ',' && separators == Separators::kCommaAndBlank);
  };
  std::vector<std::string_view> items;
  size_t i = 0;
  while (i < text.size()) {
    if (separates(text[i])) {
      ++i;
      continue;
    }
    const size_t start = i;
    for (size_t depth = 0; i < text.size() && (depth > 0 || !separates(text[i])); ++i) {
      if (text[i] == '{') ++depth;
      if (text[i] == '}' && depth > 0) --depth;
    }
    items.push_back(strip_braces(text.substr(start, i - start)));
  }
  return items;
}

NameValue split_name_value(std::string_view text) noexcept {
  text = trim(text);
  size_t end = 0;
  while (end < text.size() && !is_blank(text[end]) && text[end] != '=') ++end;
  const std::string_view rest = trim_left(text.substr(end));
  if (end == 0) return {.error = "missing attribute name"};
  if (rest.empty() || rest.front() != '=') return {.error = "missing '=' after attribute name"};
  return {.name = text.substr(0, end), .value = trim(rest.substr(1))};
}

}  // namespace barid::lookup
