// The values of a request one after the other, so that only one of them is a tree at a time: the
// items of an array, or one document a line.
// Source: RFC 8259; github.com/ndjson/ndjson-spec. Layer: http, pure.
#pragma once

#include <memory>
#include <string>

#include "http/submit/json_reader.h"

namespace barid::http {

class JsonItems {
 public:
  /// kBadLine: this line is no document, the next one may be. kNotArray: it is a document, but none
  /// of items. kProblem: it is no document.
  enum class Step : uint8_t { kItem, kBadLine, kEnd, kNotArray, kProblem };

  virtual ~JsonItems() = default;
  /// After anything but kItem and kBadLine it is not called again.
  virtual Step next(JsonValue* item) = 0;
  /// After kBadLine and kProblem: why and where.
  [[nodiscard]] const JsonProblem& problem() const noexcept { return problem_; }

 protected:
  JsonProblem problem_;
};

/// Not copied if its capacity has room for kJsonPaddingBytes more.
[[nodiscard]] std::unique_ptr<JsonItems> array_items(std::string document);
/// Lines of blanks are no documents, and are not counted.
[[nodiscard]] std::unique_ptr<JsonItems> line_items(std::string lines);

}  // namespace barid::http
