// What a delivery transport is configured to do: an immutable snapshot per master.cf service.
// Parameter names: smtp_* (lmtp_* for LMTP), docs/configuration.md.
// Layer: smtp/client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "dns/destination.h"
#include "dns/router.h"
#include "policy/egress_pools.h"
#include "policy/status_filter.h"
#include "shard/net/socket_address.h"
#include "smtp/client/login.h"
#include "smtp/client/machine.h"
#include "smtp/client/tls_plan.h"

namespace barid::smtp {

struct ClientTimeouts {
  Duration connect = std::chrono::seconds(30);
  Duration hello = std::chrono::seconds(300);
  Duration mail = std::chrono::seconds(300);
  Duration rcpt = std::chrono::seconds(300);
  Duration data_init = std::chrono::seconds(120);
  Duration data_transfer = std::chrono::seconds(180);  ///< per write
  Duration data_done = std::chrono::seconds(600);
  Duration forward = std::chrono::seconds(300);  ///< XFORWARD
  Duration reset = std::chrono::seconds(20);
  Duration quit = std::chrono::seconds(300);
};

struct ClientSettings {
  ClientOptions machine;  ///< host, peer, nexthop and best_mx are filled per connection
  std::string my_hostname;
  dns::RouteOptions route;
  dns::DestinationDefaults destination;
  std::vector<dns::Destination> fallback;      ///< smtp_fallback_relay, lmtp_fallback_relay
  std::shared_ptr<const ClientLogins> logins;  ///< null: smtp_sasl_auth_enable = no
  bool soft_bounce = false;
  ClientTls tls;
  bool request_deadline = false;  ///< smtp_per_request_deadline: timeouts are for whole requests
  uint32_t data_rate_min = 500;   ///< smtp_min_data_rate, bytes a second: content extends the time
  std::unique_ptr<const ReplyFilter> reply_filter;            ///< of machine.reply_filter
  std::unique_ptr<const policy::StatusFilter> status_filter;  ///< null = none
  std::string best_mx_transport;  ///< transport:nexthop for mail that loops back to us; or empty
  std::string relayhost;          ///< a next hop that is this is our own configuration
  ClientTimeouts timeouts;
  std::optional<net::SocketAddress> source_v4;  ///< smtp_bind_address
  std::optional<net::SocketAddress> source_v6;  ///< smtp_bind_address6
  bool source_enforced = false;  ///< smtp_bind_address_enforce: rather no delivery than another one
  std::shared_ptr<const policy::EgressPools> pools;  ///< of leases that name one; null = none
  uint32_t session_limit = 2;                        ///< smtp_mx_session_limit, 0 = none
  Duration idle_limit = std::chrono::seconds(2);     ///< smtp_connection_cache_time_limit
  Duration age_limit = std::chrono::seconds(300);    ///< smtp_connection_reuse_time_limit
  uint32_t reuse_count_limit = 0;  ///< smtp_connection_reuse_count_limit, 0 = none
  bool assume_final = false;  ///< lmtp_assume_final: a server without DSN is the mailbox itself
  std::string_view agent = "smtp";  ///< static: program name in the log
};

}  // namespace barid::smtp
