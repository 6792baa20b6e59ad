#include "tools/barid/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/lookup/files.h"
#include "shard/runtime/cpu_count.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

uint64_t share_of(uint64_t total, uint16_t shards_count) noexcept {
  return total == 0 ? 0 : std::max<uint64_t>(1, total / shards_count);
}

lookup::Subdomains subdomains(const Configuration& configuration, std::string_view list) {
  return configuration.parent_matches_subdomains(list) ? lookup::Subdomains::kParent
                                                       : lookup::Subdomains::kDotted;
}

policy::AddressClasses address_classes(const Configuration& configuration,
                                       const ConfigurationScope& scope,
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

policy::FeedbackAddresses feedback_addresses(const ConfigurationScope& scope) {
  return {.return_paths = scope.get_list("return_path_addresses"),
          .complaints = scope.get_list("fbl_address")};
}

lookup::AddressList address_list(const Configuration& configuration,
                                 const ConfigurationScope& scope, std::string_view name,
                                 const lookup::OpenContext& context) {
  return {name, scope.get(name), subdomains(configuration, name), context};
}

namespace {

policy::RoutingRules routing_rules(const Configuration& configuration,
                                   std::shared_ptr<const policy::EgressPools> pools,
                                   const lookup::OpenContext& context) {
  return policy::RoutingRules{
      .local_transport = configuration.get("local_transport"),
      .virtual_transport = configuration.get("virtual_transport"),
      .relay_transport = configuration.get("relay_transport"),
      .default_transport = configuration.get("default_transport"),
      .relayhost = configuration.get("relayhost"),
      .sender_relayhost_maps =
          lookup::TableList("sender_dependent_relayhost_maps",
                            configuration.get("sender_dependent_relayhost_maps"), context),
      .sender_relayhost_null_key = configuration.get("empty_address_relayhost_maps_lookup_key"),
      .sender_transport_maps =
          lookup::TableList("sender_dependent_default_transport_maps",
                            configuration.get("sender_dependent_default_transport_maps"), context),
      .sender_transport_null_key =
          configuration.get("empty_address_default_transport_maps_lookup_key"),
      .transport_maps =
          lookup::TableList("transport_maps", configuration.get("transport_maps"), context),
      .transport_maps_bare_parents = configuration.parent_matches_subdomains("transport_maps"),
      .pools = std::move(pools),
      .recipient_delimiter = configuration.get("recipient_delimiter"),
      .my_hostname = configuration.get("myhostname"),
      .my_origin = configuration.get("myorigin"),
      .double_bounce_address =
          configuration.get("double_bounce_sender") + "@" + configuration.get("myhostname"),
      .feedback = feedback_addresses(configuration.global())};
}

}  // namespace

dns::UnboundOptions dns_options(const Configuration& configuration, Problems* problems) {
  dns::UnboundOptions options;
  options.trust_anchor_file = configuration.get("dns_trust_anchor_file");
  if (const std::string& file = options.trust_anchor_file; !file.empty()) {
    const Result<std::string> anchors = lookup::read_whole_file(file);
    if (!anchors.ok()) {
      problems->errors.push_back(configuration.global().start_of("dns_trust_anchor_file") +
                                 lookup::open_failure(file, anchors.error()));
    }
  }
  const std::string forwarders = configuration.get("dns_forwarders");
  if (forwarders == "recursive") {
    options.mode = dns::UnboundMode::kRecursive;
  } else if (!forwarders.empty()) {
    dns::ParsedForwarders parsed = dns::parse_forwarders(forwarders);
    if (!parsed.error.empty())
      problems->errors.push_back(configuration.global().place_of("dns_forwarders") +
                                 "dns_forwarders: " + parsed.error);
    options.mode = dns::UnboundMode::kForward;
    options.forwarders = std::move(parsed.forwarders);
  }
  return options;
}

namespace {

void drop_repeated(std::vector<std::string>* texts) {
  std::vector<std::string> first_ones;
  for (std::string& text : *texts) {
    if (std::find(first_ones.begin(), first_ones.end(), text) == first_ones.end()) {
      first_ones.push_back(std::move(text));
    }
  }
  *texts = std::move(first_ones);
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

namespace {

/// Reads files, and makes a list of them.
lookup::FileReader watching_reader(std::vector<std::string>* files) {
  return [files](const std::string& path) {
    files->push_back(path);
    return lookup::read_whole_file(path);
  };
}

/// Where sendmail submits.
void add_pickup(const Configuration& configuration, const lookup::OpenContext& context,
                Problems* problems, ShardSettings* settings) {
  const std::string pickup = pickup_socket(configuration.get("queue_directory"));
  if (const auto address = net::SocketAddress::from_unix_path(pickup)) {
    settings->listeners.push_back(
        {.service = "pickup/unix",
         .place = {},
         .addresses = {*address},
         .server = local_server_settings(configuration, context, problems)});
  } else {
    problems->warnings.push_back(fmt::format(
        "{}queue_directory: {} is longer than a socket path may be: sendmail cannot reach the "
        "server",
        configuration.global().place_of("queue_directory"), pickup));
  }
}

schedule::QueueLimits queue_limits(const Configuration& configuration, uint16_t shards_count) {
  const auto size_limit = static_cast<uint64_t>(configuration.get_int("message_size_limit"));
  return {
      .active_messages_max = static_cast<uint32_t>(share_of(
          static_cast<uint64_t>(configuration.get_int("qmgr_message_active_limit")), shards_count)),
      .active_recipients_max = static_cast<uint32_t>(share_of(
          static_cast<uint64_t>(std::max(configuration.get_int("qmgr_message_recipient_limit"),
                                         configuration.get_int("qmgr_message_active_limit"))),
          shards_count)),
      .content_memory_bytes_max = share_of(
          static_cast<uint64_t>(configuration.get_int("queue_memory_limit")), shards_count),
      .free_disk_bytes_min =
          std::max<uint64_t>(static_cast<uint64_t>(configuration.get_int("queue_minfree")),
                             size_limit + size_limit / 2),
      .recipient_delimiter = configuration.get("recipient_delimiter")};
}

}  // namespace

ShardSettings build_shard_settings(const Configuration& configuration, uint16_t shards_count,
                                   Problems* problems) {
  ShardSettings settings;
  const ConfigurationScope global = configuration.global();
  const ScopePlaces places(global);
  const lookup::OpenContext context{.read_file = watching_reader(&settings.watched_files),
                                    .warnings = &problems->warnings,
                                    .errors = &problems->errors,
                                    .places = &places};
  settings.retry = {.minimal_backoff = configuration.get_time("minimal_backoff_time"),
                    .maximal_backoff = configuration.get_time("maximal_backoff_time"),
                    .queue_lifetime = configuration.get_time("maximal_queue_lifetime"),
                    .soft_bounce = configuration.get_bool("soft_bounce"),
                    .bounce_lifetime = configuration.get_time("bounce_queue_lifetime")};
  settings.retry.jitter = static_cast<double>(configuration.get_int("retry_jitter")) / 100;
  for (const std::chrono::seconds delay : configuration.get_times("retry_schedule")) {
    settings.retry.retry_schedule.push_back(delay);
  }
  settings.limits = queue_limits(configuration, shards_count);
  const std::shared_ptr<const policy::EgressPools> pools = egress_pools(configuration, context);
  settings.router = std::make_unique<policy::TransportRouter>(
      address_classes(configuration, configuration.global(), context),
      routing_rules(configuration, pools, context));
  settings.site_rules = site_rules(configuration, context);
  settings.transports = all_transports(configuration, shards_count, context, problems);
  if (const std::string filter = configuration.get("default_delivery_status_filter");
      !filter.empty()) {
    settings.status_filter = std::make_unique<const policy::StatusFilter>(
        "default_delivery_status_filter", filter, context);
  }
  for (TransportSettings& transport : settings.transports) transport.client.pools = pools;
  check_routes(configuration, context, problems);
  check_feedback(configuration, problems);
  check_pools(configuration, *pools, *settings.site_rules, settings.transports, problems);
  if (const std::string relayhost = configuration.get("relayhost"); !relayhost.empty()) {
    const std::string error = dns::parse_destinations(relayhost, {}).error;
    if (!error.empty())
      problems->errors.push_back(configuration.global().place_of("relayhost") +
                                 "relayhost: " + error);
  }
  for (const config::ServiceEntry& entry : configuration.services()) {
    if (!entry.is_inet() || entry.command != "smtpd") continue;
    settings.listeners.push_back(ListenSettings{
        .service = entry.id(),
        .place = place_of(entry),
        .addresses = listen_addresses(configuration, entry, problems),
        .server = server_settings(configuration, entry, shards_count, context, problems)});
    const std::vector<std::string>& files = settings.listeners.back().server->tls.files;
    settings.watched_files.insert(settings.watched_files.end(), files.begin(), files.end());
  }
  add_pickup(configuration, context, problems, &settings);
  settings.retention = {.messages = configuration.get_time("message_retention"),
                        .events = configuration.get_time("event_retention")};
  settings.return_paths = configuration.global().get_list("return_path_addresses");
  settings.bounce_rules =
      std::make_unique<const policy::BounceRules>(configuration.get("bounce_class_maps"), context);
  settings.http_listeners = http_listeners(configuration, shards_count, context, problems);
  for (HttpListenSettings& listen : settings.http_listeners) {
    listen.api.pools = pools->names();
    settings.watched_files.insert(settings.watched_files.end(), listen.tls_files.begin(),
                                  listen.tls_files.end());
  }
  settings.admin = admin_facts(configuration, context);
  settings.notices = notice_settings(configuration, context);
  settings.notices.session_notices_per_hour = static_cast<uint32_t>(share_of(
      static_cast<uint64_t>(configuration.get_int("error_notice_rate_limit")), shards_count));
  settings.dkim = dkim_settings(configuration, context);
  settings.arc = arc_settings(configuration, context);
  settings.tls_reports = tls_report_settings(configuration, problems);
  settings.dns = dns_options(configuration, problems);
  for (const TransportSettings& transport : settings.transports) {
    const std::vector<std::string>& files = transport.client.tls.files;
    settings.watched_files.insert(settings.watched_files.end(), files.begin(), files.end());
  }
  drop_repeated(&settings.watched_files);
  drop_repeated(&problems->errors);  // each service sees the same values
  drop_repeated(&problems->warnings);
  return settings;
}

}  // namespace barid::tools
