// Who signs which mail.
#include <fmt/format.h>

#include "policy/dkim_keys.h"
#include "tools/barid/settings_parts.h"

namespace barid::tools {

using config::Configuration;

policy::DkimDefaults dkim_defaults(const Configuration& configuration,
                                   const lookup::OpenContext& context) {
  policy::DkimDefaults defaults;
  const std::string forms = configuration.get("dkim_canonicalization");
  if (!policy::parse_canonicalization(forms, &defaults)) {
    context.error(fmt::format(
        "{}dkim_canonicalization: \"{}\" is not simple or relaxed, perhaps twice with \"/\"",
        configuration.global().place_of("dkim_canonicalization"), forms));
  }
  defaults.lifetime = configuration.get_time("dkim_signature_lifetime");
  return defaults;
}

namespace {

std::vector<std::string> field_names(const Configuration& configuration, std::string_view name,
                                     const lookup::OpenContext& context) {
  std::string bad;
  std::vector<std::string> names = policy::parse_field_names(configuration.get(name), &bad);
  if (!bad.empty()) {
    context.error(fmt::format("{}{}: \"{}\" is no name of a header field",
                              configuration.global().place_of(name), name, bad));
  }
  return names;
}

/// A key that is not there defers the mail that needs it; one that cannot be used is an error.
void check_keys(const std::vector<policy::DkimRule>& rules, std::string_view parameter,
                const std::string& place, const lookup::OpenContext& context) {
  std::vector<std::string> seen;
  for (const policy::DkimRule& rule : rules) {
    if (std::find(seen.begin(), seen.end(), rule.key_path) != seen.end()) continue;
    seen.push_back(rule.key_path);
    const policy::DkimKey key = policy::load_dkim_key(rule.key_path);
    if (key.problem.empty()) continue;
    if (key.missing) {
      context.warn(
          fmt::format("{}{}: {}: mail of its domains waits for it", place, parameter, key.problem));
    } else {
      context.error(fmt::format("{}{}: {}", place, parameter, key.problem));
    }
  }
}

/// Checks the tables of `parameter` and the keys that they name, and opens them.
policy::DkimRules signing_rules(const Configuration& configuration, std::string_view parameter,
                                const policy::DkimDefaults& defaults,
                                const lookup::OpenContext& context) {
  const std::string maps = configuration.get(parameter);
  const std::string place = configuration.global().place_of(parameter);
  std::vector<std::string> errors;
  lookup::OpenContext own = context;
  own.errors = &errors;
  check_keys(policy::check_dkim_tables(parameter, maps, defaults, own), parameter, place, context);
  for (const std::string& error : errors) context.error(place + error);
  return {{parameter, maps, context}, defaults, parameter};
}

/// The sources of a list that the schema has checked.
uint32_t sources(const Configuration& configuration, std::string_view name) {
  std::string bad;
  return policy::parse_dkim_sources(configuration.get(name), &bad);
}

}  // namespace

policy::DkimSettings dkim_settings(const Configuration& configuration,
                                   const lookup::OpenContext& context) {
  return {.rules = signing_rules(configuration, "dkim_signing_maps",
                                 dkim_defaults(configuration, context), context),
          .fields = {.oversigned = field_names(configuration, "dkim_oversign_headers", context),
                     .others = field_names(configuration, "dkim_sign_headers", context)},
          .origins = sources(configuration, "dkim_signing_sources"),
          .send_unsigned = configuration.get("dkim_failure_action") == "send"};
}

policy::ArcSettings arc_settings(const Configuration& configuration,
                                 const lookup::OpenContext& context) {
  policy::ArcSettings settings{
      .rules = signing_rules(configuration, "arc_signing_maps",
                             dkim_defaults(configuration, context), context),
      .fields = {.oversigned = field_names(configuration, "dkim_oversign_headers", context),
                 .others = field_names(configuration, "dkim_sign_headers", context)},
      .origins = sources(configuration, "arc_signing_sources"),
      .send_unsealed = configuration.get("dkim_failure_action") == "send",
      .host_name = configuration.get("myhostname")};
  // RFC 8617 4.1.2: DKIM signatures that are there should be covered, seals must not be.
  settings.fields.others.emplace_back("dkim-signature");
  std::erase(settings.fields.oversigned, "arc-seal");
  std::erase(settings.fields.others, "arc-seal");
  return settings;
}

}  // namespace barid::tools
