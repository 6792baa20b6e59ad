// Any bytes as a message: no crash, and the bounds hold.
#include <cstdlib>
#include <string_view>

#include "http/submit/mime_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parts = barid::http::read_mime_parts({reinterpret_cast<const char*>(data), size});
  if (parts.size() > barid::http::kMimePartsMax) std::abort();
  for (const auto& part : parts) {
    if (part.content.size() > barid::http::kMimePartBytesMax) std::abort();
  }
  const auto fields = barid::http::read_mime_fields({reinterpret_cast<const char*>(data), size});
  if (fields.size() > barid::http::kMimeFieldsMax) std::abort();
  return 0;
}
