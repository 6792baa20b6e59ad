#include "smtp/client/final_failure.h"

#include <utility>

namespace barid::smtp {

FinalFailure final_failure(RouteEnd end) {
  FinalFailure result{.outcome = std::move(end.last), .warning = {}};
  Outcome& outcome = result.outcome;
  if (outcome.disposition != Disposition::kFailed) return result;
  if (end.at_fallback || end.is_relayhost) {
    result.warning = std::string(end.at_fallback ? "smtp_fallback_relay" : "relayhost") +
                     " configuration problem";
    outcome.dsn = {4, 3, 5};
  } else if (end.soft_seen) {
    outcome.dsn = {4, 4, 4};
  } else {
    return result;
  }
  outcome.disposition = Disposition::kDeferred;
  return result;
}

Outcome final_word(Outcome own, const Outcome& route_failure) {
  const bool only_refused = own.disposition == Disposition::kFailed &&
                            route_failure.disposition == Disposition::kDeferred;
  return only_refused ? route_failure : std::move(own);
}

}  // namespace barid::smtp
