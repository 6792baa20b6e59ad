// The socket calls that both kernel back ends share.
// Layer: shard/runtime.
#pragma once

#include "shard/runtime/io.h"

namespace barid::rt {

[[nodiscard]] Result<int> kernel_open_listener(const net::SocketAddress& address,
                                               const ListenOptions& options, int type_flags);
[[nodiscard]] Result<int> kernel_open_socket(int family, const net::SocketAddress* source,
                                             int type_flags);
[[nodiscard]] net::SocketAddress kernel_local_address(int fd);
[[nodiscard]] net::SocketAddress kernel_peer_address(int fd);

/// The most vectors that one sendmsg takes (UIO_MAXIOV).
inline constexpr size_t kVectorsPerCallMax = 1024;

/// Drops `bytes` and then empty vectors from the front of a gather list, in place.
void advance_vectors(SendOp& op, size_t bytes) noexcept;

}  // namespace barid::rt
