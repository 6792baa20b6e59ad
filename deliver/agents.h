// The agents that need no connection: `error:`, `retry:` and `discard:` turn the next hop's text
// into the outcome of every recipient routed to them.
// Source: Postfix's error(8) and discard(8): next hop `[x.y.z ]text`; RFC 3463.
// Layer:  deliver, pure.
#pragma once

#include <string_view>

#include "core/mail/envelope.h"

namespace barid {

/// Fails: status of the text if its class is 5, else 5.0.0.
[[nodiscard]] Outcome error_outcome(std::string_view next_hop);
/// Defers: status of the text if its class is 4, else 4.0.0.
[[nodiscard]] Outcome retry_outcome(std::string_view next_hop);
/// Delivers to nowhere, with 2.0.0 (or the text's status if its class is 2).
[[nodiscard]] Outcome discard_outcome(std::string_view next_hop);

}  // namespace barid
