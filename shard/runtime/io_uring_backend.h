// The io_uring back end: one ring per shard, SINGLE_ISSUER and DEFER_TASKRUN where the kernel has
// them, multishot accept/receive/poll, receive into a ring of provided buffers, one
// io_uring_enter per turn for everything that the turn submitted.
// Needs Linux 5.19 (provided buffer rings); multishot receive is used from 6.0.
// Layer: shard/runtime. Created, used and destroyed on the shard's own thread.
#pragma once

#include <memory>

#include "shard/runtime/io.h"

namespace barid::rt {

struct UringOptions {
  uint32_t entries = 1024;
  uint32_t buffers_count = 128;  ///< power of two
  uint32_t buffer_bytes = 16 * 1024;
};

/// Errors: the errno of io_uring_setup or of the buffer registration; kUnsupported if a NOP does
/// not come back. The caller decides whether to fall back.
[[nodiscard]] Result<std::unique_ptr<Io>> make_uring_backend(const UringOptions& options = {});

}  // namespace barid::rt
