#include "policy/bounce_rules.h"

#include <fmt/format.h>

#include "core/lookup/split.h"
#include "core/text/ascii.h"

namespace barid::policy {
namespace {

constexpr size_t kTextBytesMax = 2000;  // of what a server said

struct Line {
  std::string_view expression, flags, value;
};

/// `/expression/flags value`; a slash within is written `\/`.
bool split(std::string_view line, Line* parts) {
  if (!line.starts_with('/')) return false;
  size_t end = 1;
  while (end < line.size() && line[end] != '/') end += line[end] == '\\' ? 2 : 1;
  if (end >= line.size()) return false;
  parts->expression = line.substr(1, end - 1);
  std::string_view rest = line.substr(end + 1);
  const size_t blank = std::min(rest.find_first_of(" \t"), rest.size());
  parts->flags = rest.substr(0, blank);
  parts->value = lookup::trim(rest.substr(blank));
  return !parts->value.empty();
}

}  // namespace

BounceRules::BounceRules(std::string_view value, const lookup::OpenContext& context) {
  for (std::string_view file : lookup::split_list(value)) {
    if (file.starts_with("pcre:")) file.remove_prefix(5);
    const Result<std::string> text = context.read_file(std::string(file));
    if (text.ok()) {
      read(*text, file, context);
    } else {
      context.error(fmt::format("bounce_class_maps: {}: cannot be read", file));
    }
  }
  read(built_in_text(), "built-in rules", context);
}

void BounceRules::read(std::string_view text, std::string_view name,
                       const lookup::OpenContext& context) {
  size_t number = 0;
  const auto complain = [&](std::string_view what) {
    context.error(fmt::format("bounce_class_maps: {}, line {}: {}", name, number, what));
  };
  while (!text.empty()) {
    const size_t feed = std::min(text.find('\n'), text.size());
    const std::string_view line = lookup::trim(text.substr(0, feed));
    text.remove_prefix(std::min(feed + 1, text.size()));
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    Line parts;
    if (!split(line, &parts)) {
      complain("is no rule: /EXPRESSION/FLAGS CLASS");
      continue;
    }
    const auto value = find_bounce_class(parts.value);
    if (!value) {
      complain(fmt::format("\"{}\" is no bounce class", parts.value));
      continue;
    }
    std::string problem;
    lookup::Pattern pattern = lookup::Pattern::compile(parts.expression, parts.flags, &problem);
    if (!problem.empty()) {
      complain(problem);
      continue;
    }
    rules_.push_back({.pattern = std::move(pattern), .value = *value});
  }
}

BounceClass BounceRules::classify(const DsnCode& dsn, std::string_view text) const {
  const std::string subject = dsn.text() + ' ' + std::string(text.substr(0, kTextBytesMax));
  for (const Rule& rule : rules_) {
    if (rule.pattern.matches(subject)) return rule.value;
  }
  return BounceClass::kOther;
}

}  // namespace barid::policy
