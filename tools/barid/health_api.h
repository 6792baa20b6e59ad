// Probes and metrics of the process, on any listener:
//   GET /livez     200 once every shard's reactor has turned for it
//   GET /readyz    200 while new mail is taken, else 503 with the reason
//   GET /startupz  200 once every shard has read its queue
//   GET /metrics   Prometheus text (role `metrics`)
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

class HealthApi {
 public:
  explicit HealthApi(Shard::Inside& inside) : inside_(inside) {}

  void add_probe_routes(http::Router& router);
  void add_metrics_routes(http::Router& router);

 private:
  rt::Task<void> live(http::Exchange& exchange);
  rt::Task<void> ready(http::Exchange& exchange);
  rt::Task<void> startup(http::Exchange& exchange);
  rt::Task<void> metrics(http::Exchange& exchange);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
