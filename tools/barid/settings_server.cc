// The receiving side: smtpd services.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/lookup/index_file.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

/// One message of sendmail may have as many recipients as fit into memory for one message.
constexpr uint32_t kLocalRecipientsMax = 50'000;

smtp::ServerPolicy server_policy(const ConfigurationScope& scope,
                                 const lookup::OpenContext& context) {
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
  policy.strict_smtputf8 = scope.get_bool("strict_smtputf8");
  policy.keywords = smtp::kKeywordsServed;
  if (scope.get("smtpd_default_stream") == "bulk") policy.default_stream = Stream::kBulk;
  policy.forbid_unauth_pipelining = scope.get_bool("smtpd_forbid_unauth_pipelining");
  policy.soft_bounce = scope.get_bool("soft_bounce");
  const auto words = [&](std::string_view name) {
    return lookup::StringList(name, scope.get(name), context);
  };
  const auto tables = [&](std::string_view name) {
    return lookup::TableList(name, scope.get(name), context);
  };
  policy.noop_commands = words("smtpd_noop_commands");
  policy.forbidden_commands = words("smtpd_forbidden_commands");
  policy.command_filter = tables("smtpd_command_filter");
  policy.reject_filter_maps = tables("smtpd_reject_filter_maps");
  policy.reject_footer = scope.get("smtpd_reject_footer");
  policy.reject_footer_maps = tables("smtpd_reject_footer_maps");
  if (!scope.get_bool("smtputf8_enable")) policy.keywords &= ~smtp::kKeywordSmtpUtf8;
  if (!scope.get("smtpd_authorized_verp_clients").empty()) policy.keywords |= smtp::kKeywordXverp;
  if (!scope.get("smtpd_authorized_xclient_hosts").empty()) {
    policy.keywords |= smtp::kKeywordXclient;
  }
  if (!scope.get("smtpd_authorized_xforward_hosts").empty()) {
    policy.keywords |= smtp::kKeywordXforward;
  }
  if (scope.get_bool("smtpd_sasl_auth_enable")) policy.keywords |= smtp::kKeywordAuth;
  policy.broken_sasl_auth_clients = scope.get_bool("broken_sasl_auth_clients");
  policy.sasl_response_limit = static_cast<uint32_t>(scope.get_int("smtpd_sasl_response_limit"));
  policy.verp_delimiters = scope.get("default_verp_delimiters");
  policy.verp_delimiter_filter = scope.get("verp_delimiter_filter");
  return policy;
}

/// Values of tables that can be read as a whole are checked now; others when they are found.
void check_discard_maps(const ConfigurationScope& scope, const lookup::OpenContext& context,
                        Problems* problems) {
  constexpr std::string_view kName = "smtpd_discard_ehlo_keyword_address_maps";
  std::vector<std::string> not_listed;
  lookup::OpenContext own = context;
  own.warnings = own.errors = &not_listed;  // the server's own opening tells of them
  for (const lookup::TableEntry& entry : lookup::list_entries(kName, scope.get(kName), own)) {
    const Result<smtp::KeywordSet> set = smtp::parse_keyword_list(entry.value);
    if (set.ok()) continue;
    problems->errors.push_back(fmt::format("{}{}: {}: {}: unknown keyword at \"{}\"",
                                           scope.place_of(kName), kName, entry.table, entry.key,
                                           entry.value.substr(set.error().detail)));
  }
}

smtp::KeywordSet discarded_keywords(const ConfigurationScope& scope, Problems* problems) {
  const std::string text = scope.get("smtpd_discard_ehlo_keywords");
  const Result<smtp::KeywordSet> discard = smtp::parse_keyword_list(text);
  if (discard.ok()) return *discard;
  problems->errors.push_back(fmt::format("{}smtpd_discard_ehlo_keywords: unknown keyword at \"{}\"",
                                         scope.place_of("smtpd_discard_ehlo_keywords"),
                                         text.substr(discard.error().detail)));
  return 0;
}

/// Tables and classes of main.cf.
class ConfiguredRestrictions final : public policy::RestrictionSource {
 public:
  ConfiguredRestrictions(const ConfigurationScope& scope, lookup::OpenContext context)
      : scope_(scope),
        context_(std::move(context)),
        names_(scope.get_list("smtpd_restriction_classes")) {}

  std::unique_ptr<const lookup::Table> open(std::string_view spec) const override {
    return lookup::open_table(spec, context_);
  }
  std::optional<std::vector<std::string>> class_items(std::string_view name) const override {
    const bool known = std::find(names_.begin(), names_.end(), name) != names_.end();
    return known ? std::optional(scope_.get_list(name)) : std::nullopt;
  }

 private:
  const ConfigurationScope& scope_;
  const lookup::OpenContext context_;
  std::vector<std::string> names_;
};

/// alias_maps usually names an indexed file that postalias makes. Before it was made, the text is
/// read instead, so that nothing needs to be built.
std::string alias_source(std::string_view spec, const lookup::OpenContext& context) {
  const size_t colon = std::min(spec.find(':'), spec.size());
  const auto type = lookup::find_index_type(spec.substr(0, colon));
  if (!type) return std::string(spec);
  const std::string_view name = spec.substr(colon + 1);
  const bool is_built = context.read_file(lookup::index_path(*type, name)).ok();
  return is_built ? std::string(spec) : fmt::format("aliases:{}", name);
}

policy::RecipientMaps recipient_maps(const ConfigurationScope& scope,
                                     const lookup::OpenContext& context) {
  const auto tables = [&](std::string_view name) {
    return lookup::TableList(name, scope.get(name), context);
  };
  const auto code = [&](std::string_view name) {
    return static_cast<uint16_t>(scope.get_int(name));
  };
  const std::vector<std::string> aliases = scope.get_list("alias_maps");
  std::string local;
  for (const std::string& item : scope.get_list("local_recipient_maps")) {
    const bool is_alias_file = std::find(aliases.begin(), aliases.end(), item) != aliases.end();
    local.append(is_alias_file ? alias_source(item, context) : item).append(" ");
  }
  return {.local = {"local_recipient_maps", local, context},
          .relay = tables("relay_recipient_maps"),
          .virtual_alias = tables("virtual_alias_maps"),
          .virtual_mailbox = tables("virtual_mailbox_maps"),
          .feedback = feedback_addresses(scope),
          .codes = {.local = code("unknown_local_recipient_reject_code"),
                    .relay = code("unknown_relay_recipient_reject_code"),
                    .virtual_alias = code("unknown_virtual_alias_reject_code"),
                    .virtual_mailbox = code("unknown_virtual_mailbox_reject_code")},
          .double_bounce = scope.get("double_bounce_sender"),
          .show_table_name = scope.get_bool("show_user_unknown_table_name")};
}

policy::RelayPolicy::Rules relay_rules(const Configuration& configuration,
                                       const ConfigurationScope& scope,
                                       const lookup::OpenContext& context, Problems* problems) {
  const auto code = [&](std::string_view name) {
    return static_cast<uint16_t>(scope.get_int(name));
  };
  policy::RelayPolicy::Rules rules{
      .classes = address_classes(configuration, scope, context),
      .mynetworks = address_list(configuration, scope, "mynetworks", context),
      .lists = {},
      .codes = {.relay_domains = code("relay_domains_reject_code"),
                .reject = code("reject_code"),
                .defer = code("defer_code"),
                .non_fqdn = code("non_fqdn_reject_code"),
                .access_reject = code("access_map_reject_code"),
                .access_defer = code("access_map_defer_code"),
                .invalid_name = code("invalid_hostname_reject_code"),
                .multi_recipient = code("multi_recipient_bounce_reject_code"),
                .plaintext = code("plaintext_reject_code")},
      .delay_reject = scope.get_bool("smtpd_delay_reject"),
      .relay_before_recipient = scope.get_bool("smtpd_relay_before_recipient_restrictions"),
      .reject_unlisted_sender = scope.get_bool("smtpd_reject_unlisted_sender"),
      .reject_unlisted_recipient = scope.get_bool("smtpd_reject_unlisted_recipient"),
      .bare_parents = configuration.parent_matches_subdomains("smtpd_access_maps"),
      .delimiters = scope.get("recipient_delimiter"),
      .null_sender = scope.get("smtpd_null_access_lookup_key"),
      .restriction_classes = {},
      .maps = recipient_maps(scope, context),
      .sender_login_maps = {"smtpd_sender_login_maps", scope.get("smtpd_sender_login_maps"),
                            context},
      .client_certificates = {"relay_clientcerts", scope.get("relay_clientcerts"), context}};
  const auto parse = [&](const std::string& name, policy::ListKind kind) {
    std::vector<std::string> warnings;
    std::vector<std::string> errors;
    const ConfiguredRestrictions source(scope, context.about(name));
    policy::RestrictionList list =
        policy::parse_restrictions(scope.get_list(name), kind, source, &warnings, &errors);
    const auto place = [&](std::string text) {  // a class is parsed as if it stood in a list
      const std::string_view as = parameter_name(kind);
      if (name != as) text.replace(0, as.size(), name);
      return located(scope, text);
    };
    for (std::string& error : errors) problems->errors.push_back(place(std::move(error)));
    for (std::string& warning : warnings) problems->warnings.push_back(place(std::move(warning)));
    return list;
  };
  for (const std::string& name : scope.get_list("smtpd_restriction_classes")) {
    rules.restriction_classes.emplace(name, parse(name, policy::ListKind::kRecipient));
  }
  for (size_t i = 0; i < policy::kListKindCount; ++i) {
    const auto kind = static_cast<policy::ListKind>(i);
    rules.lists[i] = parse(std::string(parameter_name(kind)), kind);
  }
  return rules;
}

smtp::ClientLimits client_limits(const ConfigurationScope& scope) {
  const auto number = [&](std::string_view name) {
    return static_cast<uint32_t>(scope.get_int(name));
  };
  return {.unit = scope.get_time("anvil_rate_time_unit"),
          .connections_max = number("smtpd_client_connection_count_limit"),
          .connections = number("smtpd_client_connection_rate_limit"),
          .messages = number("smtpd_client_message_rate_limit"),
          .recipients = number("smtpd_client_recipient_rate_limit"),
          .logins = number("smtpd_client_auth_rate_limit"),
          .tls_sessions = number("smtpd_client_new_tls_session_rate_limit"),
          .ipv4_prefix = number("smtpd_client_ipv4_prefix_length"),
          .ipv6_prefix = number("smtpd_client_ipv6_prefix_length")};
}

}  // namespace

Duration proxy_timeout(const ConfigurationScope& scope, Problems* problems) {
  const std::string name = scope.get("smtpd_upstream_proxy_protocol");
  if (name.empty()) return {};
  if (name == "haproxy") return scope.get_time("smtpd_upstream_proxy_timeout");
  problems->errors.push_back(fmt::format("{}smtpd_upstream_proxy_protocol: \"{}\" is not haproxy",
                                         scope.place_of("smtpd_upstream_proxy_protocol"), name));
  return {};
}

namespace {

smtp::BareNewline bare_newline_mode(const ConfigurationScope& scope, Problems* problems) {
  const std::string value = scope.get("smtpd_forbid_bare_newline");
  if (value == "no") return smtp::BareNewline::kNo;
  if (value == "note") return smtp::BareNewline::kNote;
  if (value == "reject") return smtp::BareNewline::kReject;
  if (value != "normalize" && value != "yes") {
    problems->errors.push_back(fmt::format("{}smtpd_forbid_bare_newline: bad value \"{}\"",
                                           scope.place_of("smtpd_forbid_bare_newline"), value));
  }
  return smtp::BareNewline::kNormalize;
}

}  // namespace

std::shared_ptr<const smtp::ServerSettings> server_settings(const Configuration& configuration,
                                                            const config::ServiceEntry& entry,
                                                            uint16_t shards_count,
                                                            const lookup::OpenContext& base,
                                                            Problems* problems) {
  const ConfigurationScope scope = configuration.service(entry);
  const ScopePlaces places(scope);
  const lookup::OpenContext context = places.in(base);
  policy::RelayPolicy relay(relay_rules(configuration, scope, context, problems));
  if (!relay.is_safe()) {
    problems->errors.push_back(fmt::format(
        "{}service {}: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, "
        "specify at least one working instance of: reject_unauth_destination, "
        "defer_unauth_destination, reject, defer, defer_if_permit",
        scope.place_of(scope.place_of("smtpd_relay_restrictions").empty()
                           ? "smtpd_recipient_restrictions"
                           : "smtpd_relay_restrictions"),
        entry.id()));
  }
  smtp::ServerPolicy protocol = server_policy(scope, context);
  if (relay.has_checks(policy::CheckPoint::kHelo)) protocol.checks |= smtp::kCheckAtHelo;
  if (relay.has_checks(policy::CheckPoint::kData)) protocol.checks |= smtp::kCheckAtData;
  smtp::ServerTls tls = server_tls(scope, entry.id(), context, shards_count, &protocol, problems);
  check_discard_maps(scope, context, problems);
  const std::string syslog_name = scope.get("syslog_name");
  smtp::AuthSettings auth = auth_settings(configuration, scope, context, problems);
  return std::make_shared<const smtp::ServerSettings>(smtp::ServerSettings{
      .protocol = std::move(protocol),
      .relay = std::move(relay),
      .mail_name = scope.get("mail_name"),
      .syslog_name = syslog_name == configuration.get("syslog_name") ? std::string() : syslog_name,
      .timeout = scope.get_time("smtpd_timeout"),
      .peer_name_lookup = scope.get_bool("smtpd_peername_lookup"),
      .request_deadline = scope.get_bool("smtpd_per_request_deadline"),
      .data_rate_min = static_cast<uint32_t>(scope.get_int("smtpd_min_data_rate")),
      .bare_newline_exclusions =
          address_list(configuration, scope, "smtpd_forbid_bare_newline_exclusions", context),
      .flush_domains = lookup::DomainList("fast_flush_domains", scope.get("fast_flush_domains"),
                                          subdomains(configuration, "fast_flush_domains"), context),
      .discarded = discarded_keywords(scope, problems),
      .discard_maps = {"smtpd_discard_ehlo_keyword_address_maps",
                       scope.get("smtpd_discard_ehlo_keyword_address_maps"), context},
      .discard_maps_text = scope.get("smtpd_discard_ehlo_keyword_address_maps"),
      .verp_clients = address_list(configuration, scope, "smtpd_authorized_verp_clients", context),
      .xclient_clients =
          address_list(configuration, scope, "smtpd_authorized_xclient_hosts", context),
      .xforward_clients =
          address_list(configuration, scope, "smtpd_authorized_xforward_hosts", context),
      .bare_newline = bare_newline_mode(scope, problems),
      .service = entry.name,
      .tls = std::move(tls),
      .auth = std::move(auth),
      .proxy_timeout = proxy_timeout(scope, problems),
      .client_limits = client_limits(scope),
      .client_limit_exceptions =
          address_list(configuration, scope, "smtpd_client_event_limit_exceptions", context)});
}

std::shared_ptr<const smtp::ServerSettings> local_server_settings(
    const Configuration& configuration, const lookup::OpenContext& context, Problems* problems) {
  const ConfigurationScope scope = configuration.global();
  smtp::ServerPolicy protocol = server_policy(scope, context);
  constexpr smtp::KeywordSet kOfClients =
      smtp::kKeywordXclient | smtp::kKeywordXforward | smtp::kKeywordAuth | smtp::kKeywordStarttls;
  protocol.keywords = (protocol.keywords & ~kOfClients) | smtp::kKeywordXverp | smtp::kKeywordOnce;
  protocol.recipient_limit = kLocalRecipientsMax;
  protocol.hard_error_limit = kLocalRecipientsMax;  // the user is told of each bad recipient
  protocol.soft_error_limit = kLocalRecipientsMax;
  protocol.helo_required = false;
  protocol.forbid_unauth_pipelining = false;  // a script that is piped in does not wait
  protocol.command_filter = {};
  policy::RelayPolicy::Rules rules = relay_rules(configuration, scope, context, problems);
  rules.lists = {};
  rules.reject_unlisted_sender = rules.reject_unlisted_recipient = false;
  const std::string submitters = scope.get("authorized_submit_users");
  return std::make_shared<const smtp::ServerSettings>(smtp::ServerSettings{
      .protocol = std::move(protocol),
      .relay = policy::RelayPolicy(std::move(rules)),
      .mail_name = scope.get("mail_name"),
      .timeout = scope.get_time("smtpd_timeout"),
      .bare_newline = smtp::BareNewline::kNormalize,
      .service = "pickup",
      .local = true,
      .submitters = lookup::StringList("authorized_submit_users", submitters, context),
      .anybody_may_submit = submitters == "static:anyone"});
}

std::string place_of(const config::ServiceEntry& entry) {
  return entry.file.empty() ? std::string() : fmt::format("{}, line {}: ", entry.file, entry.line);
}

/// Where a service listens. An empty host means inet_interfaces.
std::vector<net::SocketAddress> listen_addresses(const Configuration& configuration,
                                                 const config::ServiceEntry& entry,
                                                 Problems* problems) {
  std::vector<net::SocketAddress> addresses;
  const config::InetEndpoint endpoint = config::parse_inet_name(entry.name);
  const std::optional<uint16_t> port = dns::parse_port(endpoint.port);
  if (!port) {
    problems->errors.push_back(
        fmt::format("{}{}: unknown port \"{}\"", place_of(entry), entry.id(), endpoint.port));
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
    bool loopback = false;  // those of the families that the host has
    for (const std::string& item : configuration.get_list("inet_interfaces")) {
      const bool is_loopback = item == "loopback-only" || item == "localhost";
      loopback |= is_loopback;
      if (!is_loopback) hosts.push_back(item);
    }
    for (const lookup::IpAddress& own : configuration.own_addresses()) {
      const std::string text = own.text();
      const bool listed = std::find(hosts.begin(), hosts.end(), text) != hosts.end();
      if (own.is_loopback() && loopback && !listed) {
        hosts.push_back(text);
      }
    }
  }
  for (std::string host : hosts) {
    if (host == "localhost") host = "127.0.0.1";
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    const auto address = net::SocketAddress::from_ip(host, *port);
    const bool from_list = endpoint.host.empty() || endpoint.host == "*";
    if (from_list && address && !(address->family() == AF_INET6 ? v6 : v4)) continue;
    if (!address) {
      problems->errors.push_back(
          fmt::format("{}{}: \"{}\" is not an IP address", place_of(entry), entry.id(), host));
      continue;
    }
    addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace barid::tools
