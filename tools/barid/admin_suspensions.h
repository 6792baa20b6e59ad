// Handlers of the admin API for what operators suspend and resume.
//
//   GET    /admin/v1/suspensions                 one object a line
//   POST   /admin/v1/suspensions?kind=&value=    [&for=1h] [&reason=…]; replaces one of that name
//   DELETE /admin/v1/suspensions?kind=&value=
//
// The first shard's list is the one that counts; a change goes from there to the file and, once
// that is synced, to all shards.
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "shard/schedule/suspensions.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

class AdminSuspensions {
 public:
  explicit AdminSuspensions(Shard::Inside& inside) : inside_(inside) {}
  void add_routes(http::Router& router);

 private:
  struct Change;
  rt::Task<void> list(http::Exchange& exchange);
  rt::Task<void> suspend(http::Exchange& exchange);
  rt::Task<void> resume(http::Exchange& exchange);
  rt::Task<void> apply(http::Exchange& exchange, const Change& change);

  Shard::Inside& inside_;
};

/// Reads the query of a POST; empty, or one sentence that says what would be right.
[[nodiscard]] std::string read_suspension(const http::Target& target, WallTime now,
                                          schedule::Suspension* entry);
/// One object and a line feed.
[[nodiscard]] std::string suspension_json(const schedule::Suspension& entry);

}  // namespace barid::tools
