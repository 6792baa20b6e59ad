// How many connections each client has and how much it did lately, over all shards: the counters
// behind smtpd_client_connection_count_limit and the smtpd_client_*_rate_limit parameters.
// Source: Postfix's anvil(8): a window of fixed length that begins with its first event.
// Layer: smtp/server. Any thread. Asked once per connection, and per command only where a rate is
// limited, hence a plain mutex.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>

#include "core/base/time.h"

namespace barid::smtp {

enum class ClientEvent : uint8_t { kConnection, kMessage, kRecipient, kTlsSession, kLogin };

class ClientTable {
 public:
  /// Clients that are remembered; more are not counted, which lets them in.
  static constexpr size_t kClientsMax = 100'000;

  /// Counts one more connection; returns how many the client has now.
  uint32_t enter(const std::string& client);
  void leave(const std::string& client);
  /// Counts an event; returns how many of its kind the client's window of length `unit` has now.
  uint32_t count(const std::string& client, ClientEvent event, MonoTime now, Duration unit);

  /// How many events of that kind the client's window has now.
  [[nodiscard]] uint32_t rate(const std::string& client, ClientEvent event, MonoTime now);

  /// Clients that are remembered now.
  [[nodiscard]] size_t size();

 private:
  struct Entry {
    uint32_t connections = 0;
    std::array<uint32_t, 5> events{};  ///< by ClientEvent
    MonoTime window_end{};
  };
  Entry* find_or_add(const std::string& client);
  void sweep(MonoTime now, Duration unit);

  std::mutex mutex_;
  absl::flat_hash_map<std::string, Entry> clients_;
  MonoTime next_sweep_{};
};

}  // namespace barid::smtp
