// Chooses the I/O back end at start by trying it (architecture: containers often forbid io_uring).
// Layer: shard/runtime.
#pragma once

#include <memory>
#include <string>

#include "shard/runtime/io.h"

namespace barid::rt {

enum class IoChoice : uint8_t { kAuto, kUring, kEpoll };

struct SelectedIo {
  std::unique_ptr<Io> io;
  std::string fallback_reason;  ///< why io_uring was not taken under kAuto; empty if it was
};

/// kAuto falls back to epoll on EPERM, ENOSYS, EACCES, ENOMEM, EINVAL (and a ring that does not
/// answer a NOP); kUring fails instead. Call on the thread that will own the back end.
[[nodiscard]] Result<SelectedIo> select_io(IoChoice choice);

}  // namespace barid::rt
