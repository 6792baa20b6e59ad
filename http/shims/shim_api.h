// Calls of other mail APIs, so that programs written for them work when they are pointed here.
// Translators onto the submission of EmailApi: same keys, limits, checks, queue.
// Layer: http. Shard-owned.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "http/submit/email_api.h"

namespace barid::http {

class ShimApi {
 public:
  /// `emails` outlives it.
  ShimApi(EmailApi& emails, Admission& admission)
      : emails_(emails), admission_(admission), postmark_keys_(admission) {}

  void add_routes(Router& router);

 private:
  rt::Task<void> sendgrid(Exchange& exchange);
  rt::Task<void> postmark(Exchange& exchange);
  rt::Task<void> postmark_batch(Exchange& exchange);
  rt::Task<void> ses(Exchange& exchange);
  rt::Task<void> ses_bulk(Exchange& exchange);

  /// Keys are in a field of its own.
  class PostmarkKeys final : public HeadGuard {
   public:
    explicit PostmarkKeys(const Admission& admission) : admission_(admission) {}
    [[nodiscard]] std::optional<ApiError> head_problem(const Request& request) override;

   private:
    const Admission& admission_;
  };

  EmailApi& emails_;
  Admission& admission_;
  PostmarkKeys postmark_keys_;
};

}  // namespace barid::http
