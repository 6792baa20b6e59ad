// Idempotency-Key over SMTP, with the keys of the HTTP API.
// Layer: tools. Shard-owned.
#pragma once

#include "http/submit/email_api.h"
#include "smtp/server/once_only.h"

namespace barid::tools {

class SmtpOnce final : public smtp::OnceOnly {
 public:
  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    http::FateRecorder& fates;
    http::RequestLedger& ledger;
    const http::StoreDirectory& stores;
  };
  explicit SmtpOnce(const Env& env) : env_(env) {}

  rt::Task<Answer> begin(const Claim& claim) override;
  void keep(queue::Partition& partition, const Claim& claim, std::string_view queue_id) override;
  void end(const queue::Partition& partition, const Claim& claim) override;

 private:
  Env env_;
};

}  // namespace barid::tools
