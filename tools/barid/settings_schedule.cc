// How much goes where: concurrency, feedback and rates of transports and their sites.
#include <fmt/format.h>

#include <algorithm>

#include "policy/destination_policy.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

/// The parameter that each setting of a site comes from; with a suffix, that of the transport.
struct Source {
  std::string_view setting;
  std::string_view parameter;
};
constexpr Source kSources[] = {
    {"concurrency", "_destination_concurrency_limit"},
    {"initial_concurrency", "_initial_destination_concurrency"},
    {"positive_feedback", "_destination_concurrency_positive_feedback"},
    {"negative_feedback", "_destination_concurrency_negative_feedback"},
    {"failed_cohort_limit", "_destination_concurrency_failed_cohort_limit"},
    {"dead_time", "minimal_backoff_time"},
    {"rate_delay", "_destination_rate_delay"},
    {"rate", "_destination_message_rate"},
    {"burst", "_destination_message_burst"},
    {"messages_per_connection", "_destination_messages_per_connection"},
    {"recipients", "_destination_recipient_limit"},
    {"pool", "_egress_pool"},
};

/// `<transport><suffix>` if that is a parameter or set, else the one whose value it takes.
std::string parameter_name(const Configuration& configuration, const std::string& transport,
                           const std::string& suffix) {
  std::string own = transport + suffix;
  if (configuration.settings().contains(own) || config::find_parameter(own) != nullptr) return own;
  for (const config::TransportParameter& parameter : config::transport_parameters()) {
    if (parameter.suffix == suffix) return std::string(parameter.fallback);
  }
  return own;
}

double message_rate(const Configuration& configuration, const std::string& transport,
                    Problems* problems) {
  const std::string suffix = "_destination_message_rate";
  const std::string text = configuration.get_transport_str(transport, suffix);
  if (text.empty()) return 0;
  const std::optional<double> rate = policy::parse_rate(text);
  if (!rate) {
    problems->errors.push_back(
        fmt::format("{}: \"{}\" is no rate such as 10/s, 600/m or 100/h",
                    transport_parameter_place(configuration, transport, suffix), text));
  }
  return rate.value_or(0);
}

schedule::Feedback feedback(const Configuration& configuration, const std::string& transport,
                            const std::string& suffix, Problems* problems) {
  const std::string text = configuration.get_transport_str(transport, suffix);
  const Result<schedule::Feedback> parsed = schedule::parse_feedback(text);
  if (parsed.ok()) return *parsed;
  problems->errors.push_back(fmt::format(
      "{}: \"{}\" is none of x, x/y, x / concurrency, x / sqrt_concurrency with x between 0 and 1",
      transport_parameter_place(configuration, transport, suffix), text));
  return {};
}

}  // namespace

std::string transport_parameter_place(const Configuration& configuration,
                                      const std::string& transport, const std::string& suffix) {
  const std::string name = parameter_name(configuration, transport, suffix);
  return configuration.global().place_of(name) + name;
}

namespace {

/// "name (place)" of a parameter.
std::string origin_of(const Configuration& configuration, const std::string& name) {
  std::string place = configuration.global().place_of(name);
  if (place.ends_with(": ")) place.resize(place.size() - 2);
  return fmt::format("{} ({})", name, place.empty() ? "default" : place);
}

}  // namespace

SettingOrigins setting_origins(const Configuration& configuration, const std::string& transport) {
  SettingOrigins origins;
  for (const policy::SiteSetting& setting : policy::site_settings()) {
    const auto row = std::find_if(std::begin(kSources), std::end(kSources),
                                  [&](const Source& s) { return s.setting == setting.name; });
    BARID_ASSERT(row != std::end(kSources));
    const std::string parameter(row->parameter);
    const std::string name = parameter.starts_with('_')
                                 ? parameter_name(configuration, transport, parameter)
                                 : parameter;
    origins.of_site.push_back(origin_of(configuration, name));
  }
  const std::string delay = parameter_name(configuration, transport, "_transport_rate_delay");
  origins.transport_rate_delay = origin_of(configuration, delay);
  origins.deferred = origin_of(configuration, "defer_transports");
  return origins;
}

schedule::TransportLimits transport_limits(const Configuration& configuration,
                                           const config::ServiceEntry& entry, uint16_t shards_count,
                                           Problems* problems) {
  const std::string& name = entry.name;
  const auto number = [&](std::string_view suffix) {
    return static_cast<uint32_t>(configuration.get_transport_int(name, suffix));
  };
  const uint64_t total =
      entry.limit >= 0 ? static_cast<uint64_t>(entry.limit)
                       : static_cast<uint64_t>(configuration.get_int("default_process_limit"));
  schedule::TransportLimits limits;
  schedule::SitePolicy& site = limits.site;
  site.window = {.initial = number("_initial_destination_concurrency"),
                 .limit = number("_destination_concurrency_limit"),
                 .positive = feedback(configuration, name,
                                      "_destination_concurrency_positive_feedback", problems),
                 .negative = feedback(configuration, name,
                                      "_destination_concurrency_negative_feedback", problems),
                 .failed_cohort_limit =
                     static_cast<double>(number("_destination_concurrency_failed_cohort_limit"))};
  site.dead_time = configuration.get_time("minimal_backoff_time");
  site.rate_delay = configuration.get_transport_time(name, "_destination_rate_delay");
  site.messages_per_second = message_rate(configuration, name, problems);
  site.burst = number("_destination_message_burst");
  site.messages_per_connection = number("_destination_messages_per_connection");
  site.recipients_per_job = number("_destination_recipient_limit");
  site.pool = configuration.get_transport_str(name, "_egress_pool");
  limits.total_concurrency = static_cast<uint32_t>(share_of(total, shards_count));
  limits.rate_delay = configuration.get_transport_time(name, "_transport_rate_delay");
  const std::vector<std::string> deferred = configuration.global().get_list("defer_transports");
  limits.deferred = std::find(deferred.begin(), deferred.end(), name) != deferred.end();
  return limits;
}

std::unique_ptr<policy::DestinationPolicy> site_rules(const Configuration& configuration,
                                                      const lookup::OpenContext& context) {
  lookup::OpenContext own = context;
  std::vector<std::string> errors;
  own.errors = &errors;
  auto rules = std::make_unique<policy::DestinationPolicy>(
      "destination_policy_maps", configuration.get("destination_policy_maps"), own);
  for (const std::string& error : errors) {
    context.error(configuration.global().place_of("destination_policy_maps") + error);
  }
  return rules;
}

}  // namespace barid::tools
