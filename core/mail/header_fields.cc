#include "core/mail/header_fields.h"

#include <algorithm>

#include "core/text/ascii.h"

namespace barid {
namespace {

constexpr std::string_view kEndOfHeader = "\r\n\r\n";

/// The header's bytes and those of the empty line behind it, if the text holds its end.
struct HeaderEnd {
  size_t header_bytes = std::string_view::npos;
  size_t body_offset = 0;
};

HeaderEnd find_end(std::string_view text, size_t from) noexcept {
  if (text.starts_with("\r\n")) return {.header_bytes = 0, .body_offset = 2};
  const size_t at = text.find(kEndOfHeader, from);
  if (at == std::string_view::npos) return {};
  return {.header_bytes = at + 2, .body_offset = at + 4};
}

/// Skips a comment, nested ones too; `at` is on its first parenthesis. Where it ends.
size_t skip_comment(std::string_view body, size_t at) noexcept {
  size_t depth = 0;
  for (; at < body.size(); ++at) {
    if (body[at] == '\\') {
      ++at;
    } else if (body[at] == '(') {
      ++depth;
    } else if (body[at] == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return body.size();
}

size_t skip_quoted(std::string_view body, size_t at) noexcept {
  for (++at; at < body.size(); ++at) {
    if (body[at] == '\\') {
      ++at;
    } else if (body[at] == '"') {
      return at + 1;
    }
  }
  return body.size();
}

}  // namespace

MessageParts split_message(std::span<const std::string_view> spans, std::string* scratch) {
  scratch->clear();
  if (spans.empty()) return {};
  const HeaderEnd in_first = find_end(spans.front(), 0);
  if (in_first.header_bytes != std::string_view::npos) {
    return {.header = spans.front().substr(0, in_first.header_bytes),
            .body_offset = in_first.body_offset};
  }
  if (spans.size() == 1) {
    return {.header = spans.front(), .body_offset = spans.front().size()};
  }
  for (const std::string_view span : spans) {
    const size_t from = scratch->size() - std::min<size_t>(scratch->size(), 3);
    scratch->append(span);
    const HeaderEnd end = find_end(*scratch, from);
    if (end.header_bytes == std::string_view::npos) continue;
    scratch->resize(end.header_bytes);
    return {.header = *scratch, .body_offset = end.body_offset};
  }
  return {.header = *scratch, .body_offset = scratch->size()};
}

std::vector<HeaderField> split_header(std::string_view header) {
  std::vector<HeaderField> fields;
  while (!header.empty()) {
    size_t end = 0;
    do {
      const size_t line = header.find("\r\n", end);
      end = line == std::string_view::npos ? header.size() : line + 2;
    } while (end < header.size() && text::is_blank(header[end]));
    const std::string_view whole = header.substr(0, end);
    const size_t colon = whole.find(':');
    HeaderField field{.whole = whole, .name = {}};
    if (colon != std::string_view::npos) {
      const std::string_view name = text::trim_right(whole.substr(0, colon));
      const bool plain =
          std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
      if (plain) field.name = name;
    }
    fields.push_back(field);
    header.remove_prefix(end);
  }
  return fields;
}

std::string first_domain(std::string_view body) {
  std::string domain;
  bool in_domain = false;
  bool angle = false;
  for (size_t at = 0; at < body.size();) {
    const char c = body[at];
    if (c == '(') {
      at = skip_comment(body, at);
      continue;
    }
    if (c == '"') {
      at = skip_quoted(body, at);
      if (in_domain) return {};
      continue;
    }
    ++at;
    if (c == '<') {  // what stood before was a name
      angle = true;
      in_domain = false;
      domain.clear();
    } else if (c == '>' || (c == ',' && !angle) || c == ';') {
      if (in_domain) break;
    } else if (c == ',' || (c == ':' && !in_domain)) {
      domain.clear();  // of a route, or a group's name
    } else if (c == ':') {
      in_domain = false;  // the end of a route
      domain.clear();
    } else if (c == '@') {
      in_domain = true;
      domain.clear();
    } else if (in_domain && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      domain += text::to_lower(c);
    }
  }
  if (!in_domain) return {};
  if (domain.ends_with('.')) domain.pop_back();
  return domain.starts_with('[') ? std::string() : domain;
}

}  // namespace barid
