// httpd services.
#include <fmt/format.h>

#include <algorithm>

#include "core/lookup/ip_address.h"
#include "http/browser_origin.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {
namespace {

constexpr uint64_t kBodiesOfLimit = 8;  // bodies of the largest size that may arrive at once

uint8_t parse_roles(const std::vector<std::string>& names, const std::string& service,
                    Problems* problems) {
  uint8_t roles = 0;
  for (const std::string& name : names) {
    if (name == "api") {
      roles |= kHttpApi;
    } else if (name == "admin") {
      roles |= kHttpAdmin;
    } else if (name == "console") {
      roles |= kHttpConsole;
    } else if (name == "metrics") {
      roles |= kHttpMetrics;
    } else {
      problems->errors.push_back(fmt::format(
          "{}: http_roles: \"{}\" is none of api, admin, console, metrics", service, name));
    }
  }
  return roles;
}

/// Only this host can reach it.
bool is_private(const std::vector<net::SocketAddress>& addresses) {
  return !addresses.empty() &&
         std::all_of(addresses.begin(), addresses.end(), [](const net::SocketAddress& address) {
           const auto ip = lookup::IpAddress::parse(address.ip_text());
           return ip.has_value() && ip->unmapped().is_loopback();
         });
}

/// Without a slash at the end; empty = no tracking.
std::string tracking_base_url(const ConfigurationScope& scope, Problems* problems) {
  std::string url = scope.get("tracking_base_url");
  if (url.empty()) return url;
  if (const std::string problem = http::tracking_base_problem(url); !problem.empty()) {
    problems->errors.push_back(scope.start_of("tracking_base_url") + problem);
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_key_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

/// Who may write the table makes keys.
void check_api_keys(const ConfigurationScope& scope, const lookup::OpenContext& context,
                    Problems* problems) {
  constexpr std::string_view kMaps = "http_api_key_maps";
  check_secret_tables(scope, std::string(kMaps), problems);
  for (const std::string& spec : scope.get_list(kMaps)) {
    const auto table = lookup::open_table(spec, {.read_file = context.read_file});
    size_t number = 0;
    static_cast<void>(table->for_each_entry([&](std::string_view key, std::string_view value) {
      ++number;
      if (!is_key_digest(key)) {  // not shown: it may be the secret itself
        problems->warnings.push_back(
            fmt::format("{}{}: {}: entry {}: what it is looked up by is no SHA-256 of a key in "
                        "lower-case hexadecimal, so that no key finds it (`barid key new` makes "
                        "one)",
                        scope.place_of(kMaps), kMaps, table->name(), number));
      }
      if (http::parse_key_entry(value)) return;
      problems->errors.push_back(
          fmt::format("{}{}: {}: entry {}: not tenant=NAME scopes=send,read,admin [rate=N/s] "
                      "(`barid key new` makes one)",
                      scope.place_of(kMaps), kMaps, table->name(), number));
    }));
  }
}

namespace {

/// Secrets are in the clear there: a signature cannot be checked with a hash of them.
void check_access_keys(const ConfigurationScope& scope, const lookup::OpenContext& context,
                       Problems* problems) {
  constexpr std::string_view kMaps = "http_access_key_maps";
  check_secret_tables(scope, std::string(kMaps), problems);
  for (const std::string& spec : scope.get_list(kMaps)) {
    const auto table =
        lookup::open_table(spec, {.read_file = context.read_file, .secret_values = true});
    static_cast<void>(table->for_each_entry([&](std::string_view key, std::string_view value) {
      if (http::parse_access_key_entry(value)) return;
      problems->errors.push_back(fmt::format(
          "{}{}: {}: {}: not secret=SECRET tenant=NAME scopes=send,read,admin [rate=N/s] "
          "(`barid key new --access-key` makes one)",
          scope.place_of(kMaps), kMaps, table->name(), key));
    }));
  }
}

}  // namespace

http::AddressPolicy webhook_policy(const config::Configuration& configuration, Problems* problems) {
  std::string problem;
  http::AddressPolicy policy =
      http::AddressPolicy::parse(configuration.get("webhook_private_networks"), &problem);
  if (!problem.empty()) {
    problems->errors.push_back(configuration.global().place_of("webhook_private_networks") +
                               "webhook_private_networks: " + problem);
  }
  return policy;
}

namespace {

/// `private_host` is set: it decides whether keys are needed without a table.
void set_api(const ConfigurationScope& scope, const lookup::OpenContext& context,
             HttpListenSettings* listen, Problems* problems) {
  listen->api.hostname = scope.get("myhostname");
  listen->api.mail_name = scope.get("mail_name");
  listen->api.message_bytes_max = static_cast<uint64_t>(scope.get_int("message_size_limit"));
  listen->api.batch_max = static_cast<uint32_t>(scope.get_int("http_batch_limit"));
  listen->api.tracking_base_url = tracking_base_url(scope, problems);
  listen->keys = std::make_unique<const http::ApiKeys>(
      lookup::TableList("http_api_key_maps", scope.get("http_api_key_maps"), context),
      listen->private_host,
      lookup::TableList("http_access_key_maps", scope.get("http_access_key_maps"), context));
}

/// What the control socket serves beside the admin API; it has no address of its own here.
HttpListenSettings control_api(const config::Configuration& configuration,
                               const lookup::OpenContext& context, Problems* problems) {
  const ConfigurationScope scope = configuration.global();
  HttpListenSettings control{
      .service = std::string(kControlService), .roles = kHttpApi, .private_host = true};
  control.engine.body_bytes_max = static_cast<uint64_t>(scope.get_int("http_body_limit"));
  set_api(scope, context, &control, problems);
  control.webhook_policy = webhook_policy(configuration, problems);
  return control;
}

}  // namespace

std::vector<HttpListenSettings> http_listeners(const config::Configuration& configuration,
                                               uint16_t shards_count,
                                               const lookup::OpenContext& context,
                                               Problems* problems) {
  std::vector<HttpListenSettings> listeners;
  listeners.push_back(control_api(configuration, context, problems));
  for (const config::ServiceEntry& entry : configuration.services()) {
    if (!entry.is_inet() || entry.command != "httpd") continue;
    const ConfigurationScope scope = configuration.service(entry);
    HttpListenSettings listen{.service = entry.id(),
                              .place = place_of(entry),
                              .addresses = listen_addresses(configuration, entry, problems)};
    const std::vector<std::string> roles = scope.get_list("http_roles");
    listen.engine.proxy_timeout = proxy_timeout(scope, problems);
    // Behind a proxy on this host are clients of elsewhere.
    const bool is_proxied = listen.engine.proxy_timeout > Duration::zero();
    listen.private_host = !is_proxied && is_private(listen.addresses);
    for (const std::string& name : scope.get_list("http_host_names")) {
      listen.host_names.push_back(http::host_of_authority(name));
    }
    if (!roles.empty()) {
      listen.roles = parse_roles(roles, entry.id(), problems);
    } else {
      listen.roles =
          listen.private_host ? kHttpApi | kHttpAdmin | kHttpConsole | kHttpMetrics : kHttpApi;
    }
    const std::string syslog_name = scope.get("syslog_name");
    if (syslog_name != configuration.get("syslog_name")) listen.engine.syslog_name = syslog_name;
    listen.engine.body_bytes_max = static_cast<uint64_t>(scope.get_int("http_body_limit"));
    listen.engine.bodies_bytes_max = listen.engine.body_bytes_max * kBodiesOfLimit;
    listen.engine.timeout = scope.get_time("http_timeout");
    listen.engine.idle_timeout = scope.get_time("http_idle_timeout");
    listen.engine.connections_max = static_cast<uint32_t>(
        share_of(static_cast<uint64_t>(scope.get_int("http_connection_limit")), shards_count));
    listen.engine.tls =
        https(scope, entry.id(), context, shards_count, &listen.tls_files, problems);
    set_api(scope, context, &listen, problems);
    check_api_keys(scope, context, problems);
    check_access_keys(scope, context, problems);
    listen.webhook_policy = webhook_policy(configuration, problems);
    listeners.push_back(std::move(listen));
  }
  return listeners;
}

http::WebhookSettings build_webhook_settings(const config::Configuration& configuration) {
  Problems problems;
  http::WebhookSettings settings{.event_retention = configuration.get_time("event_retention")};
  for (const std::chrono::seconds pause : configuration.get_times("webhook_retry_schedule")) {
    settings.retries.push_back(pause);
  }
  settings.client = {.policy = webhook_policy(configuration, &problems),
                     .timeout = configuration.get_time("webhook_timeout"),
                     .ca_file = configuration.get("webhook_tls_CAfile"),
                     .user_agent = fmt::format("{}-Webhooks/{}", configuration.get("mail_name"),
                                               configuration.get("mail_version"))};
  return settings;
}

}  // namespace barid::tools
