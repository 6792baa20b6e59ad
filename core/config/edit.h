// Editing main.cf and master.cf in place: comments, order and everything not named stay as they
// are. The text functions are pure; rewrite_file() replaces a file atomically. Layer: core/config.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/config/master_cf.h"

namespace barid::config {

enum class EditKind : uint8_t {
  kSet,      ///< `name = value`, in place of every entry that there is, else at the end
  kRemove,   ///< the entry and its continuation lines
  kComment,  ///< the same, kept behind `#`
};

/// One argument of an edit command, taken apart; `error` is empty when it is good.
struct EditArgument {
  std::string name;
  std::string value;
  std::string error;
};
/// `name = value` for kSet, a bare name for the others. Refuses newlines and comments.
[[nodiscard]] EditArgument parse_edit_argument(EditKind kind, std::string_view argument);

struct Edited {
  std::string text;
  std::vector<std::string> warnings;  ///< without file name
};

/// Applies `edits` (names unique) to the text of main.cf. New entries come last, sorted by name.
[[nodiscard]] Edited edit_main_cf(std::string_view contents, EditKind kind,
                                  std::span<const EditArgument> edits);

/// A change of one master.cf entry.
struct ServiceEdit {
  std::string name;
  std::string type;
  std::string line;  ///< the new entry, formatted; unused for kRemove and kComment
};
/// Applies `edits` to the text of master.cf: entries that exist are replaced, others added at the
/// end.
[[nodiscard]] Edited edit_master_cf(std::string_view contents, EditKind kind,
                                    std::span<const ServiceEdit> edits);

/// Folded puts each -o on its own line and wraps the rest near 80 columns.
enum class Folding : uint8_t { kOneLine, kFolded };
/// What becomes of the value of an -o when it is shown; empty = it stays as it is.
using ExpandValue = std::function<std::string(const std::string& value)>;

/// `name=value`, or `{name=value}` where the value has blanks.
[[nodiscard]] std::string format_override(std::string_view name, std::string_view value);
/// `smtpd -o a=b`; folding counts from column `indent`.
[[nodiscard]] std::string format_command(const ServiceEntry& entry, Folding folding,
                                         const ExpandValue& expand = {}, size_t indent = 0);
/// `smtp  inet  n  -  n  -  -  smtpd -o a=b`, columns aligned.
[[nodiscard]] std::string format_service(const ServiceEntry& entry, Folding folding,
                                         const ExpandValue& expand = {});

/// Sets `-o name=value` of an entry: in place of the last such option, else behind the other
/// options.
void set_override(ServiceEntry& entry, std::string_view name, std::string_view value);
/// Takes every `-o name=…` away; false if there was none.
bool remove_override(ServiceEntry& entry, std::string_view name);

/// Writes `contents` beside `path` (or beside what a symbolic link points to), syncs it and renames
/// it over the file, keeping mode and, as far as allowed, owner. Blocks. On error the file is
/// unchanged.
[[nodiscard]] Status rewrite_file(const std::string& path, std::string_view contents);

}  // namespace barid::config
