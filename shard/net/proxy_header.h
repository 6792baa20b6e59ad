// What a load balancer says about the client whose connection it passes on.
// Source: HAProxy's "The PROXY protocol", versions 1 and 2 (sections 2.1 and 2.2).
// Layer:  shard/net; parse_proxy_header() is pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "shard/net/socket_address.h"
#include "shard/net/stream.h"
#include "shard/runtime/task.h"

namespace barid::net {

struct ProxyHeader {
  bool is_local = false;  ///< a connection of the balancer's own, e.g. a health check
  SocketAddress source;   ///< the client; meaningless if local
};

enum class ProxyParse : uint8_t {
  kNeedMore,   ///< so far it could be one
  kDone,       ///< `consumed` bytes are the header
  kMalformed,  ///< it is none, or too long, or about something that is no TCP
};

/// The longest header that is read: version 1's 107 bytes, and version 2 with generous extensions.
inline constexpr size_t kProxyHeaderBytesMax = 4096;

[[nodiscard]] ProxyParse parse_proxy_header(std::string_view input, ProxyHeader* header,
                                            size_t* consumed);

/// Reads the header, which must come first, and takes its client for the stream's peer. False: no
/// valid header by `deadline`; the connection is good for nothing.
[[nodiscard]] rt::Task<bool> take_proxy_header(Stream& stream, MonoTime deadline);

}  // namespace barid::net
