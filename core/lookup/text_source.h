// The text that tables are made of: `key value` lines of postmap(1), `key: value` of aliases(5).
// Layer: core/lookup, pure.
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/lookup/table.h"

namespace barid::lookup {

enum class TextFormat : uint8_t {
  kTable,    ///< `key value`; blanks between double quotes belong to the key, the quotes too
  kAliases,  ///< `key: value`, blanks around the colon as one likes; quotes are taken off
};

/// Gives `add` each entry in order, the key as it is written. Lines without key or value are
/// warned about with `path` and their number, and left out.
void read_text_source(
    std::string_view content, std::string_view path, TextFormat format, const OpenContext& context,
    absl::FunctionRef<void(std::string key, std::string_view value, int32_t line)> add);

}  // namespace barid::lookup
