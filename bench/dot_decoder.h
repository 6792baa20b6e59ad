// Finds the end of a message sent with DATA and removes dot-stuffing, in one pass over whatever
// pieces the socket gives. Only CRLF ends a line, so "\n.\n" and its relatives are content.
// Source: RFC 5321 4.1.1.4, 4.5.2. Layer: bench, pure, no allocation.
#pragma once

#include <cstdint>
#include <string_view>

namespace barid::bench {

class DotDecoder {
 public:
  /// Call before each message.
  void reset() noexcept {
    state_ = State::kLineStart;
    done_ = false;
  }

  /// Takes bytes up to the end of the message at most, hands content to `emit(string_view)` in
  /// order, and returns how many bytes it took; done() tells whether that was all of the message.
  template <typename Emit>
  size_t decode(std::string_view in, Emit&& emit);

  [[nodiscard]] bool done() const noexcept { return done_; }

 private:
  enum class State : uint8_t { kMid, kCr, kLineStart, kDot, kDotCr };

  /// Position of the next dot that opens a line, or npos.
  [[nodiscard]] static size_t find_line_dot(std::string_view in, size_t from,
                                            State before) noexcept;
  [[nodiscard]] static State state_after(std::string_view in, State before) noexcept;

  State state_ = State::kLineStart;
  bool done_ = false;
};

inline size_t DotDecoder::find_line_dot(std::string_view in, size_t from, State before) noexcept {
  for (size_t at = in.find('.', from); at != std::string_view::npos; at = in.find('.', at + 1)) {
    const size_t preceding = at - from;
    if (preceding == 0 && before == State::kLineStart) return at;
    if (preceding == 1 && in[at - 1] == '\n' && before == State::kCr) return at;
    if (preceding >= 2 && in[at - 1] == '\n' && in[at - 2] == '\r') return at;
  }
  return std::string_view::npos;
}

inline DotDecoder::State DotDecoder::state_after(std::string_view in, State before) noexcept {
  if (in.back() == '\r') return State::kCr;
  if (in.back() != '\n') return State::kMid;
  const bool after_cr = in.size() >= 2 ? in[in.size() - 2] == '\r' : before == State::kCr;
  return after_cr ? State::kLineStart : State::kMid;
}

template <typename Emit>
size_t DotDecoder::decode(std::string_view in, Emit&& emit) {
  size_t at = 0;
  while (at < in.size()) {
    if (state_ == State::kDot) {
      if (in[at] == '\r') {
        state_ = State::kDotCr;
        ++at;
      } else {
        state_ = State::kMid;  // the dot was stuffing; what follows is content
      }
      continue;
    }
    if (state_ == State::kDotCr) {
      if (in[at] == '\n') {
        done_ = true;
        return at + 1;
      }
      emit(std::string_view("\r"));
      state_ = State::kCr;
      continue;
    }
    const size_t dot = find_line_dot(in, at, state_);
    if (dot == std::string_view::npos) {
      const std::string_view rest = in.substr(at);
      emit(rest);
      state_ = state_after(rest, state_);
      return in.size();
    }
    if (dot > at) emit(in.substr(at, dot - at));
    state_ = State::kDot;
    at = dot + 1;
  }
  return at;
}

}  // namespace barid::bench
