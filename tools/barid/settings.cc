#include "tools/barid/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/lookup/files.h"
#include "shard/runtime/cpu_count.h"

namespace barid::tools {
namespace {

using config::Configuration;
using Scope = config::Configuration::Scope;

uint64_t share_of(uint64_t total, uint16_t shards_count) noexcept {
  return total == 0 ? 0 : std::max<uint64_t>(1, total / shards_count);
}

lookup::Subdomains subdomains(const Configuration& configuration, std::string_view list) {
  return configuration.parent_matches_subdomains(list) ? lookup::Subdomains::kParent
                                                       : lookup::Subdomains::kDotted;
}

policy::AddressClasses address_classes(const Configuration& configuration, const Scope& scope,
                                       const lookup::OpenContext& context) {
  return policy::AddressClasses{
      .local = lookup::StringList("mydestination", scope.get("mydestination"), context),
      .virtual_alias =
          lookup::StringList("virtual_alias_domains", scope.get("virtual_alias_domains"), context),
      .virtual_mailbox = lookup::StringList("virtual_mailbox_domains",
                                            scope.get("virtual_mailbox_domains"), context),
      .relay = lookup::DomainList("relay_domains", scope.get("relay_domains"),
                                  subdomains(configuration, "relay_domains"), context),
      .own_addresses = configuration.own_addresses()};
}

lookup::AddressList address_list(const Configuration& configuration, const Scope& scope,
                                 std::string_view name, const lookup::OpenContext& context) {
  return lookup::AddressList(name, scope.get(name), subdomains(configuration, name), context);
}

// --- the server side

smtp::ServerPolicy server_policy(const Scope& scope, Problems* problems) {
  smtp::ServerPolicy policy;
  policy.hostname = scope.get("myhostname");
  policy.banner = scope.get("smtpd_banner");
  policy.message_size_limit = static_cast<uint64_t>(scope.get_int("message_size_limit"));
  policy.line_length_limit = static_cast<uint32_t>(scope.get_int("line_length_limit"));
  policy.recipient_limit = static_cast<uint32_t>(scope.get_int("smtpd_recipient_limit"));
  policy.recipient_overshoot_limit =
      static_cast<uint32_t>(scope.get_int("smtpd_recipient_overshoot_limit"));
  policy.hopcount_limit = static_cast<uint32_t>(scope.get_int("hopcount_limit"));
  policy.soft_error_limit = static_cast<uint32_t>(scope.get_int("smtpd_soft_error_limit"));
  policy.hard_error_limit = static_cast<uint32_t>(scope.get_int("smtpd_hard_error_limit"));
  policy.junk_command_limit = static_cast<uint32_t>(scope.get_int("smtpd_junk_command_limit"));
  policy.error_sleep_time = scope.get_time("smtpd_error_sleep_time");
  policy.bare_newline_reject_code =
      static_cast<uint16_t>(scope.get_int("smtpd_forbid_bare_newline_reject_code"));
  policy.helo_required = scope.get_bool("smtpd_helo_required");
  policy.disable_vrfy_command = scope.get_bool("disable_vrfy_command");
  policy.strict_rfc821_envelopes = scope.get_bool("strict_rfc821_envelopes");
  policy.forbid_unauth_pipelining = scope.get_bool("smtpd_forbid_unauth_pipelining");
  policy.soft_bounce = scope.get_bool("soft_bounce");
  policy.noop_commands = scope.get_list("smtpd_noop_commands");
  policy.forbidden_commands.clear();
  for (const std::string& item : scope.get_list("smtpd_forbidden_commands")) {
    // Tables here (the default's regexp for words that are no letters) are the machine's own rule.
    if (item.find(':') == std::string::npos) policy.forbidden_commands.push_back(item);
  }
  if (!scope.get_bool("smtputf8_enable")) policy.keywords &= ~smtp::kKeywordSmtpUtf8;
  const std::string discard_text = scope.get("smtpd_discard_ehlo_keywords");
  const Result<smtp::KeywordSet> discard = smtp::parse_keyword_list(discard_text);
  if (discard.ok()) {
    policy.keywords &= ~*discard;
  } else {
    problems->errors.push_back(fmt::format("smtpd_discard_ehlo_keywords: unknown keyword at \"{}\"",
                                           discard_text.substr(discard.error().detail)));
  }
  return policy;
}

smtp::BareNewline bare_newline_mode(const Scope& scope, Problems* problems) {
  const std::string value = scope.get("smtpd_forbid_bare_newline");
  if (value == "no") return smtp::BareNewline::kNo;
  if (value == "note") return smtp::BareNewline::kNote;
  if (value == "reject") return smtp::BareNewline::kReject;
  if (value != "normalize" && value != "yes") {
    problems->errors.push_back(fmt::format("smtpd_forbid_bare_newline: bad value \"{}\"", value));
  }
  return smtp::BareNewline::kNormalize;
}

std::shared_ptr<const smtp::ServerSettings> server_settings(const Configuration& configuration,
                                                            const config::ServiceEntry& entry,
                                                            const lookup::OpenContext& context,
                                                            Problems* problems) {
  const Scope scope = configuration.service(entry);
  const auto restrictions = [&](std::string_view name) {
    return policy::parse_restrictions(scope.get_list(name), &problems->warnings);
  };
  policy::RelayPolicy relay(policy::RelayPolicy::Rules{
      .classes = address_classes(configuration, scope, context),
      .mynetworks = address_list(configuration, scope, "mynetworks", context),
      .relay = restrictions("smtpd_relay_restrictions"),
      .recipient = restrictions("smtpd_recipient_restrictions"),
      .sender = restrictions("smtpd_sender_restrictions"),
      .codes = {.relay_domains = static_cast<uint16_t>(scope.get_int("relay_domains_reject_code")),
                .reject = static_cast<uint16_t>(scope.get_int("reject_code")),
                .defer = static_cast<uint16_t>(scope.get_int("defer_code")),
                .non_fqdn = static_cast<uint16_t>(scope.get_int("non_fqdn_reject_code"))}});
  if (!relay.is_safe()) {
    problems->errors.push_back(
        fmt::format("{}: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, "
                    "specify at least "
                    "one working instance of: reject_unauth_destination, defer_unauth_destination, "
                    "reject, defer",
                    entry.id()));
  }
  const std::string syslog_name = scope.get("syslog_name");
  return std::make_shared<const smtp::ServerSettings>(smtp::ServerSettings{
      .protocol = server_policy(scope, problems),
      .relay = std::move(relay),
      .mail_name = scope.get("mail_name"),
      .syslog_name = syslog_name == configuration.get("syslog_name") ? std::string() : syslog_name,
      .timeout = scope.get_time("smtpd_timeout"),
      .bare_newline_exclusions =
          address_list(configuration, scope, "smtpd_forbid_bare_newline_exclusions", context),
      .bare_newline = bare_newline_mode(scope, problems),
      .connections_per_client_max =
          static_cast<uint32_t>(scope.get_int("smtpd_client_connection_count_limit")),
      .client_limit_exceptions =
          address_list(configuration, scope, "smtpd_client_event_limit_exceptions", context)});
}

/// Where a service listens. An empty host means inet_interfaces.
std::vector<net::SocketAddress> listen_addresses(const Configuration& configuration,
                                                 const config::ServiceEntry& entry,
                                                 Problems* problems) {
  std::vector<net::SocketAddress> addresses;
  const config::InetEndpoint endpoint = config::parse_inet_name(entry.name);
  const std::optional<uint16_t> port = dns::parse_port(endpoint.port);
  if (!port) {
    problems->errors.push_back(fmt::format("{}, line {}: {}: unknown port \"{}\"", entry.file,
                                           entry.line, entry.id(), endpoint.port));
    return addresses;
  }
  std::vector<std::string> hosts;
  const std::string interfaces = configuration.get("inet_interfaces");
  const std::string protocols = configuration.get("inet_protocols");
  const bool v4 =
      protocols.find("ipv4") != std::string::npos || protocols.find("all") != std::string::npos;
  const bool v6 =
      protocols.find("ipv6") != std::string::npos || protocols.find("all") != std::string::npos;
  if (!endpoint.host.empty() && endpoint.host != "*") {
    hosts.push_back(endpoint.host);
  } else if (interfaces == "all") {
    if (v4) hosts.emplace_back("0.0.0.0");
    if (v6) hosts.emplace_back("::");
  } else {
    for (const lookup::IpAddress& own : configuration.own_addresses()) hosts.push_back(own.text());
  }
  for (std::string host : hosts) {
    if (host == "localhost") host = "127.0.0.1";
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    const auto address = net::SocketAddress::from_ip(host, *port);
    if (!address) {
      problems->errors.push_back(fmt::format("{}, line {}: {}: \"{}\" is not an IP address",
                                             entry.file, entry.line, entry.id(), host));
      continue;
    }
    addresses.push_back(*address);
  }
  return addresses;
}

// --- the client side

smtp::FeatureSet discarded_features(const Scope& scope, const std::string& prefix,
                                    Problems* problems) {
  smtp::FeatureSet set;
  const std::string name =
      prefix + (prefix == "lmtp_" ? "discard_lhlo_keywords" : "discard_ehlo_keywords");
  for (const std::string& word : scope.get_list(name)) {
    if (const auto feature = smtp::feature_from_keyword(word)) {
      set.insert(*feature);
    } else if (word != "silent-discard") {
      problems->warnings.push_back(fmt::format("{}: unknown keyword \"{}\"", name, word));
    }
  }
  return set;
}

smtp::ClientTimeouts client_timeouts(const Scope& scope, const std::string& prefix) {
  const auto time = [&](std::string_view name) -> Duration {
    return scope.get_time(prefix + std::string(name));
  };
  smtp::ClientTimeouts timeouts{.connect = time("connect_timeout"),
                                .hello = time(prefix == "lmtp_" ? "lhlo_timeout" : "helo_timeout"),
                                .mail = time("mail_timeout"),
                                .rcpt = time("rcpt_timeout"),
                                .data_init = time("data_init_timeout"),
                                .data_transfer = time("data_xfer_timeout"),
                                .data_done = time("data_done_timeout"),
                                .reset = time("rset_timeout"),
                                .quit = time("quit_timeout")};
  if (timeouts.connect == Duration::zero())
    timeouts.connect = std::chrono::seconds(120);  // 0: the kernel's
  return timeouts;
}

dns::RouteOptions route_options(const Configuration& configuration, const Scope& scope,
                                const std::string& prefix, bool lmtp,
                                const std::vector<net::SocketAddress>& own) {
  dns::RouteOptions options;
  const std::string order = scope.get(prefix + "host_lookup");
  if (scope.get_bool("disable_dns_lookups") ||
      scope.get(prefix + "dns_support_level") == "disabled") {
    options.lookup = dns::HostLookupOrder::kNativeOnly;
  } else if (order.find("native") != std::string::npos) {
    options.lookup = order.find("dns") != std::string::npos ? dns::HostLookupOrder::kDnsNative
                                                            : dns::HostLookupOrder::kNativeAfterMx;
  }
  const std::string protocols = configuration.get("inet_protocols");
  const bool all = protocols.find("all") != std::string::npos;
  if (!all && protocols.find("ipv6") == std::string::npos)
    options.families = dns::Families::kV4Only;
  if (!all && protocols.find("ipv4") == std::string::npos)
    options.families = dns::Families::kV6Only;
  options.mx.ignore_lookup_error = scope.get_bool("ignore_mx_lookup_error");
  const std::string preference = scope.get(prefix + "address_preference");
  if (preference == "ipv4") options.address.preference = dns::AddressPreference::kV4;
  if (preference == "ipv6") options.address.preference = dns::AddressPreference::kV6;
  options.address.randomize = scope.get_bool(prefix + "randomize_addresses");
  options.address.balance_families = scope.get_bool(prefix + "balance_inet_protocols");
  options.address.addresses_max = static_cast<uint32_t>(scope.get_int(prefix + "mx_address_limit"));
  if (!lmtp) {
    options.address.own_addresses = own;
    options.address.defer_if_no_address = scope.get_bool("smtp_defer_if_no_mx_address_found");
  }
  options.rollup =
      configuration.get("destination_rollup") == "domain" ? dns::Rollup::kDomain : dns::Rollup::kMx;
  options.default_port = lmtp ? 24 : 25;
  return options;
}

std::optional<net::SocketAddress> bind_address(const Scope& scope, const std::string& name,
                                               int family, Problems* problems) {
  const std::string text = scope.get(name);
  if (text.empty()) return std::nullopt;
  const auto address = net::SocketAddress::from_ip(text, 0);
  if (address && address->family() == family) return address;
  problems->errors.push_back(
      fmt::format("{}: \"{}\" is not an address of that family", name, text));
  return std::nullopt;
}

/// Our own addresses as socket addresses; lives as long as the process, since settings refer to it.
const std::vector<net::SocketAddress>& own_socket_addresses(const Configuration& configuration) {
  static const std::vector<net::SocketAddress> addresses = [&] {
    std::vector<net::SocketAddress> list;
    for (const lookup::IpAddress& own : configuration.own_addresses()) {
      if (const auto address = net::SocketAddress::from_ip(own.text(), 0)) list.push_back(*address);
    }
    return list;
  }();
  return addresses;
}

smtp::ClientSettings client_settings(const Configuration& configuration,
                                     const config::ServiceEntry& entry, Problems* problems) {
  const Scope scope = configuration.service(entry);
  const bool lmtp = entry.command == "lmtp";
  const std::string prefix = lmtp ? "lmtp_" : "smtp_";
  smtp::ClientSettings settings;
  smtp::ClientOptions& machine = settings.machine;
  machine.lmtp = lmtp;
  machine.helo_name = scope.get(lmtp ? "lmtp_lhlo_name" : "smtp_helo_name");
  machine.discard = discarded_features(scope, prefix, problems);
  if (!scope.get_bool("smtp_chunking_enable")) machine.discard.insert(smtp::Feature::kChunking);
  machine.skip_5xx_greeting = scope.get_bool(prefix + "skip_5xx_greeting");
  if (!lmtp) {
    machine.always_send_ehlo = scope.get_bool("smtp_always_send_ehlo");
    machine.never_send_ehlo = scope.get_bool("smtp_never_send_ehlo");
    machine.own_name = scope.get("myhostname");
  }
  machine.convert_8bit = !scope.get_bool("disable_mime_output_conversion");
  machine.line_length_max = static_cast<uint32_t>(scope.get_int(prefix + "line_length_limit"));
  machine.pipeline_messages_limit =
      static_cast<uint32_t>(scope.get_int("smtp_pipeline_messages_limit"));
  settings.my_hostname = scope.get("myhostname");
  settings.route =
      route_options(configuration, scope, prefix, lmtp, own_socket_addresses(configuration));
  const auto port = dns::parse_port(scope.get(prefix + "tcp_port"));
  if (!port)
    problems->errors.push_back(
        fmt::format("{}tcp_port: \"{}\" is no port", prefix, scope.get(prefix + "tcp_port")));
  settings.destination = {
      .syntax = lmtp ? dns::DestinationSyntax::kLmtp : dns::DestinationSyntax::kSmtp,
      .port = port.value_or(25)};
  if (const std::string fallback = lmtp ? std::string() : scope.get("smtp_fallback_relay");
      !fallback.empty()) {
    dns::ParsedDestinations parsed = dns::parse_destinations(fallback, settings.destination);
    if (!parsed.error.empty()) problems->errors.push_back("smtp_fallback_relay: " + parsed.error);
    settings.fallback = std::move(parsed.destinations);
  }
  settings.timeouts = client_timeouts(scope, prefix);
  settings.source_v4 = bind_address(scope, prefix + "bind_address", AF_INET, problems);
  settings.source_v6 = bind_address(scope, prefix + "bind_address6", AF_INET6, problems);
  settings.session_limit = static_cast<uint32_t>(scope.get_int(prefix + "mx_session_limit"));
  settings.idle_limit = scope.get_time(prefix + "connection_cache_time_limit");
  settings.age_limit = scope.get_time(prefix + "connection_reuse_time_limit");
  settings.reuse_count_limit =
      static_cast<uint32_t>(scope.get_int(prefix + "connection_reuse_count_limit"));
  settings.queue_directory = configuration.get("queue_directory");
  settings.agent = lmtp ? "lmtp" : "smtp";
  return settings;
}

TransportSettings transport_settings(const Configuration& configuration,
                                     const config::ServiceEntry& entry, uint16_t shards_count,
                                     Problems* problems) {
  TransportSettings transport{.name = entry.name, .command = entry.command};
  const auto limit = [&](std::string_view suffix) {
    return static_cast<uint64_t>(configuration.get_transport_int(entry.name, suffix));
  };
  const uint64_t total =
      entry.limit >= 0 ? static_cast<uint64_t>(entry.limit)
                       : static_cast<uint64_t>(configuration.get_int("default_process_limit"));
  transport.limits = {
      .destination_concurrency =
          static_cast<uint32_t>(share_of(limit("_destination_concurrency_limit"), shards_count)),
      .total_concurrency = static_cast<uint32_t>(share_of(total, shards_count)),
      .recipients_per_job = static_cast<uint32_t>(limit("_destination_recipient_limit"))};
  if (entry.command == "relay") transport.command = "smtp";  // the same agent, other limits
  if (transport.command == "smtp" || transport.command == "lmtp") {
    transport.client = client_settings(configuration, entry, problems);
  }
  return transport;
}

std::vector<TransportSettings> all_transports(const Configuration& configuration,
                                              uint16_t shards_count, Problems* problems) {
  constexpr std::string_view kServed[] = {"smtp", "relay", "lmtp", "error", "retry", "discard"};
  std::vector<TransportSettings> transports;
  const auto add = [&](const config::ServiceEntry& entry) {
    if (std::find(std::begin(kServed), std::end(kServed), entry.command) == std::end(kServed))
      return;
    const bool known =
        std::any_of(transports.begin(), transports.end(),
                    [&](const TransportSettings& t) { return t.name == entry.name; });
    if (!known)
      transports.push_back(transport_settings(configuration, entry, shards_count, problems));
  };
  for (const config::ServiceEntry& entry : configuration.services()) {
    if (!entry.is_inet()) add(entry);
  }
  for (const config::ServiceEntry& entry : config::builtin_services()) add(entry);
  return transports;
}

policy::RoutingRules routing_rules(const Configuration& configuration,
                                   const lookup::OpenContext& context) {
  return policy::RoutingRules{
      .local_transport = configuration.get("local_transport"),
      .virtual_transport = configuration.get("virtual_transport"),
      .relay_transport = configuration.get("relay_transport"),
      .default_transport = configuration.get("default_transport"),
      .relayhost = configuration.get("relayhost"),
      .transport_maps =
          lookup::TableList("transport_maps", configuration.get("transport_maps"), context),
      .transport_maps_bare_parents = configuration.parent_matches_subdomains("transport_maps"),
      .recipient_delimiter = configuration.get("recipient_delimiter"),
      .my_hostname = configuration.get("myhostname"),
      .double_bounce_address =
          configuration.get("double_bounce_sender") + "@" + configuration.get("myhostname")};
}

dns::UnboundOptions dns_options(const Configuration& configuration, Problems* problems) {
  dns::UnboundOptions options;
  options.trust_anchor_file = configuration.get("dns_trust_anchor_file");
  const std::string forwarders = configuration.get("dns_forwarders");
  if (forwarders == "recursive") {
    options.mode = dns::UnboundMode::kRecursive;
  } else if (!forwarders.empty()) {
    dns::ParsedForwarders parsed = dns::parse_forwarders(forwarders);
    if (!parsed.error.empty()) problems->errors.push_back("dns_forwarders: " + parsed.error);
    options.mode = dns::UnboundMode::kForward;
    options.forwarders = std::move(parsed.forwarders);
  }
  return options;
}

}  // namespace

ProcessSettings build_process_settings(const Configuration& configuration) {
  ProcessSettings process;
  const int64_t shards = configuration.get_int("shard_count");
  process.shards_count = static_cast<uint16_t>(
      std::clamp<int64_t>(shards > 0 ? shards : static_cast<int64_t>(rt::cpus_granted()), 1, 256));
  const std::string io = configuration.get("io_backend");
  process.io = io == "io_uring" ? rt::IoChoice::kUring
               : io == "epoll"  ? rt::IoChoice::kEpoll
                                : rt::IoChoice::kAuto;
  process.queue_directory = configuration.get("queue_directory");
  process.syslog_name = configuration.get("syslog_name");
  process.log_path = configuration.get("maillog_file");
  process.log_json = configuration.get("log_format") == "json";
  process.delay_decimals =
      static_cast<int>(configuration.get_int("delay_logging_resolution_limit"));
  process.offload_threads = static_cast<unsigned>(configuration.get_int("offload_threads"));
  process.shutdown_timeout = configuration.get_time("shutdown_timeout");
  return process;
}

ShardSettings build_shard_settings(const Configuration& configuration, uint16_t shards_count,
                                   Problems* problems) {
  lookup::OpenContext context{.read_file = lookup::read_whole_file,
                              .warnings = &problems->warnings};
  ShardSettings settings;
  settings.retry = {.minimal_backoff = configuration.get_time("minimal_backoff_time"),
                    .maximal_backoff = configuration.get_time("maximal_backoff_time"),
                    .queue_lifetime = configuration.get_time("maximal_queue_lifetime"),
                    .bounce_lifetime = configuration.get_time("bounce_queue_lifetime")};
  for (const std::chrono::seconds delay : configuration.get_times("retry_schedule")) {
    settings.retry.retry_schedule.push_back(delay);
  }
  const auto size_limit = static_cast<uint64_t>(configuration.get_int("message_size_limit"));
  settings.limits = {
      .active_messages_max = static_cast<uint32_t>(share_of(
          static_cast<uint64_t>(configuration.get_int("qmgr_message_active_limit")), shards_count)),
      .content_memory_bytes_max = share_of(
          static_cast<uint64_t>(configuration.get_int("queue_memory_limit")), shards_count),
      .free_disk_bytes_min =
          std::max<uint64_t>(static_cast<uint64_t>(configuration.get_int("queue_minfree")),
                             size_limit + size_limit / 2)};
  settings.router = std::make_unique<policy::TransportRouter>(
      address_classes(configuration, configuration.global(), context),
      routing_rules(configuration, context));
  settings.transports = all_transports(configuration, shards_count, problems);
  if (const std::string relayhost = configuration.get("relayhost"); !relayhost.empty()) {
    const std::string error = dns::parse_destinations(relayhost, {}).error;
    if (!error.empty()) problems->errors.push_back("relayhost: " + error);
  }
  for (const config::ServiceEntry& entry : configuration.services()) {
    if (!entry.is_inet() || entry.command != "smtpd") continue;
    settings.listeners.push_back(
        ListenSettings{.service = entry.id(),
                       .addresses = listen_addresses(configuration, entry, problems),
                       .server = server_settings(configuration, entry, context, problems)});
  }
  std::string origin = configuration.get("myorigin");
  settings.notices = {
      .host_name = configuration.get("myhostname"),
      .origin = std::move(origin),
      .mail_name = configuration.get("mail_name"),
      .bounce_size_limit = static_cast<uint64_t>(configuration.get_int("bounce_size_limit"))};
  settings.dns = dns_options(configuration, problems);
  return settings;
}

}  // namespace barid::tools
