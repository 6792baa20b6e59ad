// Property: whole input = byte by byte = any segmentation: same content, same end, same flags
// (a server whose reading depends on segments can be made to smuggle). The first byte seeds the
// segmentation.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/base/rng.h"
#include "smtp/proto/dot_decoder.h"

using namespace barid;
using namespace barid::smtp;

namespace {

struct Decoded {
  std::string content;
  size_t used = 0;
  bool finished = false;
  bool bare_newline = false;
  bool operator==(const Decoded&) const = default;
};

template <typename NextLength>
Decoded decode(std::string_view input, NextLength next_length) {
  DotDecoder decoder;
  Decoded out;
  while (!input.empty() && !decoder.finished()) {
    const std::string_view piece = input.substr(0, next_length(input.size()));
    const size_t used =
        decoder.feed(piece, [&out](std::string_view span) { out.content.append(span); });
    BARID_ASSERT(used == piece.size() || decoder.finished());
    out.used += used;
    input.remove_prefix(used);
  }
  out.finished = decoder.finished();
  out.bare_newline = decoder.bare_newline();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Rng rng(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = decode(bytes, [](size_t left) { return left; });
  BARID_ASSERT(decode(bytes, [](size_t) { return size_t{1}; }) == whole);
  BARID_ASSERT(decode(bytes, [&rng](size_t left) {
                 return 1 + static_cast<size_t>(rng.below(std::min<size_t>(left, 7)));
               }) == whole);
  if (whole.finished) {
    const std::string_view used = bytes.substr(0, whole.used);
    BARID_ASSERT(used == ".\r\n" || used.ends_with("\r\n.\r\n"));
  } else {
    BARID_ASSERT(bytes.find("\r\n.\r\n") == std::string_view::npos && !bytes.starts_with(".\r\n"));
  }
  return 0;
}
