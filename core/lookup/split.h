// The small text grammar that main.cf, master.cf and tables share: blanks, lists, {groups}, name =
// value. Layer: core/lookup, pure. Results borrow the argument.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/ascii.h"

namespace barid::lookup {

using text::equals_ignore_case;
using text::is_digit;
using text::to_lower;

/// Space, tab, CR, LF, vertical tab or form feed, whatever the locale.
[[nodiscard]] constexpr bool is_blank(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
/// True for a character of a `$name`.
[[nodiscard]] constexpr bool is_name_char(char c) noexcept {
  return text::kAlnum.has(c) || c == '_';
}

/// Without leading and trailing blanks.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
[[nodiscard]] std::string_view trim_left(std::string_view text) noexcept;

[[nodiscard]] std::string lower(std::string_view text);

/// Lower-cased copy of a key on the stack, so that a lookup allocates nothing for ordinary keys.
class FoldedKey {
 public:
  explicit FoldedKey(std::string_view key);
  FoldedKey(const FoldedKey&) = delete;
  FoldedKey& operator=(const FoldedKey&) = delete;
  [[nodiscard]] std::string_view view() const noexcept { return view_; }

 private:
  std::array<char, 320> short_;  // local part 64, '@', domain 255 (RFC 5321 4.5.3.1)
  std::string long_;
  std::string_view view_;
};

/// Index of the `}` that closes the `{` at text[open], or npos.
[[nodiscard]] size_t find_closing_brace(std::string_view text, size_t open) noexcept;

/// `{ text }` without its braces and the blanks next to them; anything else unchanged.
[[nodiscard]] std::string_view strip_braces(std::string_view text) noexcept;

enum class Separators : uint8_t { kCommaAndBlank, kBlank };

/// Items separated by blanks (and commas); a {group} protects both and loses its outer braces.
/// An unclosed group reaches to the end of the text.
[[nodiscard]] std::vector<std::string_view> split_list(
    std::string_view text, Separators separators = Separators::kCommaAndBlank);

/// `name = value`. On error `error` is a static text and the other fields are empty.
struct NameValue {
  std::string_view name;
  std::string_view value;
  const char* error = nullptr;
};
[[nodiscard]] NameValue split_name_value(std::string_view text) noexcept;

}  // namespace barid::lookup
