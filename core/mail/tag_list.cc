#include "core/mail/tag_list.h"

#include <algorithm>

#include "core/text/ascii.h"

namespace barid::dkim {

std::string_view trim_folds(std::string_view text) noexcept {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

namespace {

/// RFC 6376 3.2: ALPHA *ALNUMPUNC; hyphens occur too.
bool is_name(std::string_view text) noexcept {
  return !text.empty() && text::kLetters.has(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return text::kAlnum.has(c) || c == '_' || c == '-'; });
}

}  // namespace

const std::string_view* ParsedTags::find(std::string_view name) const noexcept {
  for (const Tag& tag : tags) {
    if (tag.name == name) return &tag.value;
  }
  return nullptr;
}

ParsedTags parse_tags(std::string_view text) {
  ParsedTags parsed;
  while (!trim_folds(text).empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    const std::string_view item = trim_folds(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      parsed.problem = "it is not a list of name=value";
      return parsed;
    }
    const std::string_view name = trim_folds(item.substr(0, equals));
    if (!is_name(name)) {
      parsed.problem = "it has a tag without a name";
      return parsed;
    }
    if (parsed.find(name) != nullptr) {
      parsed.problem = "a tag is there twice";
      return parsed;
    }
    if (parsed.tags.size() == kTagsMax) {
      parsed.problem = "it has too many tags";
      return parsed;
    }
    parsed.tags.push_back({.name = name, .value = trim_folds(item.substr(equals + 1))});
  }
  return parsed;
}

}  // namespace barid::dkim
