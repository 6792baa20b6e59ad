// The canonical forms of DKIM, streamed: what a signature covers of a header field and of a body.
// Source: RFC 6376 3.4 (canonicalization), 3.4.5 (body length is not used).
// Layer:  core/mail, pure. Body bytes go to the sink as they lie in memory; only short pieces
//         between collapsed blanks are gathered in a buffer of fixed size.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace barid::dkim {

enum class Canonical : uint8_t { kSimple, kRelaxed };

/// "simple", "relaxed".
[[nodiscard]] std::string_view canonical_name(Canonical form) noexcept;

/// Takes the canonical bytes, in order.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void take(std::string_view bytes) = 0;
};

/// Appends the canonical form of one field, with its CRLF. `field` is the whole field as it stands
/// in the header; a missing CRLF at its end is added. Only CR LF ends a line: other CR and LF are
/// characters like any other.
void append_canonical_field(std::string& out, std::string_view field, Canonical form);

/// One body, in any pieces. The sink sees the same bytes however the body was cut.
class BodyCanonicalizer {
 public:
  BodyCanonicalizer(Canonical form, ByteSink& sink) noexcept : form_(form), sink_(sink) {}
  BodyCanonicalizer(const BodyCanonicalizer&) = delete;
  BodyCanonicalizer& operator=(const BodyCanonicalizer&) = delete;

  void add(std::string_view bytes);
  /// Once, at the end.
  void finish();

 private:
  void add_relaxed(std::string_view bytes);
  size_t put_squeezed(std::string_view bytes);
  void put(std::string_view bytes);
  void put_held_lines();
  void pass(std::string_view bytes);
  void flush();

  const Canonical form_;
  ByteSink& sink_;
  bool blank_ = false;       // relaxed: blanks were read and not decided about
  bool blank_cr_ = false;    // and a CR behind them
  bool cr_ = false;          // a CR was read that may begin a CRLF
  uint64_t lines_held_ = 0;  // CRLFs that are dropped if the body ends with them
  bool any_ = false;         // something was put
  std::array<char, 4096> gathered_;
  size_t gathered_count_ = 0;
};

}  // namespace barid::dkim
