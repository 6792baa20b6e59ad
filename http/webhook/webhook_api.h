// POST, GET, PATCH and DELETE /webhooks, and POST /webhooks/{id}/replay; all tenants' for
// operators. An endpoint is in the partition that its id names; an answer comes after the sync that
// holds the change. Layer: http. Shard-owned.
#pragma once

#include <memory>
#include <string>

#include "http/router.h"
#include "http/submit/email_api.h"
#include "http/webhook/worker.h"

namespace barid::http {

class WebhookApi {
 public:
  struct Env {
    rt::Reactor& reactor;
    schedule::QueueManager& queue;
    Admission& admission;
    SubmitHost& host;
    EndpointList& endpoints;
    WebhookWorker& worker;
  };
  WebhookApi(const Env& env, AddressPolicy policy) : env_(env), policy_(std::move(policy)) {}

  void add_routes(Router& router);
  /// For operators: all tenants' webhooks, behind a guard of the router's.
  void add_admin_routes(Router& router);
  void reload(AddressPolicy policy) { policy_ = std::move(policy); }

 private:
  rt::Task<void> create(Exchange& exchange);
  rt::Task<void> list(Exchange& exchange);
  rt::Task<void> show(Exchange& exchange);
  rt::Task<void> update(Exchange& exchange);
  rt::Task<void> remove(Exchange& exchange);
  rt::Task<void> replay(Exchange& exchange);

  rt::Task<void> list_all(Exchange& exchange);
  rt::Task<void> replay_any(Exchange& exchange);

  /// Orders what the body asks for, and answers.
  rt::Task<void> start_replay(Exchange& exchange, Endpoint endpoint);
  /// The endpoint that the path names, or an answer that says why there is none.
  rt::Task<bool> find(Exchange& exchange, Endpoint* endpoint);
  /// On disk, then known to the worker; answers itself if that fails.
  rt::Task<bool> store(Exchange& exchange, const Endpoint& endpoint, EndpointChange change);

  Env env_;
  AddressPolicy policy_;
};

}  // namespace barid::http
