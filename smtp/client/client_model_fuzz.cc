// Properties (machine_model.h): against a strict, moody server over a connection that cuts
// anywhere, what the client reports about each recipient is true.
#include <cstddef>
#include <cstdint>

#include "smtp/client/machine_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  barid::smtp::run_model({data, size});
  return 0;
}
