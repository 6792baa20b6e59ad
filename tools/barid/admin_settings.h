// The admin API's view of shards, keys and configuration.
//
//   GET  /admin/v1/shards                what each does now
//   GET  /admin/v1/keys                  API keys: digest, tenant, scopes, limits; never a secret
//   POST /admin/v1/keys                  {tenant,scopes,rate,messages,from}: a new key, once, and
//   its line GET  /admin/v1/configuration[?all=true] GET  /admin/v1/configuration/{name}  value,
//   default, when a change counts
//
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

class AdminSettings {
 public:
  explicit AdminSettings(Shard::Inside& inside) : inside_(inside) {}

  void add_routes(http::Router& router);

 private:
  rt::Task<void> list_shards(http::Exchange& exchange);
  rt::Task<void> list_keys(http::Exchange& exchange);
  rt::Task<void> make_key(http::Exchange& exchange);
  rt::Task<void> list_configuration(http::Exchange& exchange);
  rt::Task<void> show_parameter(http::Exchange& exchange);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
