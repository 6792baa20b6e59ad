// Sends the reports on TLS of the days that are over: to where _smtp._tls.DOMAIN says, by mail or
// by HTTPS. One for the process; lives on the first shard.
// Source: RFC 8460 3 (record), 5.3 (mail), 5.4 (HTTPS), 5.5 (tries for a day).
// Layer:  tools. Shard-owned.
#pragma once

#include <string>
#include <vector>

#include "core/obs/log.h"
#include "dns/resolver.h"
#include "dns/tls_report_record.h"
#include "http/webhook/address_policy.h"
#include "shard/runtime/event.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"
#include "smtp/client/tls_report_counts.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class TlsReporter final : public ShardGuest {
 public:
  struct Env {
    rt::Reactor& reactor;
    rt::Offload& offload;
    dns::Resolver& resolver;
    schedule::QueueManager& queue;
    Log& log;
    smtp::TlsReportCounts& counts;
  };

  TlsReporter(const Env& env, TlsReportSettings settings)
      : env_(env), settings_(std::move(settings)), stop_(env.reactor), scope_(env.reactor) {}

  void start() { scope_.spawn(run()); }
  void set(TlsReportSettings settings) { settings_ = std::move(settings); }
  rt::Task<bool> close(MonoTime deadline) override;

 private:
  rt::Task<void> run();
  rt::Task<void> send(smtp::DueTlsReport due);
  /// The places of the domain's record, as URIs; false: it cannot be asked now.
  rt::Task<bool> find_targets(smtp::DueTlsReport* due);
  [[nodiscard]] TlsReport report_of(const smtp::DueTlsReport& due) const;
  /// True: on disk, in the queue.
  rt::Task<bool> mail(smtp::DueTlsReport due, std::string to);
  /// True: the host took it, or never will.
  rt::Task<bool> post(smtp::DueTlsReport due, std::string url);
  rt::Task<std::string> addresses_of(std::string url);
  void note(LogSeverity severity, const std::string& text);

  Env env_;
  TlsReportSettings settings_;
  rt::Event stop_;
  rt::Scope scope_;
  bool stopping_ = false;
};

}  // namespace barid::tools
