// The suppression list at the time of an attempt: mail that waited (scheduled, deferred) may be for
// somebody who has bounced or complained since, and mail that came by SMTP was not compared with
// the list before.
// Layer: http. Shard-owned.
#pragma once

#include <vector>

#include "http/submit/email_api.h"

namespace barid::http {

class SuppressionGate final : public schedule::RecipientGate {
 public:
  /// All outlive it.
  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    const SuppressionFilter& filter;
    const StoreDirectory& stores;
  };
  explicit SuppressionGate(const Env& env) : env_(env) {}

  [[nodiscard]] bool may_refuse(const queue::Message& message, bool just_accepted) const override;
  /// Errors: kUnavailable, kTimeout and those of the store.
  rt::Task<Result<std::vector<uint32_t>>> find_refused(const queue::Message& message) override;

 private:
  Env env_;
};

}  // namespace barid::http
