// Values that are only good or bad together with others: transports that must be in master.cf.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/text/ascii.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

namespace {

std::vector<std::string_view> transport_names(const Configuration& configuration) {
  std::vector<std::string_view> names;
  const auto add = [&names](const config::ServiceEntry& entry) {
    if (entry.is_inet() || !config::is_delivery_command(entry.command)) return;
    if (std::find(names.begin(), names.end(), entry.name) == names.end()) {
      names.push_back(entry.name);
    }
  };
  for (const config::ServiceEntry& entry : configuration.services()) add(entry);
  for (const config::ServiceEntry& entry : config::builtin_services()) add(entry);
  return names;
}

/// What is wrong with `transport:nexthop`; empty = nothing.
std::string transport_error(const Configuration& configuration, std::string_view value) {
  const std::string_view transport = policy::split_transport(value).transport;
  if (transport.empty() || configuration.find_transport(transport) != nullptr) return {};
  const std::vector<std::string_view> names = transport_names(configuration);
  const std::string_view near = config::nearest_of(transport, names);
  return fmt::format("there is no transport \"{}\"{}; master.cf and defaults have {}", transport,
                     near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                     fmt::join(names, ", "));
}

/// What is wrong with a list of destinations; DUNNO is none.
std::string destination_error(std::string_view value) {
  if (text::equals_ignore_case(value, "DUNNO")) return {};
  return dns::parse_destinations(value, {}).error;
}

}  // namespace

void check_routes(const Configuration& configuration, const lookup::OpenContext& context,
                  Problems* problems) {
  const ConfigurationScope scope = configuration.global();
  constexpr std::array<std::string_view, 5> kTransports = {"local_transport", "virtual_transport",
                                                           "relay_transport", "default_transport",
                                                           "best_mx_transport"};
  for (const std::string_view name : kTransports) {
    const std::string error = transport_error(configuration, scope.get(name));
    if (!error.empty()) problems->errors.push_back(scope.start_of(name) + error);
  }
  const std::vector<std::string_view> names = transport_names(configuration);
  for (const std::string& name : scope.get_list("defer_transports")) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    problems->warnings.push_back(
        fmt::format("{}there is no transport \"{}\"; master.cf and defaults have {}",
                    scope.start_of("defer_transports"), name, fmt::join(names, ", ")));
  }
  // Of tables only what can be listed; a bad entry concerns its own mail only.
  const auto check = [&](std::string_view name, const auto& error_of) {
    lookup::OpenContext own = context;
    std::vector<std::string> opening;  // whoever uses the table tells of these
    own.warnings = own.errors = &opening;
    for (const lookup::TableEntry& entry : lookup::list_entries(name, scope.get(name), own)) {
      const std::string error = error_of(entry.value);
      if (error.empty()) continue;
      problems->warnings.push_back(
          fmt::format("{}{}: {}: {}", scope.start_of(name), entry.table, entry.key, error));
    }
  };
  const auto of_transport = [&](std::string_view value) {
    return transport_error(configuration, value);
  };
  check("transport_maps", of_transport);
  check("sender_dependent_default_transport_maps", of_transport);
  check("sender_dependent_relayhost_maps", destination_error);
}

void check_feedback(const Configuration& configuration, Problems* problems) {
  const ConfigurationScope scope = configuration.global();
  for (const std::string_view name : {"return_path_addresses", "fbl_address"}) {
    for (const std::string& address : scope.get_list(name)) {
      const size_t at = address.rfind('@');
      if (at != std::string::npos && at > 0 && at + 1 < address.size()) continue;
      problems->errors.push_back(
          fmt::format("{}\"{}\" is no address: need one such as bounces@example.org",
                      scope.start_of(name), address));
    }
  }
  const std::string delimiters = scope.get("default_verp_delimiters");
  if (delimiters.size() == 2) return;
  problems->errors.push_back(fmt::format("{}\"{}\": need two characters, such as +=",
                                         scope.start_of("default_verp_delimiters"), delimiters));
}

}  // namespace barid::tools
