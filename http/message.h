// A request as handlers see it and the answer they give: plain values, no sockets.
// Source: RFC 9110 5 (fields), 9 (methods), 15 (status codes).
// Layer:  http, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mem/content.h"
#include "http/target.h"

namespace barid::http {

/// kOther: a well-formed method that no route has.
enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
[[nodiscard]] Method parse_method(std::string_view name) noexcept;
[[nodiscard]] std::string_view method_name(Method method) noexcept;

struct Field {
  std::string name;
  std::string value;
};

struct Request {
  Method method = Method::kOther;
  std::string method_text;
  std::string target_text;  ///< as received
  Target target;
  std::vector<Field> fields;
  std::string request_id;
  ContentRef body;  ///< after any content coding was undone; never null once the body is complete
  std::vector<std::pair<std::string_view, std::string>> path_parameters;  ///< names of the route

  /// The value of the first field of that name (any case), or null.
  [[nodiscard]] const std::string* find_field(std::string_view name) const noexcept;
  [[nodiscard]] std::string_view field(std::string_view name) const noexcept;
  /// A parameter of the path pattern; empty if the pattern has none of that name.
  [[nodiscard]] std::string_view path_parameter(std::string_view name) const noexcept;
};

struct Response {
  uint16_t status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::string body;
  std::vector<Field> fields;
};

[[nodiscard]] std::string_view reason_phrase(uint16_t status) noexcept;

/// What every failing call answers: {"statusCode","name","message","param"?,"request_id"}.
struct ApiError {
  uint16_t status = 500;
  std::string_view name;  ///< static, e.g. "validation_error"
  std::string message;
  std::string param = {};            ///< the field it is about; empty = none
  uint32_t retry_after_seconds = 0;  ///< 0 = no Retry-After
};
[[nodiscard]] Response error_response(const ApiError& error, std::string_view request_id);
/// How a refusal is written: error_response() or what clients of another API expect.
using ErrorForm = Response (*)(const ApiError& error, std::string_view request_id);

}  // namespace barid::http
