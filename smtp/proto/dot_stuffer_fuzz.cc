// Properties: a strict receiver gets the content back, with CRLF at its end, and sees the end of
// data exactly at the end; unless the scan warned, so does a receiver that takes bare CR or LF for
// line ends; lines are broken where a plain reading of the rule breaks them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.h"
#include "smtp/proto/dot_stuffer.h"

namespace {

using barid::smtp::DotStuffer;
using barid::smtp::scan_content;

/// Undoes the encoding as RFC 5321 4.5.2 says; asserts that the end comes at the end.
std::string decode_strictly(std::string_view wire) {
  std::string out;
  while (true) {
    const size_t end = wire.find("\r\n");
    BARID_ASSERT(end != std::string_view::npos);
    std::string_view line = wire.substr(0, end + 2);
    wire.remove_prefix(end + 2);
    if (line == ".\r\n") {
      BARID_ASSERT(wire.empty());
      return out;
    }
    if (line.front() == '.') line.remove_prefix(1);
    out += line;
  }
}

/// Where a receiver that takes CR, LF and CRLF for line ends sees a lone dot.
bool lenient_end_is_last(std::string_view wire) {
  bool at_start = true;
  for (size_t i = 0; i < wire.size(); ++i) {
    const bool line_end_next = i + 1 < wire.size() && (wire[i + 1] == '\r' || wire[i + 1] == '\n');
    if (at_start && wire[i] == '.' && line_end_next) return i + 3 == wire.size();
    at_start = wire[i] == '\r' || wire[i] == '\n';
  }
  return false;
}

std::string encode(const std::vector<std::string_view>& content, uint32_t limit,
                   size_t pieces_max) {
  DotStuffer stuffer(content, scan_content(content, limit), limit);
  std::string wire;
  std::vector<iovec> pieces(pieces_max);
  while (!stuffer.done()) {
    const size_t count = stuffer.next(pieces);
    for (size_t i = 0; i < count; ++i) {
      BARID_ASSERT(pieces[i].iov_len > 0);
      wire.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    }
  }
  return wire;
}

/// The line breaking, done the plain way: `text` ends with CRLF.
std::string break_lines(std::string_view text, size_t limit) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    size_t room = limit;
    while (line.size() > room) {
      out += line.substr(0, room);
      out += "\r\n ";
      line.remove_prefix(room);
      room = limit - 1;
    }
    out += line;
    out += "\r\n";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const std::string_view content(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t a = content.empty() ? 0 : data[0] % (content.size() + 1);
  const size_t b = content.empty() ? 0 : a + data[1] % (content.size() - a + 1);
  const std::vector<std::string_view> spans = {content.substr(0, a), content.substr(a, b - a),
                                               content.substr(b)};
  const uint32_t limit = data[2] % 12 == 0 ? 0 : 1 + data[2] % 12;

  const bool ends_line = content.empty() || content.ends_with("\r\n");
  const std::string expected = std::string(content) + (ends_line ? "" : "\r\n");
  const std::string exact = encode(spans, 0, 3);
  BARID_ASSERT(decode_strictly(exact) == expected);
  BARID_ASSERT(encode({content}, 0, 64) == exact);

  const auto scan = scan_content(spans, limit);
  if (!scan.lenient_end) BARID_ASSERT(lenient_end_is_last(exact));

  const std::string broken = encode(spans, limit, 4);
  BARID_ASSERT(encode({content}, limit, 1) == broken);
  if (!scan.lenient_end) BARID_ASSERT(lenient_end_is_last(broken));
  if (!scan.long_lines) BARID_ASSERT(broken == exact);
  const std::string decoded = decode_strictly(broken);
  BARID_ASSERT(decoded == (limit == 0 ? expected : break_lines(expected, limit == 1 ? 2 : limit)));
  return 0;
}
