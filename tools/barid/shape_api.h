// GET /admin/v1/shape?domain=D[&sender=A][&pool=P]: where mail for a domain goes and what it may do
// there, each value with the rule or parameter that it comes from. One JSON object:
//   {"domain","transport","next_hop","site","pool",
//    "settings":[{"name","value","from"}]}
// Mail that goes to no site (error, retry, discard) has the reason as next_hop and no settings.
// Layer: tools. Lives on one shard.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class ShapeApi {
 public:
  explicit ShapeApi(Shard::Inside& inside) : inside_(inside) {}
  void add_routes(http::Router& router);

 private:
  rt::Task<void> explain(http::Exchange& exchange);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
