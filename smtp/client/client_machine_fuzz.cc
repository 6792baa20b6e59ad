// Properties (machine_model.h): against arbitrary server bytes, segmentation and write progress,
// every recipient offered gets exactly one result and no content is touched after it was given
// back.
#include <cstddef>
#include <cstdint>

#include "smtp/client/machine_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  barid::smtp::run_hostile({data, size});
  return 0;
}
