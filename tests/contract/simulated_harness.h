// The harness of the simulated network: virtual time, no system calls.
#pragma once

#include <memory>

#include "tests/contract/io_harness.h"

namespace barid::contract {

[[nodiscard]] std::unique_ptr<IoHarness> make_simulated_harness();

}  // namespace barid::contract
