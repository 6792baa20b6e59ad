// Logical lines of main.cf, master.cf and table sources: comments and blank lines vanish wherever
// they stand, and a line that starts with a blank continues the one before, comment in between or
// not. Layer: core/lookup, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::lookup {

struct LogicalLine {
  std::string text;  ///< physical lines joined, line ends dropped
  int32_t line = 0;  ///< number of its first physical line, from 1
  /// The line starts with a blank and continues nothing: to be reported and skipped.
  [[nodiscard]] bool is_orphan() const noexcept;
};

/// Reads logical lines of a text that must outlive the reader.
class LogicalLineReader {
 public:
  explicit LogicalLineReader(std::string_view contents) noexcept : rest_(contents) {}

  /// Fills `line` with the next logical line; false at the end. Never yields an empty text.
  bool next(LogicalLine& line);

 private:
  [[nodiscard]] std::string_view take_physical();

  std::string_view rest_;
  int32_t line_number_ = 0;
};

/// The complaint about an orphan, quoting at most 30 characters of it.
[[nodiscard]] std::string orphan_warning(std::string_view text);

}  // namespace barid::lookup
