// cidr tables: rules in file order, first match wins, IPv4 rules only for IPv4 keys.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"
#include "core/lookup/table_internal.h"

namespace barid::lookup {
namespace {

struct CidrRule {
  enum class Kind : uint8_t { kResult, kIf, kEndif };
  Kind kind = Kind::kResult;
  bool negated = false;
  IpNetwork network;
  std::string result;
  size_t endif_index = 0;  ///< of a kIf: where to go when it does not match
};

class CidrTable final : public Table {
 public:
  CidrTable(std::string name, std::vector<CidrRule> rules)
      : Table(std::move(name), KeyStyle::kPattern), rules_(std::move(rules)) {}

  LookupResult find(std::string_view key) const override {
    const std::optional<IpAddress> address = IpAddress::parse(key);
    if (!address) return LookupResult::not_found();
    for (size_t i = 0; i < rules_.size(); ++i) {
      const CidrRule& rule = rules_[i];
      if (rule.kind == CidrRule::Kind::kEndif) continue;
      const bool same_family = rule.network.address.is_v6 == address->is_v6;
      const bool matches = same_family && rule.network.contains(*address) != rule.negated;
      if (rule.kind == CidrRule::Kind::kIf && !matches) i = rule.endif_index;
      if (rule.kind == CidrRule::Kind::kResult && matches) return LookupResult::found(rule.result);
    }
    return LookupResult::not_found();
  }
  bool for_each_entry(Visitor visit) const override {
    const bool plain = std::all_of(rules_.begin(), rules_.end(), [](const CidrRule& rule) {
      return rule.kind == CidrRule::Kind::kResult && !rule.negated;
    });
    if (!plain) return false;
    for (const CidrRule& rule : rules_) visit(rule.network.text(), rule.result);
    return true;
  }

 private:
  std::vector<CidrRule> rules_;
};

/// Collects rules line by line; a bad rule is reported and left out.
class CidrBuilder {
 public:
  CidrBuilder(std::string_view where, const OpenContext& context)
      : where_(where), context_(context) {}

  void add(std::string_view text, int32_t line) {
    line_ = line;
    text = trim(text);
    const std::string_view word = take_word(text);
    if (equals_ignore_case(word, "if")) return add_if(text);
    if (equals_ignore_case(word, "endif")) return add_endif(text);
    add_result(word, text);
  }

  std::vector<CidrRule> finish() {
    for (const OpenIf& open : open_ifs_) {
      line_ = open.line;
      warn("IF has no matching ENDIF");
      rules_[open.rule_index].endif_index = rules_.size();
    }
    return std::move(rules_);
  }

 private:
  struct OpenIf {
    size_t rule_index;
    int32_t line;
  };

  void warn(std::string_view text) const {
    context_.warn(fmt::format("cidr map {}, line {}: {}", where_, line_, text));
  }

  static std::string_view take_word(std::string_view& text) {
    size_t end = 0;
    while (end < text.size() && !is_blank(text[end])) ++end;
    const std::string_view word = text.substr(0, end);
    text = trim(text.substr(end));
    return word;
  }

  /// The pattern of a rule with its `!` signs taken off; nullopt after a warning.
  std::optional<CidrRule> parse_pattern(std::string_view pattern) const {
    CidrRule rule;
    while (pattern.starts_with('!')) {
      rule.negated = !rule.negated;
      pattern = trim_left(pattern.substr(1));
    }
    ParsedNetwork parsed = parse_network(pattern);
    if (!parsed.network) {
      warn(parsed.error + ": skipping this rule");
      return std::nullopt;
    }
    rule.network = *parsed.network;
    return rule;
  }

  void add_result(std::string_view pattern, std::string_view result) {
    if (pattern.find_first_not_of('!') == std::string_view::npos)
      pattern = join_negation(pattern, result);
    std::optional<CidrRule> rule = parse_pattern(pattern);
    if (!rule) return;
    if (result.empty()) return warn("no replacement text: skipping this rule");
    rule->result = result;
    rules_.push_back(*std::move(rule));
  }

  /// `! pattern result`: the blank after the sign is allowed.
  std::string_view join_negation(std::string_view signs, std::string_view& rest) {
    joined_ = std::string(signs);
    joined_ += take_word(rest);
    return joined_;
  }

  void add_if(std::string_view pattern) {
    std::optional<CidrRule> rule = parse_pattern(pattern);
    if (!rule) {
      // A condition that cannot be read guards nothing safely: its whole block never matches.
      rule.emplace();
      rule->network = IpNetwork::make(IpAddress{}, 0);
      rule->negated = true;
    }
    rule->kind = CidrRule::Kind::kIf;
    open_ifs_.push_back({.rule_index = rules_.size(), .line = line_});
    rules_.push_back(*std::move(rule));
  }

  void add_endif(std::string_view rest) {
    if (open_ifs_.empty()) return warn("ignoring ENDIF without matching IF");
    if (!rest.empty()) warn("ignoring extra text after ENDIF");
    rules_[open_ifs_.back().rule_index].endif_index = rules_.size();
    open_ifs_.pop_back();
    CidrRule rule;
    rule.kind = CidrRule::Kind::kEndif;
    rules_.push_back(std::move(rule));
  }

  std::string where_;
  const OpenContext& context_;
  int32_t line_ = 0;
  std::vector<CidrRule> rules_;
  std::vector<OpenIf> open_ifs_;
  std::string joined_;
};

}  // namespace

std::unique_ptr<Table> open_cidr_table(std::string_view spec, std::string_view name,
                                       const OpenContext& context) {
  name = trim(name);
  CidrBuilder builder(name, context);
  const std::string problem =
      read_rules(name, "\"cidr:{ {pattern result}, ... }\"", context,
                 [&](std::string_view rule, int32_t line) { builder.add(rule, line); });
  if (!problem.empty()) return unavailable_table(spec, problem, context);
  return std::make_unique<CidrTable>(std::string(spec), builder.finish());
}

}  // namespace barid::lookup
