// Handlers of the admin API (`/admin/v1/…`). Every command that needs the running server is a
// client of them; they are served on the control socket and by httpd services with the role
// `admin`.
//
//   the queue               tools/barid/admin_queue.h, admin_suspensions.h
//   the console's           tools/barid/admin_overview.h
//   submissions             tools/barid/admin_emails.h
//   the mailbox of dev      tools/barid/mailbox_api.h
//   GET  /admin/v1/shape    how mail for a domain is scheduled (tools/barid/shape_api.h)
//   GET  /admin/v1/status   one JSON object
//   POST /admin/v1/drain    stop accepting, keep delivering
//   POST /admin/v1/reload   as SIGHUP
//   POST /admin/v1/stop     as SIGTERM
//
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include <vector>

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/admin_emails.h"
#include "tools/barid/admin_overview.h"
#include "tools/barid/admin_queue.h"
#include "tools/barid/admin_settings.h"
#include "tools/barid/admin_suspensions.h"
#include "tools/barid/mailbox_api.h"
#include "tools/barid/shape_api.h"
#include "tools/barid/shard_gather.h"
#include "tools/barid/trace_api.h"

namespace barid::tools {

class AdminApi {
 public:
  /// `shards` outlive the object.
  AdminApi(Shard::Inside& inside, std::vector<Shard*> shards)
      : inside_(inside),
        shards_(shards),
        queue_(inside),
        suspensions_(inside),
        settings_(inside),
        shape_(inside),
        trace_(inside),
        overview_(inside),
        mailbox_(inside),
        emails_(inside) {}

  void add_routes(http::Router& router);

 private:
  rt::Task<void> show_status(http::Exchange& exchange);
  rt::Task<void> drain(http::Exchange& exchange);
  rt::Task<void> reload(http::Exchange& exchange);
  rt::Task<void> stop(http::Exchange& exchange);

  Shard::Inside& inside_;
  std::vector<Shard*> shards_;
  AdminQueue queue_;
  AdminSuspensions suspensions_;
  AdminSettings settings_;
  ShapeApi shape_;
  TraceApi trace_;
  AdminOverview overview_;
  MailboxApi mailbox_;
  AdminEmails emails_;
};

}  // namespace barid::tools
