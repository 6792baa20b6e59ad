// A message as header fields and body, without copying: for signatures, which need every field.
// Source: RFC 5322 2.1, 2.2 (fields, folding). Only CR LF ends a line.
// Layer:  core/mail, pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace barid {

/// One field as it stands, folds and CRLF included.
struct HeaderField {
  std::string_view whole;
  std::string_view name;  ///< as written, without blanks at its end; empty = no field, but a line
  /// Behind the colon, with folds and CRLF.
  [[nodiscard]] std::string_view body() const noexcept {
    return whole.substr(std::min(whole.find(':'), whole.size() - 1) + 1);
  }
};

struct MessageParts {
  std::string_view header;   ///< all fields, each with its CRLF but perhaps the last
  uint64_t body_offset = 0;  ///< from the start of the message
};

/// Where the header of the message in `spans` ends. It is copied into `scratch` only if it lies in
/// more than one span; both must outlive the result.
[[nodiscard]] MessageParts split_message(std::span<const std::string_view> spans,
                                         std::string* scratch);

/// The fields of a header, in order.
[[nodiscard]] std::vector<HeaderField> split_header(std::string_view header);

/// The domain of the first address in a From field's body: lower case, without comments and the
/// dot at its end. Empty if there is none, or an address literal.
[[nodiscard]] std::string first_domain(std::string_view body);

}  // namespace barid
