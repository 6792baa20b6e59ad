// What postcat prints: a message of the queue as the records of a Postfix queue file.
// Source: Postfix's postcat(1), record names and layout of its queue file format.
// Layer: tools, pure but for the local time zone.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::tools {

struct PostcatOptions {
  bool envelope = false;
  bool header = false;
  bool body = false;
  bool decimal_types = false;  ///< -d
  bool offsets = false;        ///< -o
  bool file_names = false;     ///< -f: before each line
  bool text_names = false;     ///< -v: content lines get their record's name too
  uint64_t offset_min = 0;     ///< -s: records from there on

  bool operator==(const PostcatOptions&) const = default;
};

/// `message` is what the admin API says of it, `content` its content with either kind of line end.
/// Offsets are those in a Postfix queue file of the records that are shown.
/// Errors: kMalformed with the name of the field that `message` lacks.
[[nodiscard]] Result<std::string> postcat_text(std::string_view message, std::string_view content,
                                               const PostcatOptions& options);

}  // namespace barid::tools
