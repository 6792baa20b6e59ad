// Property: whole input = byte by byte = random pieces (segmentation never changes meaning), what
// is held stays within its bounds, and no request follows a refusal.
#include <cstdint>

#include "core/base/assert.h"
#include "core/base/rng.h"
#include "http/reader_harness.h"

using namespace barid;
using namespace barid::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view wire(reinterpret_cast<const char*>(data), size);
  ReaderHarness whole(4096);
  whole.run(wire, size);
  ReaderHarness single(4096);
  single.run(wire, 1);
  BARID_ASSERT(whole.refused == single.refused);
  BARID_ASSERT(whole.requests_count == single.requests_count);
  BARID_ASSERT(whole.log == single.log);
  Rng rng(size);
  ReaderHarness pieces(4096);
  pieces.run(wire, 1 + rng.below(40));
  BARID_ASSERT(whole.log == pieces.log);
  return 0;
}
