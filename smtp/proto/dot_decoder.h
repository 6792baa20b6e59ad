// Finds the end of mail data and undoes dot-stuffing, on any segmentation of the input.
// Only CRLF "." CRLF ends data, or "." CRLF at its very start. A bare LF or CR is content, never a
// line end, so that no two servers can disagree with us about where a message ends.
// Source: RFC 5321 4.5.2 (transparency), 2.3.8 and 4.1.1.4 (line and data ends).
// Layer:  smtp/proto, pure; no copies, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace barid::smtp {

class DotDecoder {
 public:
  /// Ready for the next message.
  void reset() noexcept { *this = DotDecoder(); }

  /// Uses bytes of `input` (shortens it) and returns the next span of content, which lies in the
  /// input or is static. Empty means: the input is used up, or finished().
  /// Cost: one memchr per line.
  [[nodiscard]] std::string_view next_span(std::string_view& input) noexcept;

  /// Passes all content of `input` to `sink` as spans; returns how many bytes were used, which is
  /// less than all only if the data ended before.
  template <typename Sink>
  size_t feed(std::string_view input, Sink&& sink) {
    const size_t offered = input.size();
    while (!input.empty() && !finished()) {
      const std::string_view span = next_span(input);
      if (!span.empty()) sink(span);
    }
    return offered - input.size();
  }

  /// The end of data was used; next_span() must not be called before reset().
  [[nodiscard]] bool finished() const noexcept { return state_ == State::kFinished; }
  /// A LF without CR before it was part of the content.
  [[nodiscard]] bool bare_newline() const noexcept { return bare_newline_; }

 private:
  enum class State : uint8_t {
    kLineStart,  ///< at the start or after CRLF
    kInLine,     ///< the last byte was not CR
    kAfterCr,    ///< the last byte was CR
    kDot,        ///< held back: "." at a line start
    kDotCr,      ///< held back: "." CR at a line start
    kFinished,
  };

  std::string_view scan(std::string_view& input) noexcept;

  State state_ = State::kLineStart;
  bool bare_newline_ = false;
};

}  // namespace barid::smtp
