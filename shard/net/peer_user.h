// Who is at the other end of a unix socket.
// Source: unix(7), SO_PEERCRED.
// Layer:  shard/net.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace barid::net {

/// The user id of the process that connected; nullopt if `fd` is no connected unix socket.
[[nodiscard]] std::optional<uint32_t> peer_user(int fd) noexcept;

/// The login name of a user, or its number if nobody has it. Blocks: the system may ask a network.
[[nodiscard]] std::string user_name(uint32_t uid);

}  // namespace barid::net
