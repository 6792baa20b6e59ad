// What all shards of a process must agree on about requests: which idempotency keys are being
// worked on, and how fast each API key may go.
// Layer: http. Any thread; asked twice a keyed request, once a limited one, never a message.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <mutex>
#include <string>

#include "core/base/time.h"

namespace barid::http {

class RequestLedger {
 public:
  /// False: another request with that key is not answered yet.
  [[nodiscard]] bool begin(const std::string& key);
  void end(const std::string& key);

  struct Rate {
    uint32_t limit = 0;          ///< a second
    uint32_t remaining = 0;      ///< of this second
    uint32_t reset_seconds = 1;  ///< until something is allowed again
    bool allowed = false;
  };
  /// Takes `amount` of `key`'s budget of `limit` a second (a burst of one second's worth). It is
  /// allowed while anything is left; what was taken beyond is owed by the seconds to come.
  [[nodiscard]] Rate take(const std::string& key, uint32_t limit, MonoTime now,
                          uint32_t amount = 1);

 private:
  static constexpr size_t kBudgetsMax = 100'000;
  struct Budget {
    MonoTime second{};
    uint64_t used = 0;
  };
  std::mutex mutex_;
  absl::flat_hash_set<std::string> running_;
  absl::flat_hash_map<std::string, Budget> budgets_;
};

}  // namespace barid::http
