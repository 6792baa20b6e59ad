#include "http/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"
#include "core/text/json.h"

namespace barid::http {
namespace {

constexpr std::array<std::string_view, 7> kMethodNames = {"GET",   "HEAD",   "POST",   "PUT",
                                                          "PATCH", "DELETE", "OPTIONS"};

}  // namespace

Method parse_method(std::string_view name) noexcept {
  for (size_t i = 0; i < kMethodNames.size(); ++i) {
    if (kMethodNames[i] == name) return static_cast<Method>(i);
  }
  return Method::kOther;
}

std::string_view method_name(Method method) noexcept {
  return method == Method::kOther ? "?" : kMethodNames[static_cast<size_t>(method)];
}

const std::string* Request::find_field(std::string_view name) const noexcept {
  for (const Field& field : fields) {
    if (text::equals_ignore_case(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::string_view Request::field(std::string_view name) const noexcept {
  const std::string* value = find_field(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::string_view Request::path_parameter(std::string_view name) const noexcept {
  for (const auto& [key, value] : path_parameters) {
    if (key == name) return value;
  }
  return {};
}

std::string_view reason_phrase(uint16_t status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

Response error_response(const ApiError& error, std::string_view request_id) {
  Response response{.status = error.status};
  fmt::format_to(std::back_inserter(response.body), "{{\"statusCode\":{},\"name\":", error.status);
  text::append_json_string(response.body, error.name);
  response.body += ",\"message\":";
  text::append_json_string(response.body, error.message);
  if (!error.param.empty()) {
    response.body += ",\"param\":";
    text::append_json_string(response.body, error.param);
  }
  response.body += ",\"request_id\":";
  text::append_json_string(response.body, request_id);
  response.body += "}\n";
  if (error.retry_after_seconds > 0) {
    response.fields.push_back(
        {.name = "retry-after", .value = fmt::to_string(error.retry_after_seconds)});
  }
  return response;
}

}  // namespace barid::http
