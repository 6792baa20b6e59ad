// The epoll back end, for kernels and containers that refuse io_uring. Same contract: operations
// are queued when submitted, tried and completed only inside turn().
// Edge-triggered, one epoll_ctl per descriptor; a short write or an EAGAIN waits for the next edge.
// Layer: shard/runtime. Used on the shard's own thread.
#pragma once

#include <memory>

#include "shard/runtime/io.h"

namespace barid::rt {

/// Errors: the errno of epoll_create1 or eventfd.
[[nodiscard]] Result<std::unique_ptr<Io>> make_epoll_backend();

}  // namespace barid::rt
