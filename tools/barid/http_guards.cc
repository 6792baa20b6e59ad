#include "tools/barid/http_guards.h"

namespace barid::tools {

rt::Task<bool> AdminGuard::admit(http::Exchange& exchange) {
  http::Principal principal;
  co_return co_await admission_.admit(exchange, http::kScopeAdmin, &principal);
}

rt::Task<bool> LocalGuard::admit(http::Exchange& exchange) {
  if (keys_ != nullptr && keys_->needs_key()) co_return true;
  const char* problem = http::foreign_page_problem(exchange.request(), host_check_, host_names_);
  if (problem == nullptr) co_return true;
  co_await exchange.refuse({.status = 403, .name = "validation_error", .message = problem});
  co_return false;
}

}  // namespace barid::tools
