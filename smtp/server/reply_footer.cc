#include "smtp/server/reply_footer.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::smtp {
namespace {

constexpr size_t kLineBytesMax = 510;  // RFC 5321 4.5.3.1.5, without CRLF
constexpr int kLinesMax = 20;

constexpr bool is_name_char(char c) noexcept { return text::kAlnum.has(c) || c == '_'; }

/// Takes the name behind a "$" off `rest`: name, ${name} or $(name). Empty if there is none.
std::string_view take_name(std::string_view& rest) noexcept {
  const bool braced = rest.starts_with('{') || rest.starts_with('(');
  const size_t begin = braced ? 1 : 0;
  size_t end = begin;
  while (end < rest.size() && is_name_char(rest[end])) ++end;
  const std::string_view name = rest.substr(begin, end - begin);
  if (braced && (end == rest.size() || rest[end] != (rest[0] == '{' ? '}' : ')'))) return {};
  rest.remove_prefix(end + (braced ? 1 : 0));
  return name;
}

std::string expanded(std::string_view footer, const FooterFacts& facts) {
  std::string text;
  while (!footer.empty()) {
    const char c = footer.front();
    footer.remove_prefix(1);
    if (c == '\\' && footer.starts_with('n')) {
      text += '\n';
      footer.remove_prefix(1);
    } else if (c != '$') {
      text += c;
    } else if (footer.starts_with('$')) {
      text += '$';
      footer.remove_prefix(1);
    } else {
      const std::string_view name = take_name(footer);
      if (name == "client_address") text += facts.client_address;
      if (name == "client_port") text += std::to_string(facts.client_port);
      if (name == "localtime") text += facts.local_time;
      if (name == "server_name") text += facts.server_name;
    }
  }
  return text;
}

/// "4.3.0 " behind the code of a reply; empty if it has none.
std::string_view enhanced_code(std::string_view reply) noexcept {
  const std::string_view word = reply.substr(4, reply.find(' ', 4) - 4);
  const bool is_code =
      word.size() >= 5 && (word[0] == '4' || word[0] == '5') && word[1] == '.' &&
      std::all_of(word.begin(), word.end(), [](char c) { return text::is_digit(c) || c == '.'; });
  return is_code ? reply.substr(4, word.size() + 1) : std::string_view();
}

}  // namespace

void append_footer(std::string& output, size_t start, std::string_view footer,
                   const FooterFacts& facts) {
  BARID_ASSERT(output.size() >= start + 4);
  const bool same_line = footer.starts_with("\\c");
  const std::string text = expanded(same_line ? footer.substr(2) : footer, facts);
  const std::string first = output.substr(start);
  const std::string code = first.substr(0, 3);
  const std::string enhanced(enhanced_code(first));
  std::string_view rest = text;
  size_t line_start = start;
  for (int line = 0; line < kLinesMax; ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (line > 0 || !same_line) {
      output[line_start + 3] = '-';
      output.append("\r\n");
      line_start = output.size();
      output.append(code).append(" ").append(enhanced);
    }
    const size_t used = std::min(output.size() - line_start, kLineBytesMax);
    text::append_printable(output, rest.substr(0, std::min(end, kLineBytesMax - used)));
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace barid::smtp
