// Submissions of all tenants over the admin API.
//   GET /admin/v1/emails?…               found by what they were (http/submit/email_search.h)
//   GET /admin/v1/emails/{id}            one of them
//   GET /admin/v1/emails/{id}/events     what happened to it, one event a line
// Layer: tools. Lives on one shard; stores are read on offload threads.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class AdminEmails {
 public:
  explicit AdminEmails(Shard::Inside& inside) : inside_(inside) {}
  void add_routes(http::Router& router);

 private:
  rt::Task<void> search(http::Exchange& exchange);
  rt::Task<void> show(http::Exchange& exchange);
  rt::Task<void> events(http::Exchange& exchange);
  rt::Task<std::vector<const queue::Store*>> stores();

  Shard::Inside& inside_;
};

}  // namespace barid::tools
