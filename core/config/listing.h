// How settings are printed: `name = value` with blanks normalised, folded, or as a JSON object.
// Layer: core/config, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::config {

struct ListingStyle {
  bool fold = false;  ///< wrap near 80 columns, continuation lines start with four blanks
  bool hide_name = false;
  bool hide_value = false;
  bool json = false;  ///< {"name": "value"}
};

/// A value as it may be shown: of tables that hold passwords and stand in the value itself
/// (`inline:{…}`, `static:…`) only the type.
[[nodiscard]] std::string without_secrets(std::string_view name, std::string_view value);

/// One setting, newline included, without secrets.
[[nodiscard]] std::string format_setting(std::string_view name, std::string_view value,
                                         const ListingStyle& style);

}  // namespace barid::config
