// The agent of the transports error, retry and discard: every recipient gets the outcome that the
// next hop's text says. No connection, no content.
// Layer: deliver. Shard-owned.
#pragma once

#include "shard/schedule/dispatcher.h"

namespace barid {

class TextAgent final : public schedule::Agent {
 public:
  enum class Kind : uint8_t { kError, kRetry, kDiscard };
  explicit TextAgent(Kind kind, rt::Reactor& reactor) : kind_(kind), reactor_(reactor) {}

  rt::Task<void> deliver(schedule::Lease& lease) override;

 private:
  [[nodiscard]] Outcome outcome_for(std::string_view next_hop) const;
  Kind kind_;
  rt::Reactor& reactor_;
};

}  // namespace barid
