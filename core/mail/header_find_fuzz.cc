// Finding a field in any content: what is found holds no line end, and stands in the header. The
// first line of the input is the field's name.
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "core/mail/header_find.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), size);
  const std::string_view name = input.substr(0, end);
  const std::string_view content = input.substr(std::min(size, end + 1));
  const std::string found = barid::find_header(content, name);
  BARID_ASSERT(found.find('\n') == std::string::npos);
  BARID_ASSERT(found.size() <= content.size());
  // What stands behind the header changes nothing.
  if (const size_t body = content.find("\r\n\r\n"); body != std::string_view::npos) {
    const std::string header(content.substr(0, body + 4));
    BARID_ASSERT(barid::find_header(header, name) == found);
    BARID_ASSERT(barid::find_header(header + "X: y\r\n", name) == found);
  }
  return 0;
}
