#include "policy/dkim_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/values.h"
#include "core/lookup/split.h"
#include "core/text/ascii.h"
#include "dns/name.h"

namespace barid::policy {
namespace {

constexpr size_t kRulesMax = 8;  // signatures of one message
constexpr std::string_view kWildcard = "*";

bool parse_form(std::string_view text, dkim::Canonical* form) {
  if (text::equals_ignore_case(text, "simple")) {
    *form = dkim::Canonical::kSimple;
  } else if (text::equals_ignore_case(text, "relaxed")) {
    *form = dkim::Canonical::kRelaxed;
  } else {
    return false;
  }
  return true;
}

/// Whether i= may stand beside d= (RFC 6376 3.5): its domain is d= or one below.
bool fits_domain(std::string_view identity, std::string_view domain) {
  const std::string_view own = identity.substr(identity.rfind('@') + 1);
  if (text::equals_ignore_case(own, domain)) return true;
  return own.size() > domain.size() + 1 && own[own.size() - domain.size() - 1] == '.' &&
         text::equals_ignore_case(own.substr(own.size() - domain.size()), domain);
}

/// i= is written as it is: only what needs no encoding.
bool is_identity(std::string_view identity) {
  const size_t at = identity.rfind('@');
  if (at == std::string_view::npos || !dns::is_query_name(identity.substr(at + 1))) return false;
  return std::all_of(identity.begin(), identity.end(),
                     [](char c) { return c > ' ' && c < 127 && c != ';' && c != '=' && c != ','; });
}

/// Empty, or what is wrong with the setting.
std::string set_member(std::string_view name, std::string_view value, DkimRule* rule) {
  if (value.empty()) return fmt::format("{}= has no value", name);
  if (name == "selector") {
    if (!dns::is_query_name(value) || value.ends_with('.')) {
      return fmt::format("\"{}\" cannot be a selector", value);
    }
    rule->selector = value;
  } else if (name == "key") {
    if (value.front() != '/') return fmt::format("\"{}\": the key's path is not absolute", value);
    rule->key_path = value;
  } else if (name == "tenant") {
    rule->tenant = value;
  } else if (name == "domain") {
    const auto ascii = dns::name_to_ascii(value);
    if (!ascii || !dns::is_host_name(*ascii)) return fmt::format("\"{}\" is not a domain", value);
    rule->domain = dns::normalise_name(*ascii);
  } else if (name == "identity") {
    if (!is_identity(value)) return fmt::format("\"{}\" cannot be an identity", value);
    rule->identity = value;
  } else if (name == "canonicalization") {
    DkimDefaults forms;
    if (!parse_canonicalization(value, &forms)) {
      return fmt::format("\"{}\" is not simple or relaxed, perhaps twice with \"/\"", value);
    }
    rule->header = forms.header;
    rule->body = forms.body;
  } else if (name == "lifetime") {
    const auto time = config::parse_time(value, 's');
    if (!time || *time < std::chrono::seconds(0)) return fmt::format("\"{}\" is no time", value);
    rule->lifetime = *time;
  } else {
    return fmt::format("unknown setting \"{}\"", name);
  }
  return {};
}

DkimRule parse_rule(std::string_view text, const DkimDefaults& defaults, std::string* error) {
  DkimRule rule{.header = defaults.header, .body = defaults.body, .lifetime = defaults.lifetime};
  for (std::string_view word; !(word = text::take_word(text)).empty();) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      *error = fmt::format("\"{}\" is not name=value", word);
      return rule;
    }
    *error = set_member(word.substr(0, equals), word.substr(equals + 1), &rule);
    if (!error->empty()) return rule;
  }
  if (rule.selector.empty()) *error = "a rule has no selector=";
  if (error->empty() && rule.key_path.empty()) *error = "a rule has no key=";
  if (error->empty() && !rule.domain.empty() && !rule.identity.empty() &&
      !fits_domain(rule.identity, rule.domain)) {
    *error = fmt::format("identity \"{}\" is not below \"{}\"", rule.identity, rule.domain);
  }
  return rule;
}

}  // namespace

bool parse_canonicalization(std::string_view text, DkimDefaults* forms) {
  const size_t slash = std::min(text.find('/'), text.size());
  forms->body = dkim::Canonical::kSimple;
  if (!parse_form(text.substr(0, slash), &forms->header)) return false;
  return slash == text.size() || parse_form(text.substr(slash + 1), &forms->body);
}

std::vector<DkimRule> parse_dkim_rules(std::string_view value, const DkimDefaults& defaults,
                                       std::string* error) {
  error->clear();
  std::vector<DkimRule> rules;
  while (true) {
    const size_t comma = std::min(value.find(','), value.size());
    if (rules.size() == kRulesMax) {
      *error = fmt::format("more than {} rules", kRulesMax);
      return {};
    }
    rules.push_back(parse_rule(lookup::trim(value.substr(0, comma)), defaults, error));
    if (!error->empty()) return {};
    if (comma == value.size()) return rules;
    value.remove_prefix(comma + 1);
  }
}

DkimRules::Answer DkimRules::find(std::string_view asked, std::string_view tenant) const {
  lookup::LookupResult found = tables_.find(asked);
  std::string_view domain = asked;
  for (size_t dot = asked.find('.');
       found.status() == lookup::LookupResult::Status::kNotFound && dot != std::string_view::npos;
       dot = asked.find('.', dot + 1)) {
    found = tables_.find(asked.substr(dot), lookup::KeyExtent::kPartial);
    if (found.is_found()) domain = asked.substr(dot + 1);
  }
  if (found.status() == lookup::LookupResult::Status::kNotFound) {
    found = tables_.find(kWildcard, lookup::KeyExtent::kPartial);
  }
  if (found.is_temporary()) {
    return {.rules = {}, .problem = fmt::format("{}: {}", parameter_, found.value())};
  }
  if (!found.is_found()) return {};
  std::string error;
  Answer answer{.rules = parse_dkim_rules(found.value(), defaults_, &error), .problem = {}};
  if (!error.empty()) answer.problem = fmt::format("{}: {}", parameter_, error);
  std::erase_if(answer.rules, [&](const DkimRule& rule) {
    return !rule.tenant.empty() && rule.tenant != tenant;
  });
  for (DkimRule& rule : answer.rules) {
    if (rule.domain.empty()) rule.domain = domain;
    if (rule.identity.empty() || fits_domain(rule.identity, rule.domain)) continue;
    answer.problem = fmt::format("{}: identity \"{}\" is not below \"{}\"", parameter_,
                                 rule.identity, rule.domain);
  }
  return answer;
}

std::vector<DkimRule> check_dkim_tables(std::string_view parameter, std::string_view value,
                                        const DkimDefaults& defaults,
                                        const lookup::OpenContext& context) {
  std::vector<DkimRule> all;
  for (const std::string_view spec : lookup::split_list(value)) {
    const std::unique_ptr<lookup::Table> table =
        lookup::open_table(spec, {.read_file = context.read_file});
    static_cast<void>(table->for_each_entry([&](std::string_view key, std::string_view text) {
      std::string error;
      for (DkimRule& rule : parse_dkim_rules(text, defaults, &error)) {
        const bool one_domain = key != kWildcard && !key.empty();
        if (rule.domain.empty() && one_domain) {
          rule.domain = key.starts_with('.') ? key.substr(1) : key;
        }
        if (error.empty() && !rule.domain.empty() && !rule.identity.empty() &&
            !fits_domain(rule.identity, rule.domain)) {
          error = fmt::format("identity \"{}\" is not below \"{}\"", rule.identity, rule.domain);
        }
        all.push_back(std::move(rule));
      }
      if (!error.empty()) {
        context.error(fmt::format("{}: {}: {}: {}", parameter, table->name(), key, error));
      }
    }));
  }
  return all;
}

}  // namespace barid::policy
