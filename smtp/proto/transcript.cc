#include "smtp/proto/transcript.h"

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::smtp {
namespace {

constexpr size_t kLineBytesMax = 512;

/// Calls `visit` for each line of `lines`, without its end.
template <typename F>
void for_each_line(std::string_view lines, F&& visit) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

}  // namespace

uint8_t trouble_of(std::string_view reply) noexcept {
  if (reply.size() < 3 || (reply[0] != '4' && reply[0] != '5')) return 0;
  const std::string_view code = reply.substr(0, 3);
  const std::string_view rest = reply.substr(std::min<size_t>(4, reply.size()));
  const std::string_view status = rest.substr(0, rest.find(' '));
  const bool is_enhanced = status.size() > 2 && text::is_digit(status[0]) && status[1] == '.';
  const std::string_view detail = is_enhanced ? status.substr(2) : std::string_view();
  const bool is_lookup = detail == "3.0" && rest.find("lookup failure") != std::string_view::npos;
  if (is_lookup) return kTroubleData;
  if (detail == "3.0" || detail == "3.5") return kTroubleSoftware;
  if (detail == "3.1") return kTroubleResource;
  if (detail == "3.2") return 0;  // shutting down
  if (detail == "4.2") return kTroubleProtocol;
  if (detail.starts_with("5.3")) return kTroublePolicy;  // too many recipients
  if (detail.starts_with("5.")) return kTroubleProtocol;
  if (detail.starts_with("7.")) return kTroublePolicy;
  if (detail.starts_with("1.8") || detail.starts_with("1.7")) return kTroublePolicy;  // sender
  if (!detail.empty()) return 0;
  const bool is_syntax = code >= "500" && code <= "504";
  return is_syntax || code == "521" || code == "555" ? kTroubleProtocol : 0;
}

std::string without_secrets(std::string_view lines) {
  std::string out;
  for_each_line(lines, [&out](std::string_view line) {
    if (text::starts_with_ignore_case(line, "AUTH ")) {
      std::string_view rest = line;
      static_cast<void>(text::take_word(rest));
      out += "AUTH ";
      out += text::take_word(rest);
      if (!rest.empty()) out += " (left out)";
    } else {
      out += line;
    }
    out += "\r\n";
  });
  return out;
}

void Transcript::add_input(std::string_view lines) {
  for_each_line(without_secrets(lines), [this](std::string_view line) { add("In:  ", line); });
}

void Transcript::add_output(std::string_view lines) {
  for_each_line(lines, [this](std::string_view line) {
    classes_ |= trouble_of(line);
    add("Out: ", line);
  });
}

void Transcript::add(std::string_view direction, std::string_view line) {
  text_ += ' ';
  text_ += direction;
  text::append_printable_ascii(text_, line.substr(0, kLineBytesMax));
  if (line.size() > kLineBytesMax) text_ += " ...";
  text_ += "\r\n";
  if (text_.size() <= bytes_max_) return;
  // Half of it at once, so that this costs little a line.
  const size_t cut = text_.find('\n', text_.size() - bytes_max_ / 2);
  const size_t bytes = cut == std::string::npos ? text_.size() : cut + 1;
  const auto begin = text_.begin();
  const auto end = begin + static_cast<ptrdiff_t>(bytes);
  left_out_ += static_cast<uint32_t>(std::count(begin, end, '\n'));
  text_.erase(begin, end);
}

}  // namespace barid::smtp
