// One regular expression, compiled once, with limits that a hostile subject cannot exceed.
// Source: PCRE2 (pcre2pattern(3)).
// Layer:  core/lookup. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace barid::lookup {

class Pattern {
 public:
  struct Compiled;

  /// `flags`: letters behind the closing slash; i = any case. `*problem` says what is wrong.
  [[nodiscard]] static Pattern compile(std::string_view expression, std::string_view flags,
                                       std::string* problem);
  Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  /// False also when a limit was reached: `subject` then counts as no match.
  [[nodiscard]] bool matches(std::string_view subject) const noexcept;

 private:
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace barid::lookup
