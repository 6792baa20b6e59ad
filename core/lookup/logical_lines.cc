#include "core/lookup/logical_lines.h"

#include <fmt/format.h>

#include "core/lookup/split.h"

namespace barid::lookup {
namespace {

bool is_comment_or_empty(std::string_view physical) noexcept {
  const std::string_view text = trim_left(physical);
  return text.empty() || text.front() == '#';
}

}  // namespace

bool LogicalLine::is_orphan() const noexcept { return !text.empty() && is_blank(text.front()); }

std::string_view LogicalLineReader::take_physical() {
  const size_t end = rest_.find('\n');
  const std::string_view physical = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  ++line_number_;
  return physical;
}

bool LogicalLineReader::next(LogicalLine& line) {
  line.text.clear();
  while (!rest_.empty()) {
    const bool continues = is_blank(rest_.front()) || rest_.front() == '#';
    if (!line.text.empty() && !continues) break;
    const std::string_view physical = take_physical();
    if (is_comment_or_empty(physical)) continue;
    if (line.text.empty()) line.line = line_number_;
    line.text.append(physical);
  }
  return !line.text.empty();
}

std::string orphan_warning(std::string_view text) {
  constexpr size_t kQuotedBytesMax = 30;
  return fmt::format("logical line must not start with whitespace: \"{}{}\"",
                     text.substr(0, kQuotedBytesMax), text.size() > kQuotedBytesMax ? "..." : "");
}

}  // namespace barid::lookup
