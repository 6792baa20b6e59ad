// Who may make a call now: key, scope, rate. One a listener; what all its APIs share.
// Layer: http. Shard-owned.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/exchange.h"
#include "http/router.h"
#include "http/submit/api_keys.h"
#include "http/submit/json_reader.h"
#include "http/submit/ledger.h"

namespace barid::http {

class Admission final : public HeadGuard {
 public:
  /// `ledger` outlives it.
  Admission(RequestLedger& ledger, std::unique_ptr<const ApiKeys> keys)
      : ledger_(ledger), keys_(std::move(keys)) {}
  /// Requests under way keep the principal that they have.
  void reload(std::unique_ptr<const ApiKeys> keys) { keys_ = std::move(keys); }

  /// False: every call is taken.
  [[nodiscard]] bool needs_key() const noexcept { return keys_->needs_key(); }

  /// Who has no key sends no large body.
  [[nodiscard]] std::optional<ApiError> head_problem(const Request& request) override {
    return head_problem(request.field("authorization"));
  }
  [[nodiscard]] std::optional<ApiError> head_problem(std::string_view authorization) const {
    return keys_->head_problem(authorization);
  }

  /// Answers the request itself when it says no.
  rt::Task<bool> admit(Exchange& exchange, Scope scope, Principal* principal);

  /// The same for `count` messages of the principal's tenant.
  rt::Task<bool> admit_messages(Exchange& exchange, const Principal& principal, size_t count);

 private:
  rt::Task<bool> take(Exchange& exchange, std::string budget, uint32_t limit, std::string_view what,
                      uint32_t amount);
  RequestLedger& ledger_;
  std::unique_ptr<const ApiKeys> keys_;
};

/// True if a Content-Type field says `wanted`, with parameters or without.
[[nodiscard]] bool is_media_type(std::string_view field, std::string_view wanted) noexcept;
/// The body as one JSON document, or the error that says why it is none: 415, 400. Without a
/// Content-Type it is taken for JSON. The request's body is empty then: a large one is held once.
[[nodiscard]] std::optional<ApiError> parse_body(Request& request, JsonValue* value);
/// `where`: put before the problem, such as "line 3: ".
[[nodiscard]] ApiError malformed_body(const JsonProblem& problem, std::string_view where = {});

/// 503: try again.
[[nodiscard]] ApiError busy(std::string message, uint32_t retry_after_seconds = 5);

}  // namespace barid::http
