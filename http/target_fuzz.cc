// Property: what a target is read as says the same when it is written down and read again; nothing
// in it leads upwards, hides a slash or a control, or is no UTF-8.
#include <cstdint>

#include "core/base/assert.h"
#include "core/text/utf8.h"
#include "http/target.h"

using namespace barid;
using namespace barid::http;

namespace {

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

void check_text(std::string_view text) {
  BARID_ASSERT(text::is_valid_utf8(text));
  for (const char c : text) BARID_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Target> read = parse_target({reinterpret_cast<const char*>(data), size});
  if (!read.ok()) return 0;
  std::string written;
  for (const std::string& segment : read->segments) {
    check_text(segment);
    BARID_ASSERT(segment != "." && segment != ".." && segment.find('/') == std::string::npos);
    written += '/';
    append_escaped(written, segment);
  }
  if (read->segments.empty()) written = "/";
  // A path of one empty segment would be read as the root: no target is read so.
  BARID_ASSERT(read->segments.size() != 1 || !read->segments[0].empty());
  char separator = '?';
  for (const auto& [name, value] : read->query) {
    check_text(name);
    check_text(value);
    written += separator;
    separator = '&';
    append_escaped(written, name);
    written += '=';
    append_escaped(written, value);
  }
  const Result<Target> again = parse_target(written);
  BARID_ASSERT(again.ok());
  BARID_ASSERT(again->segments == read->segments);
  BARID_ASSERT(again->query == read->query);
  return 0;
}
