#include "http/openapi/openapi.h"

#include <fmt/format.h>

namespace barid::http {

void OpenApi::add_routes(Router& router) {
  router.add(Method::kGet, "/openapi.json", handler<&OpenApi::show>(*this));
}

void OpenApi::add_admin_routes(Router& router) {
  router.add(Method::kGet, "/admin/v1/routes", handler<&OpenApi::list>(*this));
}

rt::Task<void> OpenApi::show(Exchange& exchange) {
  std::string body;
  for (const std::string_view piece : openapi_document()) body += piece;
  co_await exchange.answer({.body = std::move(body)});
}

/// One object a line.
rt::Task<void> OpenApi::list(Exchange& exchange) {
  std::string body;
  for (const auto& [method, pattern] : router_.routes()) {
    fmt::format_to(std::back_inserter(body), "{{\"method\":\"{}\",\"path\":\"{}\"}}\n",
                   method_name(method), pattern);
  }
  co_await exchange.answer({.content_type = "application/x-ndjson", .body = std::move(body)});
}

}  // namespace barid::http
