// What a shard is made of, for its own source files: shard.cc sets it up, runs it and takes it
// down; shard_actions.cc answers what others ask of it.
// Layer: tools. Shard-owned.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/mail/seven_bit.h"
#include "deliver/queue_notices.h"
#include "deliver/session_notices.h"
#include "deliver/text_agent.h"
#include "dns/native_host_lookup.h"
#include "dns/unbound_resolver.h"
#include "http/feedback/agent.h"
#include "http/submit/suppression_gate.h"
#include "shard/queue/partition.h"
#include "shard/runtime/clock.h"
#include "shard/schedule/queue_manager.h"
#include "shard/schedule/queue_operation.h"
#include "smtp/client/agent.h"
#include "smtp/server/service.h"
#include "tools/barid/http_site.h"
#include "tools/barid/shard.h"
#include "tools/barid/smtp_once.h"
#include "tools/barid/tls_reporter.h"

namespace barid::tools {

/// The router of the present configuration: the queue manager's reference stays valid over a
/// reload.
class CurrentRouter final : public schedule::Router {
 public:
  void set(std::unique_ptr<policy::TransportRouter> router) { router_ = std::move(router); }
  schedule::Route route(const Envelope& envelope, const Recipient& recipient) const override {
    return router_->route(envelope, recipient);
  }

 private:
  std::unique_ptr<policy::TransportRouter> router_;
};

/// For servers without 8BITMIME.
class SevenBitConverter final : public smtp::ContentConverter {
 public:
  ContentRef to_7bit(const Content& content) const override { return to_seven_bit(content); }
};

struct Shard::Inside final : schedule::GovernorHost,
                             private rt::TurnHook,
                             private smtp::ContentSource,
                             private http::FeedbackHost,
                             private smtp::DomainFlusher {
  Inside(Shard& owner, std::unique_ptr<rt::Io> backend)
      : shard(owner),
        io(std::move(backend)),
        reactor(clock, *io, 0x9e3779b97f4a7c15u + owner.index_),
        port(owner.commons_.mesh, owner.index_, reactor,
             static_cast<schedule::GovernorHost*>(this)),
        governors(reactor, &port),
        offload(reactor, owner.commons_.offload),
        signer(reactor, offload, counters),
        log(owner.log_format_, owner.log_buffer_),
        queue({.reactor = reactor,
               .offload = offload,
               .log = log,
               .counters = counters,
               .router = router,
               .notices = notices,
               .governors = &governors,
               .timings = &timings}),
        session_notices(reactor, queue, log),
        dialogues(reactor),
        native_lookup(offload),
        error_agent(TextAgent::Kind::kError, reactor, log),
        retry_agent(TextAgent::Kind::kRetry, reactor, log),
        discard_agent(TextAgent::Kind::kDiscard, reactor, log),
        fates({.reactor = reactor,
               .log = log,
               .counters = counters,
               .timings = timings,
               .listener = owner.commons_.webhooks,
               .suppressions = owner.commons_.suppressions}),
        gate({.reactor = reactor,
              .offload = offload,
              .filter = owner.commons_.suppressions,
              .stores = owner.commons_.stores}),
        sweeper(reactor, offload, fates, owner.commons_.event_floors),
        once({.reactor = reactor,
              .offload = offload,
              .fates = fates,
              .ledger = owner.commons_.ledger,
              .stores = owner.commons_.stores}),
        feedback_agent({.reactor = reactor,
                        .offload = offload,
                        .fates = fates,
                        .queue = queue,
                        .stores = owner.commons_.stores,
                        .host = *this}),
        scope(reactor) {
    // Distinct over all shards: log readers group a delivery's lines by it.
    log_pid = uint32_t{owner.index_} * 10'000'000;
    reactor.add_turn_hook(*this);
    log.set_time(reactor.wall_now());
  }
  ~Inside() override { reactor.remove_turn_hook(*this); }

  void on_turn_begin() override { log.set_time(reactor.wall_now()); }
  /// The turn's changes become a group, the turn's lines go to the writer.
  void on_turn_end() override {
    for (const OpenedPartition& partition : shard.partitions_) partition.store->seal();
    log.publish();
  }
  rt::Task<Result<ContentRef>> content_of(queue::Message& message) override {
    return queue.content_of(message);
  }
  rt::Task<Code> carry_out(http::FateRecorder::Order& order) override {
    return shard_carry_out(*this, order);
  }
  schedule::GovernorLink& governor_link() override { return governors; }

  const ShardCommons& commons() const noexcept { return shard.commons_; }
  std::atomic<uint32_t>& log_pids() noexcept { return shard.commons_.log_pids; }
  /// Of agents without connections.
  void set_status_filter(std::unique_ptr<const policy::StatusFilter> filter) {
    for (TextAgent* agent : {&error_agent, &retry_agent, &discard_agent}) {
      agent->set_status_filter(filter.get());
    }
    status_filter = std::move(filter);
  }
  void apply_transports(std::vector<TransportSettings> transports,
                        std::unique_ptr<policy::DestinationPolicy> rules);
  std::string open_partition(const OpenedPartition& opened);
  std::string open_service(const ListenSettings& listen);
  void apply_services(const std::vector<ListenSettings>& listeners);
  rt::Task<void> stop();
  rt::Task<void> end_sessions(MonoTime deadline);
  bool flush_domain(std::string_view domain) override;
  bool start_flush(const std::string& domain);
  void start_reporter(TlsReportSettings settings);

  Shard& shard;
  rt::SystemClock clock;
  std::unique_ptr<rt::Io> io;
  rt::Reactor reactor;
  rt::Mesh::Port port;
  schedule::GovernorLink governors;
  rt::ShardOffload offload;
  Counters counters;
  Timings timings{};
  policy::DkimSigner signer;
  Log log;
  rt::StopSource sessions_stop;
  rt::StopSource sessions_cut;
  CurrentRouter router;
  QueueNotices notices;
  SevenBitConverter converter;
  std::unique_ptr<policy::DestinationPolicy> site_rules;
  std::map<std::string, SettingOrigins> setting_origins;  ///< by transport
  schedule::QueueManager queue;
  std::vector<std::unique_ptr<queue::Partition>> partitions;
  std::unique_ptr<dns::UnboundResolver> resolver;
  std::unique_ptr<smtp::StsPolicies> sts;
  std::unique_ptr<policy::ArcSealer> sealer;
  SessionNotices session_notices;
  DialogueWatch dialogues;
  dns::NativeHostLookup native_lookup;
  std::unique_ptr<const policy::StatusFilter> status_filter;
  TextAgent error_agent;
  TextAgent retry_agent;
  TextAgent discard_agent;
  std::vector<std::pair<std::string, std::unique_ptr<smtp::SmtpAgent>>> smtp_agents;
  std::vector<std::pair<std::string, std::unique_ptr<smtp::SmtpService>>> services;
  std::vector<std::unique_ptr<ShardGuest>> guests;
  http::FateRecorder fates;
  http::SuppressionGate gate;
  http::Sweeper sweeper;
  SmtpOnce once;
  http::FeedbackAgent feedback_agent;
  rt::Scope scope;
  AdminFacts admin;
  ShardSuspensions suspensions;
  SuspensionFile& suspension_file = shard.commons_.suspension_file;
  std::string io_fallback_reason;
  uint32_t log_pid = 0;
  uint32_t handshakes_count = 0;    ///< TLS with clients, under way
  HttpSite* http = nullptr;         ///< one of the guests, until they end
  TlsReporter* reporter = nullptr;  ///< likewise; on the first shard
  /// ETRN's: under way, or over and not forgotten yet.
  std::vector<std::pair<std::string, std::unique_ptr<schedule::QueueOperation>>> flushes;
  uint32_t reloads = 0;
  bool draining = false;
  bool stopping = false;
  bool ended_cleanly = true;  // every session and delivery was over in time
};

}  // namespace barid::tools
