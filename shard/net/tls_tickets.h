// The keys that session tickets are sealed with: the same on every shard, so that a client may
// resume wherever its next connection lands, and renewed with time, so that a stolen key opens
// little.
// Source: RFC 5077 5.5 (ticket key management), RFC 8446 4.6.1.
// Layer:  shard/net. Any thread; a mutex, taken once or twice a handshake.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/base/time.h"

namespace barid::net {

struct TlsTicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> cipher_key;
  std::array<unsigned char, 32> mac_key;
  WallTime made{};
};

class TlsTicketKeys {
 public:
  /// A key seals for `lifetime` and opens for as long again.
  explicit TlsTicketKeys(Duration lifetime = std::chrono::hours(1)) : lifetime_(lifetime) {}

  /// The key to seal new tickets with.
  [[nodiscard]] TlsTicketKey sealing(WallTime now);
  struct Found {
    TlsTicketKey key;
    bool renew = false;  ///< it seals no more: the client should get a new ticket
  };
  /// The key of that name, if it still opens.
  [[nodiscard]] std::optional<Found> opening(const unsigned char* name, WallTime now);

 private:
  void rotate(WallTime now);

  const Duration lifetime_;
  std::mutex mutex_;
  std::optional<TlsTicketKey> current_;
  std::optional<TlsTicketKey> previous_;
};

}  // namespace barid::net
