// How many connections each client has, over all shards (smtpd_client_connection_count_limit).
// Asked once per connection, never per message, hence a plain mutex.
// Layer: smtp/server. Any thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <mutex>
#include <string>

namespace barid::smtp {

class ClientTable {
 public:
  /// Counts one more connection; returns how many the client has now.
  uint32_t enter(const std::string& client) {
    const std::lock_guard lock(mutex_);
    return ++counts_[client];
  }
  void leave(const std::string& client) {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(client);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
  }

 private:
  std::mutex mutex_;
  absl::flat_hash_map<std::string, uint32_t> counts_;
};

}  // namespace barid::smtp
