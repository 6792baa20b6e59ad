#include "shard/runtime/waker.h"

#include "shard/runtime/io.h"

namespace barid::rt {

void Waker::notify() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeping_.load(std::memory_order_relaxed) &&
      sleeping_.exchange(false, std::memory_order_relaxed)) {
    io_.wake();
  }
}

}  // namespace barid::rt
