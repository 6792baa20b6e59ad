#include "smtp/client/tls_policy.h"

#include <fmt/format.h>

#include <array>

#include "core/text/ascii.h"

namespace barid::smtp {
namespace {

struct Name {
  std::string_view text;
  TlsLevel level;
};
constexpr std::array kNames = {
    Name{"none", TlsLevel::kNone},          Name{"may", TlsLevel::kMay},
    Name{"encrypt", TlsLevel::kEncrypt},    Name{"dane", TlsLevel::kDane},
    Name{"dane-only", TlsLevel::kDaneOnly}, Name{"fingerprint", TlsLevel::kFingerprint},
    Name{"verify", TlsLevel::kVerify},      Name{"secure", TlsLevel::kSecure},
};

/// Splits at any of `separators`; empty items are left out.
std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> items;
  while (!text.empty()) {
    const size_t start = std::min(text.find_first_not_of(separators), text.size());
    text.remove_prefix(start);
    const size_t length = std::min(text.find_first_of(separators), text.size());
    if (length > 0) items.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return items;
}

const std::vector<std::string>& default_match(const TlsPolicyRules& rules, TlsLevel level) {
  static const std::vector<std::string> none;
  switch (level) {
    case TlsLevel::kFingerprint:
      return rules.fingerprints;
    case TlsLevel::kVerify:
      return rules.verify_match;
    case TlsLevel::kSecure:
      return rules.secure_match;
    default:
      return none;
  }
}

constexpr std::string_view kAnchorFile = "tafile";

[[nodiscard]] bool asks_authorities(TlsLevel level) noexcept {
  return level == TlsLevel::kVerify || level == TlsLevel::kSecure;
}

/// Fills in whom the policy trusts. Empty, or what is wrong.
std::string find_anchors(const TlsPolicyRules& rules, TlsPolicy* policy) {
  if (!asks_authorities(policy->level)) return {};
  if (policy->anchor_files.empty()) policy->anchor_files = rules.anchor_files;
  for (const std::string& file : policy->anchor_files) {
    const auto found = rules.anchors.find(file);
    if (found == rules.anchors.end()) {
      return fmt::format("the trust anchors of {} were not read with the configuration", file);
    }
    policy->anchors.insert(policy->anchors.end(), found->second.begin(), found->second.end());
  }
  return {};
}

/// One attribute; returns what is wrong with it.
std::string apply(std::string_view name, std::string_view value, TlsPolicy* policy) {
  if (name == "match") {
    // Fingerprints hold colons, so they are separated by '|'.
    const bool prints = policy->level == TlsLevel::kFingerprint;
    if (!prints && !asks_authorities(policy->level)) {
      return fmt::format("attribute \"match\" has no meaning at level {}",
                         tls_level_name(policy->level));
    }
    for (const std::string_view item : split(value, prints ? "|" : ":")) {
      policy->match.emplace_back(item);
    }
    return {};
  }
  if (name == kAnchorFile) {
    if (!asks_authorities(policy->level)) {
      return fmt::format("attribute \"{}\" has no meaning at level {}", name,
                         tls_level_name(policy->level));
    }
    policy->anchor_files.emplace_back(value);
    return {};
  }
  if (name == "servername") {
    policy->server_name = value;
    return {};
  }
  if (name == "protocols") {
    policy->versions = net::parse_tls_versions(value);
    return policy->versions->error;
  }
  if (name == "ciphers") {
    if (value != "high" && value != "medium" && value != "null" && value != "low" &&
        value != "export") {
      return fmt::format("unknown cipher grade \"{}\"", value);
    }
    policy->cipher_grade = value;
    return {};
  }
  if (name == "exclude") {
    policy->excluded_ciphers = value;
    return {};
  }
  if (name == "connection_reuse" || name == "enable_rpk") return {};  // sessions are always reused
  return fmt::format("unknown attribute \"{}\"", name);
}

}  // namespace

std::optional<TlsLevel> parse_tls_level(std::string_view name) noexcept {
  for (const Name& known : kNames) {
    if (text::equals_ignore_case(name, known.text)) return known.level;
  }
  return std::nullopt;
}

std::string_view tls_level_name(TlsLevel level) noexcept {
  for (const Name& known : kNames) {
    if (known.level == level) return known.text;
  }
  return {};
}

std::string TlsPolicy::key() const {
  std::string text(tls_level_name(level));
  for (const std::string& one : match) text.append(" match=").append(one);
  for (const std::string& one : anchor_files) text.append(" tafile=").append(one);
  text.append(" name=").append(server_name);
  if (versions) text.append(fmt::format(" versions={}", versions->allowed));
  return text.append(" ciphers=").append(cipher_grade).append("!").append(excluded_ciphers);
}

FoundTlsPolicy parse_tls_policy(std::string_view value, const TlsPolicyRules& rules) {
  FoundTlsPolicy found;
  const std::vector<std::string_view> items = split(value, " \t,");
  if (items.empty()) return {.error = "empty policy"};
  const std::optional<TlsLevel> level = parse_tls_level(items.front());
  if (!level) return {.error = fmt::format("unknown level \"{}\"", items.front())};
  found.policy.level = *level;
  found.policy.server_name = rules.server_name;
  for (size_t i = 1; i < items.size(); ++i) {
    const size_t equals = items[i].find('=');
    if (equals == std::string_view::npos || equals + 1 == items[i].size()) {
      return {.error = fmt::format("\"{}\" is no attribute=value", items[i])};
    }
    found.error = apply(items[i].substr(0, equals), items[i].substr(equals + 1), &found.policy);
    if (!found.error.empty()) return found;
  }
  if (found.policy.match.empty()) found.policy.match = default_match(rules, *level);
  if (*level == TlsLevel::kFingerprint && found.policy.match.empty()) {
    found.error = "level fingerprint needs match=, or smtp_tls_fingerprint_cert_match";
  }
  if (found.error.empty()) found.error = find_anchors(rules, &found.policy);
  return found;
}

std::vector<std::string> anchor_files_in(std::string_view value) {
  std::vector<std::string> files;
  for (const std::string_view item : split(value, " \t,")) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || item.substr(0, equals) != kAnchorFile) continue;
    if (equals + 1 < item.size()) files.emplace_back(item.substr(equals + 1));
  }
  return files;
}

FoundTlsPolicy find_tls_policy(const TlsPolicyRules& rules, std::string_view nexthop) {
  lookup::LookupResult result = rules.maps.find(nexthop);
  const bool plain = nexthop.find_first_of("[]:/") == std::string_view::npos;
  for (size_t dot = nexthop.find('.', 1);
       plain && result.status() == lookup::LookupResult::Status::kNotFound &&
       dot != std::string_view::npos;
       dot = nexthop.find('.', dot + 1)) {
    result = rules.maps.find(nexthop.substr(dot), lookup::KeyExtent::kPartial);
  }
  if (result.is_temporary()) return {.error = std::string(result.value())};
  if (result.is_found()) {
    FoundTlsPolicy found = parse_tls_policy(result.value(), rules);
    if (!found.error.empty()) {
      found.error = fmt::format("smtp_tls_policy_maps: {}: {}", nexthop, found.error);
    }
    return found;
  }
  FoundTlsPolicy found = parse_tls_policy(tls_level_name(rules.level), rules);
  return found;
}

std::vector<std::string> wanted_names(const TlsPolicy& policy, std::string_view host,
                                      std::string_view nexthop_domain) {
  std::vector<std::string> names;
  for (const std::string& item : policy.match) {
    if (item == "hostname") {
      names.emplace_back(host);
    } else if (item == "nexthop") {
      names.emplace_back(nexthop_domain);
    } else if (item == "dot-nexthop") {
      names.push_back(fmt::format(".{}", nexthop_domain));
    } else {
      names.push_back(item);
    }
  }
  return names;
}

}  // namespace barid::smtp
