#include "core/mail/header_find.h"

namespace barid {
namespace {

bool has_name(std::string_view line, std::string_view name) noexcept {
  if (line.size() <= name.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (fold(line[i]) != fold(name[i])) return false;
  }
  const size_t colon = line.find_first_not_of(" \t", name.size());
  return colon != std::string_view::npos && line[colon] == ':';
}

std::string_view trim(std::string_view text) noexcept {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::string find_header(std::string_view content, std::string_view name) {
  std::string value;
  bool inside = false;
  while (!content.empty()) {
    const size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    if (line.empty() || line == "\r") break;  // the header's end
    if (line.front() == ' ' || line.front() == '\t') {
      if (inside) {
        if (!value.empty()) value += ' ';
        value += trim(line);
      }
    } else {
      if (inside) break;
      inside = has_name(line, name);
      if (inside) value = trim(line.substr(line.find(':') + 1));
    }
    if (end == std::string_view::npos) break;
    content.remove_prefix(end + 1);
  }
  return value;
}

}  // namespace barid
