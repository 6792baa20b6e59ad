// `$name` expansion of main.cf values: lazy, recursive, independent of the order of definitions.
// Forms: $name ${name} $(name) ${name?text} ${name:text} ${name?{a}:{b}} ${{l} op {r}?{a}:{b}}
// ${function{argument}} and $$. Blanks around {…} are ignored.
// Layer: core/config, pure. Ends on every input: loops, depth, work and output size are bounded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace barid::config {

/// Where names get their unexpanded values.
class NameSource {
 public:
  virtual ~NameSource() = default;
  /// The unexpanded value, which outlives the expansion; nullopt for an undefined name.
  [[nodiscard]] virtual std::optional<std::string_view> find_value(std::string_view name) const = 0;
  /// A domain in its ASCII form, for ${domain_to_ascii{…}}; nullopt when it has none.
  [[nodiscard]] virtual std::optional<std::string> domain_to_ascii(
      std::string_view domain) const = 0;
};

struct Expansion {
  std::string text;                ///< the result; empty on error
  std::string error;               ///< empty when it worked
  std::vector<std::string> names;  ///< every name that was looked at, in order of first use
  [[nodiscard]] bool ok() const noexcept { return error.empty(); }
};

/// Expands `text`. Undefined names are empty. Errors: a loop, broken syntax, an unknown function, a
/// bad level, or a result above 1 MiB.
[[nodiscard]] Expansion expand(std::string_view text, const NameSource& source);

/// Expands `$name` itself, so that a value which refers to its own name is a loop.
[[nodiscard]] Expansion expand_name(std::string_view name, const NameSource& source);

/// Every name that `text` refers to, at any depth of its own syntax, whatever branch is taken.
[[nodiscard]] std::vector<std::string_view> referenced_names(std::string_view text);

}  // namespace barid::config
