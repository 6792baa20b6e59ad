// Properties: a conversion is of 7-bit bytes only and converts to itself; how the message is split
// into blocks does not matter.
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/mail/seven_bit.h"
#include "core/text/ascii.h"

using namespace barid;

namespace {

std::string bytes_of(const Content& content) {
  std::string bytes;
  for (const std::string_view span : content.spans()) bytes += span;
  return bytes;
}

ContentRef convert(std::string_view bytes) {
  const ContentRef content = ContentRef::make();
  content->append(bytes);
  return to_seven_bit(*content);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const ContentRef once = convert(bytes);
  if (once) {
    const std::string seven_bit = bytes_of(*once);
    BARID_ASSERT(text::is_ascii(seven_bit));
    const ContentRef twice = convert(seven_bit);
    BARID_ASSERT(twice && bytes_of(*twice) == seven_bit);
  }
  // A header field of 8 kB less half of the message moves the block's end into its midst.
  const std::string filler =
      "X: " + std::string(Content::kFirstBlockBytes - 5 - size % 4000 / 2, 'x') + "\r\n";
  if (size < 4000 && !bytes.starts_with("From ") && !bytes.starts_with(' ') &&
      !bytes.starts_with('\t')) {
    const ContentRef shifted = convert(filler + bytes);
    BARID_ASSERT(static_cast<bool>(shifted) == static_cast<bool>(once));
    if (shifted) BARID_ASSERT(bytes_of(*shifted) == filler + bytes_of(*once));
  }
  return 0;
}
