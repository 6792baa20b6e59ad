#include "http/target.h"

#include <optional>

#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::http {
namespace {

constexpr text::CharSet kPathChars = text::kAlnum | text::CharSet("-._~!$&'()*+,;=:@%/");
constexpr text::CharSet kQueryChars = kPathChars | text::CharSet("?[]{}|\"");

std::optional<unsigned> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = text::to_lower(c);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return std::nullopt;
}

/// Appends the decoded form; false for a malformed escape, a control or invalid UTF-8.
bool decode(std::string& out, std::string_view encoded, bool plus_is_blank) {
  const size_t start = out.size();
  for (size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      if (i + 2 >= encoded.size()) return false;
      const auto high = hex_digit(encoded[i + 1]);
      const auto low = hex_digit(encoded[i + 2]);
      if (!high || !low) return false;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    } else if (plus_is_blank && c == '+') {
      c = ' ';
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return false;
    out += c;
  }
  return text::is_valid_utf8(std::string_view(out).substr(start));
}

bool add_segments(std::vector<std::string>& segments, std::string_view path) {
  path.remove_prefix(1);
  if (path.empty()) return true;
  for (;;) {
    const size_t slash = path.find('/');
    std::string segment;
    if (!decode(segment, path.substr(0, slash), false)) return false;
    if (segment == "." || segment == ".." || segment.find('/') != std::string::npos) return false;
    segments.push_back(std::move(segment));
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool add_query(std::vector<std::pair<std::string, std::string>>& query, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    std::pair<std::string, std::string> parameter;
    if (!decode(parameter.first, item.substr(0, equals), true)) return false;
    if (equals != std::string_view::npos &&
        !decode(parameter.second, item.substr(equals + 1), true)) {
      return false;
    }
    query.push_back(std::move(parameter));
  }
  return true;
}

}  // namespace

const std::string* Target::find_query(std::string_view name) const noexcept {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<Target> parse_target(std::string_view text) {
  const Error malformed{.code = Code::kMalformed};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text::starts_with_ignore_case(text, scheme)) continue;
    text.remove_prefix(scheme.size());
    const size_t slash = text.find_first_of("/?");
    if (slash == 0 || text.empty()) return malformed;
    text = slash == std::string_view::npos ? std::string_view("/") : text.substr(slash);
    break;
  }
  if (text.empty() || text.front() != '/') return malformed;
  const size_t question = text.find('?');
  const std::string_view path = text.substr(0, question);
  if (!kPathChars.has_all(path)) return malformed;
  Target target;
  if (!add_segments(target.segments, path)) return malformed;
  if (question != std::string_view::npos) {
    const std::string_view query = text.substr(question + 1);
    if (!kQueryChars.has_all(query)) return malformed;
    if (!add_query(target.query, query)) return malformed;
  }
  return target;
}

}  // namespace barid::http
