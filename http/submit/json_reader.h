// Reads the JSON of requests: simdjson's grammar, and our own bounds on depth and number of values.
// Duplicate names are refused, for two readers could take different ones; so are numbers that not
// all readers can hold.
// Source: RFC 8259; RFC 7493 2 (what all readers take alike).
// Layer:  http, pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "http/submit/json.h"

namespace barid::http {

inline constexpr size_t kJsonDepthMax = 64;
inline constexpr size_t kJsonNodesMax = 400'000;
/// Room that a reader needs after a document; a text that has none is copied.
inline constexpr size_t kJsonPaddingBytes = 64;

struct JsonProblem {
  std::string text;
  std::string param;  ///< where, such as `headers.X-A` or `to.3`; empty: in the document as such
};

/// One document after the other, each in pieces.
class JsonReader {
 public:
  /// Makes room for a document of that size.
  void expect(size_t bytes);
  void add(std::string_view bytes) { document_ += bytes; }
  /// Reads what was added; false: problem() says why it is no document. Then comes the next one.
  bool finish();
  [[nodiscard]] const JsonProblem& problem() const noexcept { return problem_; }
  /// After finish().
  [[nodiscard]] JsonValue take() { return std::move(value_); }

 private:
  std::string document_;
  JsonValue value_;
  JsonProblem problem_;
};

}  // namespace barid::http
