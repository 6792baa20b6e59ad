#include "http/submit/html_links.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

constexpr std::array<std::string_view, 6> kRawText = {"script", "style", "textarea",
                                                      "title",  "xmp",   "noscript"};

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
bool is_letter(char c) noexcept {
  const char lower = text::to_lower(c);
  return lower >= 'a' && lower <= 'z';
}

/// A place in the text.
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

/// A start tag, from behind its name to behind its `>`.
struct Tag {
  std::optional<Range> href;  ///< the value, without quotes
  size_t end = 0;             ///< npos: the tag does not end
};

Tag read_tag(std::string_view html, size_t at) {
  Tag tag{.end = std::string_view::npos};
  while (at < html.size()) {
    if (is_space(html[at]) || html[at] == '/') {
      ++at;
      continue;
    }
    if (html[at] == '>') {
      tag.end = at + 1;
      return tag;
    }
    const size_t name_begin = at;
    if (html[at] == '=') ++at;  // a name may begin so
    while (at < html.size() && !is_space(html[at]) && html[at] != '/' && html[at] != '>' &&
           html[at] != '=') {
      ++at;
    }
    const std::string_view name = html.substr(name_begin, at - name_begin);
    while (at < html.size() && is_space(html[at])) ++at;
    if (at == html.size() || html[at] != '=') continue;
    ++at;
    while (at < html.size() && is_space(html[at])) ++at;
    if (at == html.size()) break;
    Range value{.begin = at};
    if (html[at] == '"' || html[at] == '\'') {
      const char quote = html[at];
      value.begin = ++at;
      value.end = html.find(quote, at);
      if (value.end == std::string_view::npos) return tag;
      at = value.end + 1;
    } else {
      while (at < html.size() && !is_space(html[at]) && html[at] != '>') ++at;
      value.end = at;
    }
    if (!tag.href && text::equals_ignore_case(name, "href")) tag.href = value;  // the first counts
  }
  return tag;
}

/// Behind the end tag that ends a raw text element; npos: there is none.
size_t end_of_raw_text(std::string_view html, size_t at, std::string_view name) {
  for (;;) {
    at = html.find("</", at);
    if (at == std::string_view::npos) return at;
    at += 2;
    if (text::starts_with_ignore_case(html.substr(at), name)) return at;
  }
}

/// The URL that an attribute's value means; nullopt if it is to stay.
std::optional<std::string> url_of(std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  if (value.size() > kTrackedUrlBytesMax) return std::nullopt;
  if (!text::starts_with_ignore_case(value, "http://") &&
      !text::starts_with_ignore_case(value, "https://")) {
    return std::nullopt;
  }
  std::string url;
  while (!value.empty()) {
    const auto byte = static_cast<unsigned char>(value.front());
    if (byte <= ' ' || byte == 0x7f) return std::nullopt;
    if (value.front() == '&') {
      if (value.starts_with("&amp;")) {
        value.remove_prefix(4);
      } else {
        // `&x=1` is an ampersand, `&quot;` is not.
        const size_t stop = value.find_first_of("&;=", 1);
        if (stop != std::string_view::npos && value[stop] == ';') return std::nullopt;
        if (value.starts_with("&#")) return std::nullopt;
      }
      url += '&';
    } else {
      url += value.front();
    }
    value.remove_prefix(1);
  }
  return url;
}

}  // namespace

std::string replace_links(std::string_view html,
                          absl::FunctionRef<std::string(const std::string&)> replace) {
  std::string out;
  size_t copied = 0;
  size_t at = 0;
  while (at < html.size()) {
    at = html.find('<', at);
    if (at == std::string_view::npos) break;
    if (html.substr(at).starts_with("<!--")) {
      at = html.find("-->", at + 4);
      continue;
    }
    size_t name_end = ++at;
    while (name_end < html.size() && !is_space(html[name_end]) && html[name_end] != '/' &&
           html[name_end] != '>') {
      ++name_end;
    }
    const std::string_view name = html.substr(at, name_end - at);
    if (name.empty() || !is_letter(name.front())) continue;
    const Tag tag = read_tag(html, name_end);
    if (tag.end == std::string_view::npos) break;
    at = tag.end;
    const bool is_link =
        text::equals_ignore_case(name, "a") || text::equals_ignore_case(name, "area");
    if (is_link && tag.href) {
      const Range value = *tag.href;
      if (const auto url = url_of(html.substr(value.begin, value.end - value.begin))) {
        out += html.substr(copied, value.begin - copied);
        out += replace(*url);
        copied = value.end;
      }
    }
    const bool raw = std::any_of(kRawText.begin(), kRawText.end(), [name](std::string_view one) {
      return text::equals_ignore_case(name, one);
    });
    if (raw) at = end_of_raw_text(html, at, name);
  }
  out += html.substr(copied);
  return out;
}

void insert_at_end_of_body(std::string& html, std::string_view snippet) {
  constexpr std::string_view kEnd = "</body";
  for (size_t at = html.rfind('<'); at != std::string::npos && at > 0;
       at = html.rfind('<', at - 1)) {
    if (text::starts_with_ignore_case(std::string_view(html).substr(at), kEnd)) {
      html.insert(at, snippet);
      return;
    }
  }
  html += snippet;
}

}  // namespace barid::http
