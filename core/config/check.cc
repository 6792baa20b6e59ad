#include "core/config/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/values.h"
#include "core/lookup/split.h"

namespace barid::config {
namespace {

const ServiceOverride* find_override(const ServiceEntry* entry, std::string_view name) {
  if (entry == nullptr) return nullptr;
  const auto found = std::find_if(entry->overrides.rbegin(), entry->overrides.rend(),
                                  [name](const auto& setting) { return setting.name == name; });
  return found == entry->overrides.rend() ? nullptr : &*found;
}

}  // namespace

void Checker::check_values() {
  check_scope(nullptr);
  for (const ServiceEntry& entry : configuration_.services_) {
    if (!entry.overrides.empty()) check_scope(&entry);
  }
  if (diagnostics_.ok()) check_log_file();
}

void Checker::check_scope(const ServiceEntry* entry) {
  // Explicit settings first, so that a default which merely inherits a bad value is not reported
  // too.
  const auto is_explicit = [&](std::string_view name) {
    return entry != nullptr ? find_override(entry, name) != nullptr
                            : configuration_.settings_.contains(name);
  };
  for (const bool explicit_round : {true, false}) {
    for (const Parameter& parameter : all_parameters()) {
      if (is_explicit(parameter.name) != explicit_round) continue;
      check_parameter(entry, parameter.name, parameter);
    }
    for (const auto& [name, transport] : configuration_.transport_defaults_) {
      if (is_explicit(name) == explicit_round) check_parameter(entry, name, *transport.rules);
    }
  }
}

std::optional<Checker::Place> Checker::culprit(const ServiceEntry* entry, std::string_view name,
                                               const std::vector<std::string>& names) const {
  const auto place_of = [&](std::string_view candidate) -> std::optional<Place> {
    if (entry != nullptr) {
      if (find_override(entry, candidate) == nullptr) return std::nullopt;
      return Place{entry->file, entry->line};
    }
    const auto it = configuration_.settings_.find(candidate);
    if (it == configuration_.settings_.end()) return std::nullopt;
    return Place{it->second.file, it->second.line};
  };
  if (auto place = place_of(name)) return place;
  for (const std::string& candidate : names) {
    if (auto place = place_of(candidate)) return place;
  }
  return std::nullopt;
}

void Checker::check_parameter(const ServiceEntry* entry, std::string_view name,
                              const Parameter& rules) {
  const Configuration::Scope scope(configuration_, entry);
  const Expansion value = scope.expand_parameter(name);
  const std::string error =
      value.ok() ? value_error(rules, name, value.text, scope.time_unit(name)) : value.error;
  if (error.empty()) return;
  std::optional<Place> place = culprit(entry, name, value.names);
  if (!place) {
    if (entry != nullptr) return;  // not this service's doing: reported for the whole already
    place = Place{"default value", 0};
  }
  const bool inherited = entry != nullptr ? find_override(entry, name) == nullptr
                                          : !configuration_.settings_.contains(name);
  const bool known = std::any_of(
      diagnostics_.errors.begin(), diagnostics_.errors.end(), [&](const Diagnostic& other) {
        return other.file == place->file && other.line == place->line && other.line != 0;
      });
  if (inherited && known) return;
  // postscreen_dnsbl_max_ttl appends a unit to postscreen_dnsbl_ttl: harmless where neither acts.
  if (inherited && rules.effect == Effect::kNone) return;
  std::string text = entry == nullptr ? error : fmt::format("service {}: {}", entry->id(), error);
  const Diagnostic found{place->file, place->line, std::move(text)};
  auto& errors = diagnostics_.errors;
  if (std::find(errors.begin(), errors.end(), found) == errors.end()) errors.push_back(found);
}

void Checker::check_log_file() {
  const std::string path = configuration_.get("maillog_file");
  if (path.empty()) return;
  const std::vector<std::string> prefixes = configuration_.get_list("maillog_file_prefixes");
  const bool allowed =
      std::any_of(prefixes.begin(), prefixes.end(),
                  [&](const std::string& prefix) { return path.starts_with(prefix); });
  if (allowed) return;
  const Place place =
      culprit(nullptr, "maillog_file", {"maillog_file_prefixes"}).value_or(Place{"default value"});
  diagnostics_.error(place.file, place.line,
                     fmt::format("maillog_file = {} does not match any prefix in "
                                 "maillog_file_prefixes",
                                 path));
}

bool Checker::is_defined(std::string_view name) const {
  return configuration_.parameter_of(name) != nullptr || configuration_.settings_.contains(name);
}

void Checker::warn_unused(const std::string& file, int32_t line, std::string_view prefix,
                          std::string_view name, std::string_view value) {
  std::string text = fmt::format("{}unused parameter: {}={}", prefix, name, value);
  const std::vector<std::string> more = configuration_.transport_parameter_names();
  const std::string_view near = nearest_name(name, more);
  if (!near.empty()) text += fmt::format(" (did you mean {}?)", near);
  diagnostics_.warn(file, line, std::move(text));
}

void Checker::warn_undefined(const std::string& file, int32_t line, std::string_view value) {
  for (const std::string_view name : referenced_names(value)) {
    if (is_defined(name) || name == "stress") continue;
    diagnostics_.warn(file, line, fmt::format("undefined parameter: {}", name));
  }
}

void Checker::check_names() {
  for (const auto& [name, setting] : configuration_.settings_) {
    const Parameter* rules = configuration_.parameter_of(name);
    if (rules == nullptr && !configuration_.is_referenced(name)) {
      warn_unused(setting.file, setting.line, "", name, setting.value);
    }
    const bool expanded_later = rules != nullptr && rules->type == ValueType::kRaw;
    if (!expanded_later) warn_undefined(setting.file, setting.line, setting.value);
  }
  for (const ServiceEntry& entry : configuration_.services_) {
    const std::string prefix = fmt::format("service {}: ", entry.id());
    for (const ServiceOverride& setting : entry.overrides) {
      if (configuration_.parameter_of(setting.name) == nullptr &&
          !configuration_.is_referenced(setting.name)) {
        warn_unused(entry.file, entry.line, prefix, setting.name, setting.value);
      }
      warn_undefined(entry.file, entry.line, setting.value);
    }
  }
}

}  // namespace barid::config
