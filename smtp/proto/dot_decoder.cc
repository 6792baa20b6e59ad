#include "smtp/proto/dot_decoder.h"

#include <cstring>

#include "core/base/assert.h"

namespace barid::smtp {

std::string_view DotDecoder::next_span(std::string_view& input) noexcept {
  BARID_ASSERT(!finished());
  while (!input.empty()) {
    const char c = input.front();
    switch (state_) {
      case State::kLineStart:
        if (c != '.') return scan(input);
        state_ = State::kDot;
        input.remove_prefix(1);
        break;
      case State::kDot:
        // Whatever follows, the dot itself is dropped: it was stuffed, or it ends the data.
        if (c != '\r') {
          state_ = State::kInLine;
          return scan(input);
        }
        state_ = State::kDotCr;
        input.remove_prefix(1);
        break;
      case State::kDotCr:
        if (c == '\n') {
          state_ = State::kFinished;
          input.remove_prefix(1);
          return {};
        }
        state_ = State::kAfterCr;  // the CR held back was content after all
        return "\r";
      case State::kInLine:
      case State::kAfterCr:
        return scan(input);
      case State::kFinished:
        return {};
    }
  }
  return {};
}

// Takes content up to the end of the input, or up to a CRLF that a dot follows.
std::string_view DotDecoder::scan(std::string_view& input) noexcept {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* position = begin;
  for (;;) {
    const auto left = static_cast<size_t>(end - position);
    const char* const newline =
        left == 0 ? nullptr : static_cast<const char*>(std::memchr(position, '\n', left));
    if (newline == nullptr) {
      if (position != end) state_ = end[-1] == '\r' ? State::kAfterCr : State::kInLine;
      const std::string_view span = input;
      input = {};
      return span;
    }
    const bool after_cr = newline == begin ? state_ == State::kAfterCr : newline[-1] == '\r';
    position = newline + 1;
    if (!after_cr) {
      bare_newline_ = true;
      state_ = State::kInLine;
      continue;
    }
    state_ = State::kLineStart;
    if (position != end && *position == '.') {
      const auto length = static_cast<size_t>(position - begin);
      const std::string_view span = input.substr(0, length);
      input.remove_prefix(length);
      return span;
    }
  }
}

}  // namespace barid::smtp
