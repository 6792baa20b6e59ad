// A numeric TCP endpoint. Names are not resolved: a benchmark must not measure a resolver.
// Layer: bench, pure apart from the socket helpers.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::bench {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;

  [[nodiscard]] uint16_t port() const noexcept;
  /// "127.0.0.1:2525" or "[::1]:2525".
  [[nodiscard]] std::string text() const;
};

/// Parses "127.0.0.1:2525", "[::1]:2525", "localhost:2525", ":2525" and "2525" (loopback).
/// Errors: kMalformed.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text) noexcept;

struct ListenOptions {
  bool share_port = false;     ///< SO_REUSEPORT: one socket per thread
  bool loopback_only = false;  ///< bound to the device lo: any 127/8 address with 0.0.0.0
  int backlog = 4096;
};
/// A non-blocking listening socket. Errors: those of socket(2), bind(2), listen(2).
[[nodiscard]] Result<int> listen_on(const Endpoint& endpoint,
                                    const ListenOptions& options) noexcept;
/// What the socket is bound to; the port is the real one when 0 was asked for.
[[nodiscard]] Endpoint local_endpoint(int fd) noexcept;

}  // namespace barid::bench
