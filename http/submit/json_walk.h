// What the readers of requests' JSON share: simdjson's On-Demand API walks over the text, this
// makes trees of it and adds the bounds. Only for json_reader.cc and json_items.cc: it brings
// simdjson's header along. Layer: http, pure.
#pragma once

#include <simdjson.h>

#include <memory>
#include <string_view>

#include "http/submit/json_reader.h"

namespace barid::http {

/// A parser of the thread's, for one document. It comes back when the lease ends, with its memory
/// if that is not large; whoever comes meanwhile gets another one.
class ParserLease {
 public:
  ParserLease();
  ParserLease(ParserLease&&) noexcept = default;
  ParserLease& operator=(ParserLease&&) = delete;
  ~ParserLease();

  /// Room for a document of that size; false: it is too large.
  [[nodiscard]] bool reserve(size_t bytes);
  [[nodiscard]] simdjson::ondemand::parser& get() noexcept { return *parser_; }

 private:
  std::unique_ptr<simdjson::ondemand::parser> parser_;
};

/// A walk over a document. A call that returns false has set the problem, and while it returns, the
/// problem's `param` becomes the path of what is wrong.
class JsonWalk {
 public:
  explicit JsonWalk(JsonProblem* problem) : problem_(*problem) {}

  /// The text is used up: long strings are taken out of it. It has `capacity` bytes of which those
  /// after its end may be read (SIMDJSON_PADDING).
  bool begin(simdjson::ondemand::parser& parser, std::string_view text, size_t capacity,
             simdjson::ondemand::document* document);
  bool value(simdjson::ondemand::document& in, JsonValue* out);
  bool value(simdjson::ondemand::value& in, JsonValue* out);
  /// After the value of the document nothing may follow.
  bool end(simdjson::ondemand::document& document);

  /// Goes into the document's own array, whose items are values that the caller walks.
  bool enter(simdjson::ondemand::document& in, simdjson::ondemand::array* array);
  bool item(simdjson::simdjson_result<simdjson::ondemand::value> in, size_t index, JsonValue* out);

 private:
  template <typename In>
  bool read(In& in, JsonValue* out);
  template <typename In>
  bool nested(In& in, JsonValue* out, JsonValue::Kind kind);
  template <typename In>
  bool string(In& in, JsonValue* out);
  bool members(simdjson::ondemand::object& object, JsonValue* out);
  bool items(simdjson::ondemand::array& array, JsonValue* out);
  bool unfold(JsonValue* out);

  bool check(simdjson::error_code code) { return code == simdjson::SUCCESS || refuse(code); }
  bool refuse(simdjson::error_code code);
  bool refuse(std::string_view why);
  bool step(std::string_view name);

  JsonProblem& problem_;
  size_t depth_ = 0;
  size_t nodes_count_ = 0;
};

}  // namespace barid::http
