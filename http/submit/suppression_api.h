// GET, POST and DELETE /suppressions…, in the shape that the npm package resend speaks; and the
// same for operators, of any tenant, under /admin/v1/suppressions.
// Layer: http. Shard-owned.
#pragma once

#include "http/router.h"
#include "http/submit/suppression_book.h"

namespace barid::http {

class SuppressionApi {
 public:
  SuppressionApi(SuppressionBook& book, Admission& admission)
      : book_(book), admission_(admission) {}
  void add_routes(Router& router);

 private:
  rt::Task<void> create(Exchange& exchange);
  rt::Task<void> create_batch(Exchange& exchange);
  rt::Task<void> list(Exchange& exchange);
  rt::Task<void> show(Exchange& exchange);
  rt::Task<void> remove(Exchange& exchange);
  rt::Task<void> remove_batch(Exchange& exchange);

  SuppressionBook& book_;
  Admission& admission_;
};

class SuppressionAdmin {
 public:
  explicit SuppressionAdmin(SuppressionBook& book) : book_(book) {}
  void add_routes(Router& router);

 private:
  rt::Task<void> list(Exchange& exchange);
  rt::Task<void> change(Exchange& exchange);

  SuppressionBook& book_;
};

}  // namespace barid::http
