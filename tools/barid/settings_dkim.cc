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
void check_keys(const std::vector<policy::DkimRule>& rules, const std::string& place,
                const lookup::OpenContext& context) {
  std::vector<std::string> seen;
  for (const policy::DkimRule& rule : rules) {
    if (std::find(seen.begin(), seen.end(), rule.key_path) != seen.end()) continue;
    seen.push_back(rule.key_path);
    const policy::DkimKey key = policy::load_dkim_key(rule.key_path);
    if (key.problem.empty()) continue;
    if (key.missing) {
      context.warn(fmt::format("{}dkim_signing_maps: {}: mail of its domains waits for it", place,
                               key.problem));
    } else {
      context.error(fmt::format("{}dkim_signing_maps: {}", place, key.problem));
    }
  }
}

}  // namespace

policy::DkimSettings dkim_settings(const Configuration& configuration,
                                   const lookup::OpenContext& context) {
  const policy::DkimDefaults defaults = dkim_defaults(configuration, context);
  const std::string maps = configuration.get("dkim_signing_maps");
  const std::string place = configuration.global().place_of("dkim_signing_maps");
  std::vector<std::string> errors;
  lookup::OpenContext own = context;
  own.errors = &errors;
  check_keys(policy::check_dkim_tables("dkim_signing_maps", maps, defaults, own), place, context);
  for (const std::string& error : errors) context.error(place + error);
  std::string bad_source;  // the schema refuses them
  return {
      .rules = policy::DkimRules({"dkim_signing_maps", maps, context}, defaults),
      .fields = {.oversigned = field_names(configuration, "dkim_oversign_headers", context),
                 .others = field_names(configuration, "dkim_sign_headers", context)},
      .origins = policy::parse_dkim_sources(configuration.get("dkim_signing_sources"), &bad_source),
      .send_unsigned = configuration.get("dkim_failure_action") == "send"};
}

}  // namespace barid::tools
