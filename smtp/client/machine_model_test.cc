// Goal: whatever the server's mood and wherever the connection breaks, reports are true.
// Method: seeded random scenarios of machine_model.h, which asserts; a failure prints the seed.
#include "smtp/client/machine_model.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/rng.h"

namespace barid::smtp {
namespace {

std::vector<uint8_t> scenario(uint64_t seed) {
  Rng rng(seed);
  std::vector<uint8_t> bytes(100 + rng.below(1500));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.next());
  return bytes;
}

TEST(ClientModel, ReportsAreTrue) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    run_model(scenario(seed));
  }
}

TEST(ClientModel, HostileServer) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) run_hostile(scenario(seed));
}

}  // namespace
}  // namespace barid::smtp
