// The agent of the transports error, retry and discard: every recipient gets the outcome that the
// next hop's text says. No connection, no content.
// Layer: deliver. Shard-owned.
#pragma once

#include "core/obs/log.h"
#include "policy/status_filter.h"
#include "shard/schedule/dispatcher.h"

namespace barid {

class TextAgent final : public schedule::Agent {
 public:
  enum class Kind : uint8_t { kError, kRetry, kDiscard };
  TextAgent(Kind kind, rt::Reactor& reactor, Log& log)
      : kind_(kind), reactor_(reactor), log_(log) {}

  /// default_delivery_status_filter; null = none. Must outlive the agent or the next call.
  void set_status_filter(const policy::StatusFilter* filter) noexcept { status_filter_ = filter; }

  rt::Task<void> deliver(schedule::Lease& lease) override;

 private:
  [[nodiscard]] Outcome outcome_for(const schedule::Job& job) const;

  Kind kind_;
  rt::Reactor& reactor_;
  Log& log_;
  const policy::StatusFilter* status_filter_ = nullptr;
};

}  // namespace barid
