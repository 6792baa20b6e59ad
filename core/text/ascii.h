// ASCII helpers: classes of characters, case folding, comparison, words. Bytes above 0x7f belong to
// no class and are never folded; nothing here knows a locale.
// Source: RFC 5234 B.1, RFC 5321 4.1.2 and 5322 3.2.3 (atext).
// Layer:  core/text, pure; allocates only where a function appends to a string.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace barid::text {

/// A set of bytes, built at compile time: `CharSet("abc")`, unions with `|`.
class CharSet {
 public:
  constexpr CharSet() = default;
  constexpr explicit CharSet(std::string_view members) {
    for (const char c : members) insert(c);
  }
  /// All bytes from `first` to `last`, both included.
  static constexpr CharSet range(char first, char last) {
    CharSet set;
    for (int c = static_cast<unsigned char>(first); c <= static_cast<unsigned char>(last); ++c) {
      set.insert(static_cast<char>(c));
    }
    return set;
  }
  constexpr CharSet operator|(const CharSet& other) const {
    CharSet set = *this;
    for (size_t i = 0; i < set.member_.size(); ++i) set.member_[i] |= other.member_[i];
    return set;
  }
  [[nodiscard]] constexpr bool has(char c) const noexcept {
    return member_[static_cast<unsigned char>(c)] != 0;
  }
  /// True if every byte of `value` is a member; true for the empty value.
  [[nodiscard]] constexpr bool has_all(std::string_view value) const noexcept {
    for (const char c : value) {
      if (!has(c)) return false;
    }
    return true;
  }

 private:
  constexpr void insert(char c) { member_[static_cast<unsigned char>(c)] = 1; }
  std::array<uint8_t, 256> member_{};
};

inline constexpr CharSet kDigits = CharSet::range('0', '9');
inline constexpr CharSet kLetters = CharSet::range('A', 'Z') | CharSet::range('a', 'z');
inline constexpr CharSet kAlnum = kDigits | kLetters;
inline constexpr CharSet kBlanks = CharSet(" \t");
/// atext of RFC 5322 3.2.3: what a dot-string is made of.
inline constexpr CharSet kAtext = kAlnum | CharSet("!#$%&'*+-/=?^_`{|}~");

[[nodiscard]] constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
[[nodiscard]] constexpr char to_upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

[[nodiscard]] constexpr bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}
[[nodiscard]] constexpr bool starts_with_ignore_case(std::string_view value,
                                                     std::string_view prefix) noexcept {
  return value.size() >= prefix.size() &&
         equals_ignore_case(value.substr(0, prefix.size()), prefix);
}

/// `value` without blanks (SP, HTAB) at the start, at the end, or both.
[[nodiscard]] constexpr std::string_view trim_left(std::string_view value) noexcept {
  while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
  return value;
}
[[nodiscard]] constexpr std::string_view trim_right(std::string_view value) noexcept {
  while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
  return value;
}
[[nodiscard]] constexpr std::string_view trim(std::string_view value) noexcept {
  return trim_left(trim_right(value));
}

/// Takes the next word (blanks separate) off the front of `rest`; empty when there is none left.
[[nodiscard]] constexpr std::string_view take_word(std::string_view& rest) noexcept {
  rest = trim_left(rest);
  size_t length = 0;
  while (length < rest.size() && !is_blank(rest[length])) ++length;
  const std::string_view word = rest.substr(0, length);
  rest.remove_prefix(length);
  return word;
}

/// True if no byte has its top bit set.
[[nodiscard]] bool is_ascii(std::string_view value) noexcept;

/// Appends `value` with A–Z folded to a–z.
void append_lower(std::string& out, std::string_view value);

/// Appends `value` in decimal.
void append_number(std::string& out, uint64_t value);

}  // namespace barid::text
