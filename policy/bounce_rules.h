// From what a server said to the class of a bounce: rules in order, the first that matches decides.
// Source: RFC 3463 (enhanced codes); rules as in pcre_table(5).
// Layer:  policy. Shard-owned (a pattern serves one thread at a time).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/pattern.h"
#include "core/lookup/table.h"
#include "core/mail/bounce_class.h"
#include "core/mail/envelope.h"

namespace barid::policy {

class BounceRules {
 public:
  /// `value` of bounce_class_maps: files, each `pcre:PATH` or PATH, before the built-in rules.
  /// Problems go to `context`, with file and line.
  BounceRules(std::string_view value, const lookup::OpenContext& context);

  [[nodiscard]] BounceClass classify(const DsnCode& dsn, std::string_view text) const;
  /// The rules that are asked last, as their file has them.
  [[nodiscard]] static std::string_view built_in_text() noexcept;

 private:
  struct Rule {
    lookup::Pattern pattern;
    BounceClass value;
  };
  void read(std::string_view text, std::string_view name, const lookup::OpenContext& context);

  std::vector<Rule> rules_;
};

}  // namespace barid::policy
