// What the table types share while they open. Private to core/lookup.
// Layer: core/lookup; opening reads files.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/lookup/table.h"

namespace barid::lookup {

/// The stand-in for a table that cannot be used; warns `<spec> is unavailable. <reason>`.
[[nodiscard]] std::unique_ptr<Table> unavailable_table(std::string_view spec,
                                                       std::string_view reason,
                                                       const OpenContext& context);

/// Gives `add` the rules of a table that keeps their order, with their line numbers: those of the
/// file `name`, or those written out as `{ {rule}, {rule} }`, of which `example` is one. Not empty:
/// why there are none.
[[nodiscard]] std::string read_rules(std::string_view name, std::string_view example,
                                     const OpenContext& context,
                                     absl::FunctionRef<void(std::string_view, int32_t)> add);

/// `cidr:/file` or `cidr:{ {rule}, {rule} }`; `name` is what follows the colon.
[[nodiscard]] std::unique_ptr<Table> open_cidr_table(std::string_view spec, std::string_view name,
                                                     const OpenContext& context);

/// `pcre:/file`, `pcre:{ {rule}, {rule} }`, and the same for regexp.
[[nodiscard]] std::unique_ptr<Table> open_pcre_table(std::string_view spec, std::string_view name,
                                                     const OpenContext& context);
[[nodiscard]] std::unique_ptr<Table> open_regexp_table(std::string_view spec, std::string_view name,
                                                       const OpenContext& context);

}  // namespace barid::lookup
