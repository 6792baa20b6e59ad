// Request targets: path segments and query, decoded once and strictly.
// Source: RFC 9112 3.2 (request-target), RFC 3986 2.1 (percent-encoding), 3.3, 3.4, 5.2.4.
// Layer:  http, pure; callable from any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace barid::http {

struct Target {
  std::vector<std::string> segments;  ///< "/a/b" -> a, b; "/" -> none; "/a/" -> a, ""
  std::vector<std::pair<std::string, std::string>> query;

  /// The value of the first query parameter of that name, or null.
  [[nodiscard]] const std::string* find_query(std::string_view name) const noexcept;
};

/// Parses origin-form, or absolute-form whose authority is dropped. Dot segments, encoded slashes,
/// controls, malformed escapes and invalid UTF-8 are kMalformed: nobody needs them to name a
/// resource, and everybody who sends them looks for one that is not theirs.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

}  // namespace barid::http
