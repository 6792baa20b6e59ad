#include "deliver/notice_text.h"

#include "core/text/ascii.h"
#include "core/text/utf8.h"

#include <algorithm>

namespace barid {
namespace {

constexpr size_t kLineBytes = 79;
constexpr size_t kIndent = 4;
constexpr size_t kWordBytesMax = 900;  // RFC 5322 2.1.1 allows lines of 998 bytes

/// Bytes of a too long word that fit on a line, ending between characters.
size_t cut_word(std::string_view word) noexcept {
  size_t bytes = 0;
  while (bytes < word.size()) {
    const size_t step = std::max<size_t>(1, text::utf8_sequence_bytes(word.substr(bytes)));
    if (bytes + step > kWordBytesMax) break;
    bytes += step;
  }
  return bytes;
}

}  // namespace

void append_wrapped(std::string& out, std::string_view line) {
  size_t column = 0;
  while (!line.empty()) {
    // A word is taken with the blanks before it, so that a line that fits stays as it was.
    size_t blanks = 0;
    while (blanks < line.size() && line[blanks] == ' ') ++blanks;
    size_t end = blanks;
    while (end < line.size() && line[end] != ' ') ++end;
    if (end == blanks) break;  // blanks at the end
    const std::string_view word = line.substr(blanks, cut_word(line.substr(blanks, end - blanks)));
    const bool fits = column == 0 || (blanks > 0 && column + blanks + word.size() <= kLineBytes);
    if (!fits) {
      out += "\r\n";
      out.append(kIndent, ' ');
      column = kIndent;
      blanks = 0;
      end = static_cast<size_t>(word.data() + word.size() - line.data());
    } else {
      end = blanks + word.size();
      out.append(blanks, ' ');
    }
    out += word;
    column += blanks + word.size();
    line.remove_prefix(end);
  }
  out += "\r\n";
}

size_t header_bytes(std::string_view message) noexcept {
  if (message.starts_with("\r\n")) return 0;
  const size_t end = message.find("\r\n\r\n");
  if (end != std::string_view::npos) return end + 2;
  const size_t last_line_end = message.rfind("\r\n");
  return last_line_end == std::string_view::npos ? 0 : last_line_end + 2;
}

std::string header_value(std::string_view headers, std::string_view name) {
  std::string value;
  bool found = false;
  while (!headers.empty()) {
    const size_t end = std::min(headers.find("\r\n"), headers.size());
    std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + 2, headers.size()));
    const bool continues = !line.empty() && text::is_blank(line.front());
    if (found && !continues) break;
    if (!found) {
      const size_t colon = line.find(':');
      if (continues || colon == std::string_view::npos) continue;
      if (!text::equals_ignore_case(text::trim_right(line.substr(0, colon)), name)) continue;
      found = true;
      line.remove_prefix(colon + 1);
    }
    line = text::trim(line);
    if (!value.empty() && !line.empty()) value += ' ';
    value += line;
  }
  return value;
}

std::string complete_mailbox(std::string_view mailbox, std::string_view domain) {
  const size_t bracket = mailbox.rfind('<');
  const bool in_brackets = bracket != std::string_view::npos;
  const size_t start = in_brackets ? bracket + 1 : 0;
  const std::string_view ends = in_brackets ? ">" : " \t(";
  const size_t end = std::min(mailbox.find_first_of(ends, start), mailbox.size());
  std::string out(mailbox.substr(0, end));
  const std::string_view address = mailbox.substr(start, end - start);
  if (!address.empty() && address.find('@') == std::string_view::npos) {
    out += '@';
    out += domain;
  }
  out += mailbox.substr(end);
  return out;
}

}  // namespace barid
