// Tag lists, `name=value; name=value`: the syntax of DKIM's key records and signatures.
// Source: RFC 6376 3.2.
// Layer:  core/mail, pure. Everything borrows the text.
#pragma once

#include <string_view>
#include <vector>

namespace barid::dkim {

inline constexpr size_t kTagsMax = 64;

struct Tag {
  std::string_view name;
  std::string_view value;  ///< without blanks and folds around it; inside they stay
};

struct ParsedTags {
  std::vector<Tag> tags;     ///< in the order of the text
  std::string_view problem;  ///< static text; not empty: it is no such list

  /// The value of a tag; null if it is not there.
  [[nodiscard]] const std::string_view* find(std::string_view name) const noexcept;
};

[[nodiscard]] ParsedTags parse_tags(std::string_view text);

/// Without blanks, tabulators, CR and LF around it.
[[nodiscard]] std::string_view trim_folds(std::string_view text) noexcept;

}  // namespace barid::dkim
