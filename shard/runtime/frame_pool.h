// Coroutine frames from a thread-local size-class free list: a steady session allocates nothing.
// Under sanitizers it is plain malloc, or use-after-free would hide.
// Layer: shard/runtime. A frame is freed on the thread that allocated it (tasks never migrate).
#pragma once

#include <cstddef>

namespace barid::rt {

[[nodiscard]] void* frame_pool_allocate(size_t bytes);
void frame_pool_free(void* frame, size_t bytes) noexcept;

/// Gives this thread's cached frames back to the allocator; for shard shutdown.
void frame_pool_trim() noexcept;

}  // namespace barid::rt
