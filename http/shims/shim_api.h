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
  explicit ShimApi(EmailApi& emails) : emails_(emails) {}

  void add_routes(Router& router);

 private:
  rt::Task<void> sendgrid(Exchange& exchange);
  rt::Task<void> postmark(Exchange& exchange);
  rt::Task<void> postmark_batch(Exchange& exchange);
  rt::Task<void> ses(Exchange& exchange);
  rt::Task<void> ses_bulk(Exchange& exchange);

  EmailApi& emails_;
};

}  // namespace barid::http
