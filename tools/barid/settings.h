// From a configuration snapshot to what each part of a shard needs to know. Nothing below tools
// reads parameters by name. Layer: tools. Reads files named by lists and tables; otherwise pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/configuration.h"
#include "deliver/queue_notices.h"
#include "dns/unbound_resolver.h"
#include "http/connection.h"
#include "http/submit/email_api.h"
#include "http/submit/sweeper.h"
#include "http/webhook/worker.h"
#include "policy/arc_sealer.h"
#include "policy/bounce_rules.h"
#include "policy/destination_policy.h"
#include "policy/dkim_signer.h"
#include "policy/transport_router.h"
#include "shard/net/socket_address.h"
#include "shard/runtime/io_select.h"
#include "shard/schedule/dispatcher.h"
#include "shard/schedule/policy.h"
#include "smtp/client/settings.h"
#include "smtp/server/session.h"
#include "tools/barid/admin_facts.h"

namespace barid::tools {

/// Where programs of this host submit mail, in SMTP.
[[nodiscard]] inline std::string pickup_socket(const std::string& queue_directory) {
  return queue_directory + "/public/pickup";
}

/// Which parameters a transport's settings come from, and where those are set.
struct SettingOrigins {
  std::vector<std::string> of_site;  ///< of each of policy::site_settings()
  std::string transport_rate_delay;
  std::string deferred;
};

/// A delivery service of master.cf, or a built-in one.
struct TransportSettings {
  std::string name;
  std::string command;  ///< smtp, lmtp, error, retry, discard; others are not served
  schedule::TransportLimits limits;
  SettingOrigins setting_origins;
  smtp::ClientSettings client;  ///< smtp and lmtp
};

/// An smtpd service, or pickup, whose address is a unix path: one shard listens there.
struct ListenSettings {
  std::string service;  ///< "smtp/inet"
  std::string place;    ///< in master.cf, as the start of a complaint
  std::vector<net::SocketAddress> addresses;
  std::shared_ptr<const smtp::ServerSettings> server;
};

/// What an httpd service serves: a set.
enum HttpRole : uint8_t { kHttpApi = 1, kHttpAdmin = 2, kHttpConsole = 4, kHttpMetrics = 8 };

/// An httpd service.
/// The control socket has the submission API too, under this name.
inline constexpr std::string_view kControlService = "control";

struct HttpListenSettings {
  std::string service;  ///< "127.0.0.1:8025/inet"
  std::string place;    ///< in master.cf, as the start of a complaint
  std::vector<net::SocketAddress> addresses;
  uint8_t roles = 0;                         ///< HttpRole bits
  bool private_host = false;                 ///< only this host can reach it
  std::vector<std::string> host_names = {};  ///< http_host_names, lower case
  http::ServiceSettings engine;
  http::EmailApiSettings api;
  std::unique_ptr<const http::ApiKeys> keys;
  http::AddressPolicy webhook_policy;
  std::vector<std::string> tls_files = {};
};

/// Who reports on TLS, and how (RFC 8460).
struct TlsReportSettings {
  std::string host_name;     ///< myhostname
  std::string sender;        ///< tlsrpt_sender
  std::string organization;  ///< tlsrpt_organization_name
  std::string contact;       ///< tlsrpt_contact_info
  std::string ca_file;       ///< tlsrpt_CAfile; empty = the system's
  std::string user_agent;
  Duration send_delay{};             ///< tlsrpt_send_delay
  http::AddressPolicy https_policy;  ///< webhook_private_networks
};

/// Everything one shard is told. Built once per shard: nothing in it is shared between shards.
struct ShardSettings {
  schedule::RetryPolicy retry;
  schedule::QueueLimits limits;
  std::unique_ptr<policy::TransportRouter> router;
  std::unique_ptr<policy::DestinationPolicy> site_rules;
  std::vector<TransportSettings> transports;
  /// default_delivery_status_filter, for agents without connections; null = none
  std::unique_ptr<const policy::StatusFilter> status_filter;
  std::vector<ListenSettings> listeners;
  std::vector<HttpListenSettings> http_listeners;
  AdminFacts admin;
  http::Retention retention;
  std::unique_ptr<const policy::BounceRules> bounce_rules;
  std::vector<std::string> return_paths;  ///< return_path_addresses
  NoticeSettings notices;
  policy::DkimSettings dkim;
  policy::ArcSettings arc;
  TlsReportSettings tls_reports;
  dns::UnboundOptions dns;
  std::vector<std::string> watched_files;  ///< certificates and keys: a change calls for a reload
};

/// What the process is told.
struct ProcessSettings {
  uint16_t shards_count = 1;
  rt::IoChoice io = rt::IoChoice::kAuto;
  std::string queue_directory;
  std::string syslog_name;
  std::string log_path;
  bool log_json = false;
  int delay_decimals = 2;
  unsigned offload_threads = 4;
  Duration shutdown_timeout = std::chrono::seconds(30);
  std::string mailbox_directory;  ///< of `barid dev`; empty = this process has no mailbox
};

/// What the thread of the webhooks is told; problems are those of the shards' settings.
[[nodiscard]] http::WebhookSettings build_webhook_settings(
    const config::Configuration& configuration);

/// Problems of a configuration that only show when it is put to use, each with its parameter.
struct Problems {
  std::vector<std::string> errors;  ///< the server does not start, a reload is refused
  std::vector<std::string> warnings;
};

[[nodiscard]] ProcessSettings build_process_settings(const config::Configuration& configuration);

/// `shards_count` divides process-wide limits.
[[nodiscard]] ShardSettings build_shard_settings(const config::Configuration& configuration,
                                                 uint16_t shards_count, Problems* problems);

}  // namespace barid::tools
