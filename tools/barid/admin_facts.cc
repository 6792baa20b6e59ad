#include "tools/barid/admin_facts.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/listing.h"
#include "core/config/schema.h"
#include "core/text/json.h"
#include "http/submit/api_keys.h"

namespace barid::tools {
namespace {

std::string_view changes_at(config::Effect effect) noexcept {
  switch (effect) {
    case config::Effect::kLive:
      return "reload";
    case config::Effect::kRestart:
      return "restart";
    case config::Effect::kNone:
      break;
  }
  return "none";
}

void append_scopes(std::string& out, uint8_t scopes) {
  out += '[';
  const auto add = [&](http::Scope scope, std::string_view name) {
    if ((scopes & scope) == 0) return;
    if (out.back() != '[') out += ',';
    text::append_json_string(out, name);
  };
  add(http::kScopeSend, "send");
  add(http::kScopeRead, "read");
  add(http::kScopeAdmin, "admin");
  out += ']';
}

std::string key_json(const KeyFacts& key) {
  std::string out = "{\"digest\":";
  text::append_json_string(out, key.digest);
  out += ",\"table\":";
  text::append_json_string(out, key.table);
  // Malformed entries are errors of the configuration.
  const auto principal = http::parse_key_entry(key.entry).value_or(http::Principal{});
  out += ",\"tenant\":";
  text::append_json_string(out, principal.tenant);
  out += ",\"scopes\":";
  append_scopes(out, principal.scopes);
  if (principal.rate > 0) out += fmt::format(",\"rate\":{}", principal.rate);
  if (principal.message_rate > 0) out += fmt::format(",\"messages\":{}", principal.message_rate);
  if (!principal.from_domains.empty()) {
    out += ",\"from\":[";
    for (const std::string& domain : principal.from_domains) {
      if (out.back() != '[') out += ',';
      text::append_json_string(out, domain);
    }
    out += ']';
  }
  return out + '}';
}

void append_setting(std::string& out, const SettingFacts& setting) {
  out += "\"name\":";
  text::append_json_string(out, setting.name);
  out += ",\"value\":";
  text::append_json_string(out, setting.value);
  out += fmt::format(",\"default\":{}", setting.is_default);
}

}  // namespace

AdminFacts admin_facts(const config::Configuration& configuration,
                       const lookup::OpenContext& context) {
  AdminFacts facts{.directory = configuration.directory()};
  for (const config::Parameter& parameter : config::all_parameters()) {
    const std::string name(parameter.name);
    const std::string place = configuration.global().place_of(name);
    facts.settings.push_back({.name = name,
                              .value = config::without_secrets(name, configuration.get(name)),
                              .is_default = place.empty(),
                              .place = place});
  }
  std::vector<std::string> problems;
  lookup::OpenContext quiet = context;
  quiet.errors = &problems;
  for (lookup::TableEntry& entry :
       lookup::list_entries("http_api_key_maps", configuration.get("http_api_key_maps"), quiet)) {
    facts.keys.push_back({.table = entry.table.substr(0, entry.table.find('{')),
                          .digest = std::move(entry.key),
                          .entry = std::move(entry.value)});
  }
  facts.keys_listed = problems.empty();
  return facts;
}

std::string settings_json(const AdminFacts& facts, bool all) {
  std::string out = "{\"object\":\"configuration\",\"directory\":";
  text::append_json_string(out, facts.directory);
  out += ",\"data\":[";
  for (const SettingFacts& setting : facts.settings) {
    if (!all && setting.is_default) continue;
    if (out.back() != '[') out += ',';
    out += '{';
    append_setting(out, setting);
    out += '}';
  }
  return out + "]}\n";
}

std::string setting_json(const AdminFacts& facts, std::string_view name) {
  const config::Parameter* parameter = config::find_parameter(name);
  const auto found =
      std::find_if(facts.settings.begin(), facts.settings.end(),
                   [name](const SettingFacts& setting) { return setting.name == name; });
  if (parameter == nullptr || found == facts.settings.end()) return {};
  std::string out = "{\"object\":\"parameter\",";
  append_setting(out, *found);
  out += ",\"default_value\":";
  text::append_json_string(out, parameter->default_value);
  out += fmt::format(",\"changes_at\":\"{}\",\"description\":", changes_at(parameter->effect));
  text::append_json_string(out, parameter->description);
  if (!found->place.empty()) {
    std::string_view place = found->place;
    while (place.ends_with(' ') || place.ends_with(':')) place.remove_suffix(1);
    out += ",\"place\":";
    text::append_json_string(out, place);
  }
  return out + "}\n";
}

std::string keys_json(const AdminFacts& facts) {
  std::string out =
      fmt::format("{{\"object\":\"list\",\"complete\":{},\"data\":[", facts.keys_listed);
  for (const KeyFacts& key : facts.keys) {
    if (out.back() != '[') out += ',';
    out += key_json(key);
  }
  return out + "]}\n";
}

}  // namespace barid::tools
