// What one shard serves over HTTP: a listener for each httpd service of master.cf, with the routes
// of its roles.
// Layer: tools. Lives on its shard.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/console/console.h"
#include "http/openapi/openapi.h"
#include "http/service.h"
#include "http/shims/shim_api.h"
#include "http/submit/suppression_api.h"
#include "http/submit/tracking_api.h"
#include "http/webhook/webhook_api.h"
#include "tools/barid/admin_api.h"
#include "tools/barid/health_api.h"
#include "tools/barid/history_keeper.h"
#include "tools/barid/http_guards.h"

namespace barid::tools {

class HttpSite final : public ShardGuest, private http::SubmitHost {
 public:
  /// `shards` outlive the site.
  HttpSite(Shard::Inside& inside, std::vector<Shard*> shards);

  /// Empty, or why it cannot listen.
  [[nodiscard]] std::string open(std::vector<HttpListenSettings> listeners);
  /// New connections get new limits; addresses and roles need a restart.
  void reload(std::vector<HttpListenSettings> listeners);
  rt::Task<bool> close(MonoTime deadline) override;
  /// What happened lately is kept on one shard.
  void start_history() { history_.start(); }
  [[nodiscard]] const RateHistory& history() const noexcept { return history_.history(); }
  /// For operators, also on the control socket.
  void add_admin_routes(http::Router& router) { suppression_admin_.add_routes(router); }
  /// The submission API on the control socket: whoever reaches that is known by its permissions.
  void add_control_routes(http::Router& router);
  /// http_body_limit, for that.
  [[nodiscard]] uint64_t control_body_bytes_max() const noexcept { return control_body_bytes_max_; }

 private:
  struct Listening {
    std::string name;
    http::Router router;
    std::unique_ptr<http::Admission> admission;
    std::unique_ptr<http::EmailApi> emails;
    std::unique_ptr<http::ShimApi> shims;
    std::unique_ptr<http::WebhookApi> webhooks;
    std::unique_ptr<http::SuppressionApi> suppressions;
    std::unique_ptr<http::TrackingApi> tracking;
    std::unique_ptr<AdminGuard> admin_guard;        ///< where others than this host reach it
    std::unique_ptr<LocalGuard> local_admin_guard;  ///< elsewhere
    std::unique_ptr<LocalGuard> local_api_guard;    ///< elsewhere, of the submission API
    http::OpenApi description{router};
    std::unique_ptr<http::Service> service;
  };
  /// What the role api answers, without probes.
  static void add_api_routes(Listening& one, http::Router& router);
  void add_routes(Listening& one, const HttpListenSettings& listen);
  void add_guards(Listening& one, const HttpListenSettings& listen);
  [[nodiscard]] std::string_view refusal() const override { return shard_refusal(inside_); }
  rt::Task<Code> amend(schedule::QueueManager::Amendment& amendment) override;
  rt::Task<Code> carry_out(http::FateRecorder::Order& order) override;

  Shard::Inside& inside_;
  rt::Reactor& reactor_;
  rt::StopSource stop_;
  AdminApi admin_;
  HealthApi health_;
  http::Console console_;
  HistoryKeeper history_;
  http::SuppressionBook suppressions_;
  http::SuppressionAdmin suppression_admin_;
  std::vector<std::unique_ptr<Listening>> listening_;
  uint64_t control_body_bytes_max_ = 0;
};

}  // namespace barid::tools
