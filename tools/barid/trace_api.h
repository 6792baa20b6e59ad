// What `barid trace` asks that nobody else does: the events of one message.
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

  Shard::Inside& inside_;
};

}  // namespace barid::tools
