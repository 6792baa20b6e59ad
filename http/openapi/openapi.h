// The description of the API as machines read it, and the list of routes that it is held against.
// Source: OpenAPI 3.1; the document is made of http/openapi/parts.
// Layer:  http. Shard-owned.
#pragma once

#include <span>
#include <string_view>

#include "http/exchange.h"
#include "http/router.h"

namespace barid::http {

/// One after the other.
[[nodiscard]] std::span<const std::string_view> openapi_document() noexcept;

class OpenApi {
 public:
  /// `router`: whose routes are listed; outlives it.
  explicit OpenApi(const Router& router) : router_(router) {}
  void add_routes(Router& router);
  void add_admin_routes(Router& router);

 private:
  rt::Task<void> show(Exchange& exchange);
  rt::Task<void> list(Exchange& exchange);

  const Router& router_;
};

}  // namespace barid::http
