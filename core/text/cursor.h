// Cursor: reads a text from left to right. Failure is sticky: after the first one every read yields
// nothing, so that a parser reads its whole production and checks once at the end.
// Layer:  core/text, pure. Borrows the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/text/ascii.h"

namespace barid::text {

class Cursor {
 public:
  explicit constexpr Cursor(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] constexpr bool failed() const noexcept { return failed_; }
  [[nodiscard]] constexpr bool at_end() const noexcept { return position_ == text_.size(); }
  /// Bytes used so far; after a failure, where it happened.
  [[nodiscard]] constexpr size_t position() const noexcept { return position_; }
  constexpr void fail() noexcept { failed_ = true; }

  /// The next byte without using it; NUL at the end or after a failure.
  [[nodiscard]] constexpr char peek() const noexcept {
    return failed_ || at_end() ? '\0' : text_[position_];
  }
  /// Uses the next byte; fails at the end.
  constexpr char take() noexcept {
    if (failed_ || at_end()) {
      failed_ = true;
      return '\0';
    }
    return text_[position_++];
  }
  /// Uses the next byte if it is `wanted`.
  constexpr bool take_if(char wanted) noexcept {
    if (failed_ || at_end() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }
  /// Uses the next byte, which must be `wanted`.
  constexpr void expect(char wanted) noexcept {
    if (!take_if(wanted)) failed_ = true;
  }
  /// Uses one decimal digit; 0 and failure if there is none.
  constexpr uint32_t digit() noexcept {
    if (!is_digit(peek())) {
      failed_ = true;
      return 0;
    }
    return static_cast<uint32_t>(text_[position_++] - '0');
  }
  /// Uses all digits that follow. Fails if there is none or the number is above `max`.
  constexpr uint64_t number(uint64_t max) noexcept {
    uint64_t value = digit();
    while (!failed_ && is_digit(peek())) {
      const uint64_t next = digit();
      if (value > (max - next) / 10) {
        failed_ = true;
        return 0;
      }
      value = value * 10 + next;
    }
    if (value > max) failed_ = true;
    return failed_ ? 0 : value;
  }
  /// Uses the longest run of members of `set`, perhaps none.
  constexpr std::string_view take_while(const CharSet& set) noexcept {
    if (failed_) return {};
    const size_t start = position_;
    while (position_ < text_.size() && set.has(text_[position_])) ++position_;
    return text_.substr(start, position_ - start);
  }
  constexpr void skip_blanks() noexcept { (void)take_while(kBlanks); }
  /// What was used since `start`.
  [[nodiscard]] constexpr std::string_view since(size_t start) const noexcept {
    return text_.substr(start, position_ - start);
  }
  /// What is left, without using it; empty after a failure.
  [[nodiscard]] constexpr std::string_view rest() const noexcept {
    return failed_ ? std::string_view() : text_.substr(position_);
  }

 private:
  std::string_view text_;
  size_t position_ = 0;
  bool failed_ = false;
};

}  // namespace barid::text
