// The mailbox of `barid dev` over the admin API: what was delivered, as the console shows it.
//   GET    /admin/v1/mailbox?limit=&before=&text=   the newest first
//   DELETE /admin/v1/mailbox                        all of it
//   GET, DELETE /admin/v1/mailbox/{id}              one message
//   GET    /admin/v1/mailbox/{id}/content           as it came
//   GET    /admin/v1/mailbox/{id}/html              its HTML, in a document that can do nothing
// Layer: tools. Shard-owned; files are read on offload threads.
#pragma once

#include <string>

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class MailboxApi {
 public:
  explicit MailboxApi(Shard::Inside& inside) : inside_(inside) {}
  /// None, if this process has no mailbox.
  void add_routes(http::Router& router);

 private:
  rt::Task<void> list(http::Exchange& exchange);
  rt::Task<void> show(http::Exchange& exchange);
  rt::Task<void> show_content(http::Exchange& exchange);
  rt::Task<void> show_html(http::Exchange& exchange);
  rt::Task<void> remove(http::Exchange& exchange);
  rt::Task<void> empty(http::Exchange& exchange);
  rt::Task<Result<std::string>> load(http::Exchange& exchange);
  rt::Task<void> refuse(http::Exchange& exchange, Error error);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
