// The header and the leaves of a MIME message, decoded, within bounds: foreign mail may be
// anything. Source: RFC 2045, 2046. The parser is GMime. Layer:  http. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace barid::http {

inline constexpr size_t kMimePartsMax = 100;
inline constexpr size_t kMimeDepthMax = 20;
inline constexpr size_t kMimePartBytesMax = 4u << 20;

struct MimePart {
  std::string type;  ///< lower case, e.g. "text/plain"
  bool attached = false;
  std::string filename = {};    ///< empty = none
  std::string content_id = {};  ///< without brackets; empty = none
  std::string
      content;  ///< decoded; text in UTF-8 with LF at line ends. Of an embedded message: its header
};

/// In the order of the message.
[[nodiscard]] std::vector<MimePart> read_mime_parts(std::string_view message);

inline constexpr size_t kMimeFieldsMax = 300;
inline constexpr size_t kMimeFieldBytesMax = 8192;

struct MimeField {
  std::string name;
  std::string value;  ///< unfolded, encoded words decoded, UTF-8 as far as the message has it
};
/// The fields of a message's header, in their order.
[[nodiscard]] std::vector<MimeField> read_mime_fields(std::string_view message);

}  // namespace barid::http
