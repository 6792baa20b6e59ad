// What `barid trace` asks that nobody else does: the events of one message, and SMTP sessions as
// they are spoken.
// Layer: tools. Shard-owned.
#pragma once

#include "http/router.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class TraceApi {
 public:
  explicit TraceApi(Shard::Inside& inside) : inside_(inside) {}
  void add_routes(http::Router& router);

 private:
  rt::Task<void> events(http::Exchange& exchange);
  rt::Task<void> watch(http::Exchange& exchange);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
