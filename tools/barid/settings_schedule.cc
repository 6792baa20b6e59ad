// How much goes where: concurrency, feedback and rates of transports and their sites.
#include <fmt/format.h>

#include "policy/destination_policy.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

/// The place and name of `<transport>_<suffix>`, or of its default, for a complaint.
std::string place_of(const Configuration& configuration, const std::string& transport,
                     const std::string& suffix) {
  const std::string own = transport + suffix;
  const std::string name = configuration.settings().contains(own) ? own : "default" + suffix;
  return configuration.global().place_of(name) + name;
}

double message_rate(const Configuration& configuration, const std::string& transport,
                    Problems* problems) {
  const std::string suffix = "_destination_message_rate";
  const std::string text = configuration.get_transport_str(transport, suffix);
  if (text.empty()) return 0;
  const std::optional<double> rate = policy::parse_rate(text);
  if (!rate) {
    problems->errors.push_back(fmt::format("{}: \"{}\" is no rate such as 10/s, 600/m or 100/h",
                                           place_of(configuration, transport, suffix), text));
  }
  return rate.value_or(0);
}

/// A bad value is worth a warning, and counts as 1, as in Postfix.
schedule::Feedback feedback(const Configuration& configuration, const std::string& transport,
                            std::string_view suffix, Problems* problems) {
  const std::string text = configuration.get_transport_str(transport, suffix);
  const Result<schedule::Feedback> parsed = schedule::parse_feedback(text);
  if (parsed.ok()) return *parsed;
  problems->warnings.push_back(fmt::format(
      "{}{}: \"{}\" is none of x, x/y, x / concurrency, x / sqrt_concurrency with x between 0 and "
      "1; using 1",
      transport, suffix, text));
  return {};
}

}  // namespace

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
  limits.total_concurrency = static_cast<uint32_t>(share_of(total, shards_count));
  limits.recipients_per_job = number("_destination_recipient_limit");
  return limits;
}

std::unique_ptr<policy::DestinationPolicy> site_rules(const Configuration& configuration,
                                                      const lookup::OpenContext& context) {
  lookup::OpenContext own = context;
  std::vector<std::string> errors;
  own.errors = &errors;
  auto rules = std::make_unique<policy::DestinationPolicy>(
      "destination_policy_maps", configuration.get("destination_policy_maps"), own);
  for (const policy::DestinationPolicy::PoolUse& use : rules->pool_uses()) {
    errors.push_back(fmt::format("{}: there is no egress pool \"{}\"", use.place, use.pool));
  }
  for (const std::string& error : errors) {
    context.error(configuration.global().place_of("destination_policy_maps") + error);
  }
  return rules;
}

}  // namespace barid::tools
