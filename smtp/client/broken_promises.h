// Domains whose mail hosts did not keep the TLS promise that this mail needs (a policy of
// smtp_tls_policy_maps or MTA-STS). Others share the hosts, so these are not told to be dead; the
// domain's own mail waits here, without a connection for each message and attempt.
// Layer: smtp/client. Shard-owned.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/mail/envelope.h"

namespace barid::smtp {

class BrokenPromises {
 public:
  /// So many sessions in a row must have failed: a single one may have had another cause.
  static constexpr uint32_t kFailuresMin = 3;
  static constexpr size_t kPromisesMax = 1000;

  struct Broken {
    uint32_t failures_count = 0;
    MonoTime until{};
    uint64_t revival = 0;
    DsnCode dsn;
    std::string text;  ///< why
  };
  /// Null: mail may be tried. `key` names next hop and promise; `revival`: how often all that was
  /// taken for dead was given another chance (a flush).
  [[nodiscard]] const Broken* find(const std::string& key, MonoTime now,
                                   uint64_t revival) const noexcept;
  /// All servers were tried, and the promise is what failed. Mail waits for `backoff`.
  void note_failure(const std::string& key, Broken what, MonoTime now);
  void note_success(const std::string& key) noexcept;
  /// The settings have changed.
  void clear() noexcept { broken_.clear(); }

 private:
  std::map<std::string, Broken> broken_;
};

}  // namespace barid::smtp
