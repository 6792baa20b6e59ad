#include "http/submit/raw_message.h"

#include <algorithm>
#include <utility>

#include "core/mail/header_fields.h"
#include "core/mail/header_find.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::http {
namespace {

constexpr size_t kLineBytesMax = 998;

bool is_named(std::string_view line, std::string_view name) noexcept {
  return text::starts_with_ignore_case(line, name) &&
         text::trim_left(line.substr(name.size())).starts_with(':');
}

bool has_field_name(std::string_view line) noexcept {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  for (const char c : text::trim_right(line.substr(0, colon))) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

RawMessage prepare_raw(std::string_view bytes) {
  RawMessage message;
  bool in_header = true;
  bool dropping = false;
  bool any_field = false;
  bool any_from = false;
  // What is large is not copied again as it grows: no line becomes longer but by its carriage
  // return.
  const auto feeds = static_cast<size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  message.text.reserve(bytes.size() + feeds + 4);
  while (!bytes.empty()) {
    const size_t feed = bytes.find('\n');
    std::string_view line = bytes.substr(0, feed);
    bytes.remove_prefix(feed == std::string_view::npos ? bytes.size() : feed + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > kLineBytesMax) {
      message.problem = "a line is longer than 998 bytes";
      return message;
    }
    if (line.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos) {
      message.problem = "a bare CR or a NUL";
      return message;
    }
    if (in_header) {
      if (line.empty()) {
        in_header = false;
      } else if (text::is_blank(line.front()) && any_field) {
        if (dropping) continue;
      } else if (!has_field_name(line)) {
        message.problem = "the header has a line that is no field";
        return message;
      } else {
        any_field = true;
        dropping = is_named(line, "Bcc") || is_named(line, "Return-Path");
        if (dropping) continue;
        if (is_named(line, "From") && std::exchange(any_from, true)) {
          message.problem = "there are two From fields";
          return message;
        }
      }
    }
    message.text += line;
    message.text += "\r\n";
  }
  if (!any_field) {
    message.problem = "there is no header";
    return message;
  }
  if (in_header) message.text += "\r\n";
  message.subject = find_header(message.text, "Subject");
  message.from_domain = first_domain(find_header(message.text, "From"));
  message.message_id = find_header(message.text, "Message-ID");
  if (message.message_id.starts_with('<') && message.message_id.ends_with('>')) {
    message.message_id = message.message_id.substr(1, message.message_id.size() - 2);
  }
  if (!text::is_valid_utf8(message.subject)) message.subject.clear();
  return message;
}

}  // namespace barid::http
