// The own address that a connection leaves from, and what a warm-up plan lets it send there.
// Layer: smtp/client. Shard-owned.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/time.h"
#include "policy/egress_pools.h"
#include "policy/warmup_counts.h"
#include "shard/net/socket_address.h"
#include "smtp/client/settings.h"

namespace barid::smtp {

/// Of one connection. Counts each message of a warming address before it is offered.
class EgressSource {
 public:
  EgressSource() = default;  ///< any address
  explicit EgressSource(const net::SocketAddress& address) : address_(address) {}
  /// Of a pool; `site`: the hosts that it is counted for.
  EgressSource(const policy::EgressAddress& own, policy::WarmupCounts& counts, std::string site);
  EgressSource(EgressSource&& other) noexcept;
  EgressSource& operator=(EgressSource&&) = delete;
  ~EgressSource() { release(); }

  /// Null: any.
  [[nodiscard]] const net::SocketAddress* address() const noexcept {
    return address_ ? &*address_ : nullptr;
  }
  [[nodiscard]] bool from_pool() const noexcept { return counts_ != nullptr; }

  /// Reserves the right to one message. False: the plan of the day is used up.
  [[nodiscard]] bool hold(WallTime now);
  /// The reserved message is sent.
  void spend() noexcept { held_.reset(); }
  /// It is not.
  void release();
  /// hold() said no.
  [[nodiscard]] bool spent() const noexcept { return spent_; }

 private:
  std::optional<net::SocketAddress> address_;
  policy::WarmupCounts* counts_ = nullptr;
  std::optional<policy::WarmupPlan> plan_;
  std::string text_;
  std::string site_;
  std::optional<policy::Day> held_;
  bool spent_ = false;
};

struct EgressChoice {
  std::optional<EgressSource> source;  ///< none: no connection may be made,
  bool spent = false;                  ///< because all plans of the day are used up;
  std::string problem;                 ///< else because of this
};

/// For a connection to a server of family `family` (AF_…). `pool` empty: the transport's addresses.
[[nodiscard]] EgressChoice choose_egress(const ClientSettings& settings, std::string_view pool,
                                         std::string_view site, int family,
                                         policy::EgressTurns& turns, policy::WarmupCounts& counts,
                                         WallTime now);

}  // namespace barid::smtp
