// How much goes where: concurrency, feedback and rates of transports and their sites.
#include <fmt/format.h>

#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

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
  limits.total_concurrency = static_cast<uint32_t>(share_of(total, shards_count));
  limits.recipients_per_job = number("_destination_recipient_limit");
  return limits;
}

}  // namespace barid::tools
