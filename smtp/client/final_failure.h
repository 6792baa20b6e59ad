// What becomes of recipients whom no server of a route took: the last failure, unless it would
// bounce mail although some server was only unavailable, or for a fault of our own configuration.
// Source: RFC 3463 (status codes); the rules of smtp(8) for relayhost and smtp_fallback_relay.
// Layer:  smtp/client, pure.
#pragma once

#include <string>

#include "core/mail/envelope.h"

namespace barid::smtp {

/// How going through the servers ended.
struct RouteEnd {
  Outcome last;               ///< the last failure that was met
  bool soft_seen = false;     ///< some earlier failure was temporary
  bool at_fallback = false;   ///< `last` is a smtp_fallback_relay's
  bool is_relayhost = false;  ///< the next hop is relayhost
};

struct FinalFailure {
  Outcome outcome;
  std::string warning;  ///< for the log; empty if there is nothing to warn of
};

[[nodiscard]] FinalFailure final_failure(RouteEnd end);

/// The outcome of a recipient that some server had left for the next one. Its own word stands,
/// unless that is a refusal and a server that might have thought otherwise was unavailable.
[[nodiscard]] Outcome final_word(Outcome own, const Outcome& route_failure);

}  // namespace barid::smtp
