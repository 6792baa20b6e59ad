// The sending side: delivery transports.
#include <fmt/format.h>

#include <algorithm>

#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

smtp::FeatureSet discarded_features(const ConfigurationScope& scope, const std::string& prefix,
                                    Problems* problems) {
  smtp::FeatureSet set;
  const std::string name =
      prefix + (prefix == "lmtp_" ? "discard_lhlo_keywords" : "discard_ehlo_keywords");
  for (const std::string& word : scope.get_list(name)) {
    if (const auto feature = smtp::feature_from_keyword(word)) {
      set.insert(*feature);
    } else if (word != "silent-discard") {
      problems->errors.push_back(
          fmt::format("{}{}: unknown keyword \"{}\"", scope.place_of(name), name, word));
    }
  }
  return set;
}

class TableReplyFilter final : public smtp::ReplyFilter {
 public:
  TableReplyFilter(std::string_view name, std::string_view value,
                   const lookup::OpenContext& context)
      : tables_(name, value, context) {}
  /// A table that cannot tell changes nothing.
  bool rewrite(std::string_view line, std::string& out) const override {
    const lookup::LookupResult found = tables_.find(line);
    if (found.is_found()) out = found.value();
    return found.is_found();
  }

 private:
  lookup::TableList tables_;
};

smtp::ClientTimeouts client_timeouts(const ConfigurationScope& scope, const std::string& prefix) {
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
                                .forward = time("xforward_timeout"),
                                .reset = time("rset_timeout"),
                                .quit = time("quit_timeout")};
  if (timeouts.connect == Duration::zero())
    timeouts.connect = std::chrono::seconds(120);  // 0: the kernel's
  return timeouts;
}

dns::RouteOptions route_options(const Configuration& configuration, const ConfigurationScope& scope,
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

/// smtp_bind_address or smtp_bind_address6; unset, the only address that inet_interfaces names.
std::optional<net::SocketAddress> bind_address(const Configuration& configuration,
                                               const ConfigurationScope& scope,
                                               const std::string& name, int family,
                                               Problems* problems) {
  const std::string text = scope.get(name);
  if (text.empty()) {
    const auto sole = configuration.sole_interface_address(family == AF_INET6);
    return sole ? net::SocketAddress::from_ip(sole->text(), 0) : std::nullopt;
  }
  const auto address = net::SocketAddress::from_ip(text, 0);
  if (address && address->family() == family) return address;
  problems->errors.push_back(fmt::format("{}{}: \"{}\" is not an address of that family",
                                         scope.place_of(name), name, text));
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

std::vector<dns::Destination> fallback_relays(const ConfigurationScope& scope,
                                              const std::string& prefix,
                                              const dns::DestinationDefaults& defaults,
                                              Problems* problems) {
  const std::string fallback = scope.get(prefix + "fallback_relay");
  if (fallback.empty()) return {};
  dns::ParsedDestinations parsed = dns::parse_destinations(fallback, defaults);
  if (!parsed.error.empty()) {
    problems->errors.push_back(scope.place_of(prefix + "fallback_relay") + prefix +
                               "fallback_relay: " + parsed.error);
  }
  return std::move(parsed.destinations);
}

smtp::ClientSettings client_settings(const Configuration& configuration,
                                     const config::ServiceEntry& entry,
                                     const lookup::OpenContext& base, Problems* problems) {
  const ConfigurationScope scope = configuration.service(entry);
  const ScopePlaces places(scope);
  const lookup::OpenContext context = places.in(base);
  const bool lmtp = entry.command == "lmtp";
  const std::string prefix = lmtp ? "lmtp_" : "smtp_";
  smtp::ClientSettings settings;
  smtp::ClientOptions& machine = settings.machine;
  machine.lmtp = lmtp;
  machine.helo_name = scope.get(lmtp ? "lmtp_lhlo_name" : "smtp_helo_name");
  machine.discard = discarded_features(scope, prefix, problems);
  if (!scope.get_bool(prefix + "chunking_enable")) machine.discard.insert(smtp::Feature::kChunking);
  machine.skip_5xx_greeting = scope.get_bool(prefix + "skip_5xx_greeting");
  if (!lmtp) {
    machine.always_send_ehlo = scope.get_bool("smtp_always_send_ehlo");
    machine.never_send_ehlo = scope.get_bool("smtp_never_send_ehlo");
    machine.own_name = scope.get("myhostname");
  }
  const std::string reply_filter = prefix + "reply_filter";
  if (!scope.get(reply_filter).empty()) {
    settings.reply_filter =
        std::make_unique<const TableReplyFilter>(reply_filter, scope.get(reply_filter), context);
    machine.reply_filter = settings.reply_filter.get();
  }
  const std::string status_filter = prefix + "delivery_status_filter";
  if (!scope.get(status_filter).empty()) {
    settings.status_filter = std::make_unique<const policy::StatusFilter>(
        status_filter, scope.get(status_filter), context);
  }
  machine.send_xforward = scope.get_bool(prefix + "send_xforward_command");
  machine.convert_8bit = !scope.get_bool("disable_mime_output_conversion");
  machine.line_length_max = static_cast<uint32_t>(scope.get_int(prefix + "line_length_limit"));
  machine.pipeline_messages_limit =
      static_cast<uint32_t>(scope.get_int(prefix + "pipeline_messages_limit"));
  settings.logins = client_logins(scope, prefix, problems);
  settings.my_hostname = scope.get("myhostname");
  settings.route =
      route_options(configuration, scope, prefix, lmtp, own_socket_addresses(configuration));
  const auto port = dns::parse_port(scope.get(prefix + "tcp_port"));
  if (!port)
    problems->errors.push_back(fmt::format("{}{}tcp_port: \"{}\" is no port",
                                           scope.place_of(prefix + "tcp_port"), prefix,
                                           scope.get(prefix + "tcp_port")));
  settings.destination = {
      .syntax = lmtp ? dns::DestinationSyntax::kLmtp : dns::DestinationSyntax::kSmtp,
      .port = port.value_or(25)};
  settings.fallback = fallback_relays(scope, prefix, settings.destination, problems);
  settings.tls = client_tls(configuration, scope, lmtp ? "lmtp" : "smtp", context, problems);
  settings.timeouts = client_timeouts(scope, prefix);
  settings.source_v4 =
      bind_address(configuration, scope, prefix + "bind_address", AF_INET, problems);
  settings.source_v6 =
      bind_address(configuration, scope, prefix + "bind_address6", AF_INET6, problems);
  settings.source_enforced = scope.get_bool(prefix + "bind_address_enforce");
  settings.session_limit = static_cast<uint32_t>(scope.get_int(prefix + "mx_session_limit"));
  settings.idle_limit = scope.get_time(prefix + "connection_cache_time_limit");
  settings.age_limit = scope.get_time(prefix + "connection_reuse_time_limit");
  settings.reuse_count_limit =
      static_cast<uint32_t>(scope.get_int(prefix + "connection_reuse_count_limit"));
  settings.route.unix_directory = configuration.get("queue_directory");
  settings.request_deadline = scope.get_bool(prefix + "per_request_deadline");
  settings.data_rate_min = static_cast<uint32_t>(scope.get_int(prefix + "min_data_rate"));
  settings.soft_bounce = scope.get_bool("soft_bounce");
  settings.machine.auth_soft_bounce = scope.get_bool(prefix + "sasl_auth_soft_bounce");
  if (!lmtp) {
    settings.relayhost = configuration.get("relayhost");
    settings.best_mx_transport = scope.get("best_mx_transport");
  }
  settings.agent = lmtp ? "lmtp" : "smtp";
  settings.assume_final = lmtp && scope.get_bool("lmtp_assume_final");
  return settings;
}

TransportSettings transport_settings(const Configuration& configuration,
                                     const config::ServiceEntry& entry, uint16_t shards_count,
                                     const lookup::OpenContext& context, Problems* problems) {
  TransportSettings transport{
      .name = entry.name,
      .command = entry.command,
      .limits = transport_limits(configuration, entry, shards_count, problems),
      .setting_origins = setting_origins(configuration, entry.name)};
  if (entry.command == "relay") transport.command = "smtp";  // the same agent, other limits
  if (transport.command == "smtp" || transport.command == "lmtp") {
    transport.client = client_settings(configuration, entry, context, problems);
  }
  return transport;
}

}  // namespace

std::vector<TransportSettings> all_transports(const Configuration& configuration,
                                              uint16_t shards_count,
                                              const lookup::OpenContext& context,
                                              Problems* problems) {
  constexpr std::string_view kServed[] = {"smtp", "relay", "lmtp", "error", "retry", "discard"};
  std::vector<TransportSettings> transports;
  const auto add = [&](const config::ServiceEntry& entry) {
    if (std::find(std::begin(kServed), std::end(kServed), entry.command) == std::end(kServed))
      return;
    const bool known =
        std::any_of(transports.begin(), transports.end(),
                    [&](const TransportSettings& t) { return t.name == entry.name; });
    if (!known)
      transports.push_back(
          transport_settings(configuration, entry, shards_count, context, problems));
  };
  for (const config::ServiceEntry& entry : configuration.services()) {
    if (!entry.is_inet()) add(entry);
  }
  for (const config::ServiceEntry& entry : config::builtin_services()) add(entry);
  return transports;
}

}  // namespace barid::tools
