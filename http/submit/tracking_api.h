// What recipients' programs ask for: the pixel of an email (GET /t/o/{token}) and its links
// (GET /t/c/{token}). Whatever becomes of the event, the recipient gets what was asked for.
// Layer: http. Shard-owned.
#pragma once

#include <string>

#include "http/exchange.h"
#include "http/router.h"
#include "http/submit/email_api.h"
#include "http/submit/tracking.h"

namespace barid::http {

class TrackingApi {
 public:
  /// All outlive it.
  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    FateRecorder& fates;
    RequestLedger& ledger;
    const StoreDirectory& stores;
    SubmitHost& host;
    const std::string& key;  ///< of the installation
  };
  TrackingApi(const Env& env, std::string base_url)
      : env_(env), links_(std::move(base_url), env.key) {}

  void add_routes(Router& router);
  void reload(std::string base_url) { links_ = TrackingLinks(std::move(base_url), env_.key); }

 private:
  rt::Task<void> open(Exchange& exchange);
  rt::Task<void> click(Exchange& exchange);
  [[nodiscard]] std::optional<TrackedLink> link_of(Exchange& exchange, TrackedAct act) const;
  rt::Task<void> record(Exchange& exchange, const TrackedLink& link);

  Env env_;
  TrackingLinks links_;
};

}  // namespace barid::http
