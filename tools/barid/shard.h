// One shard, wired: the only place where concrete back ends, stores, resolvers and agents meet.
// The object is made by the main thread; everything in Inside lives on the shard's own thread.
// Layer: tools.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "core/obs/timings.h"
#include "http/connection.h"
#include "http/submit/suppression_book.h"
#include "http/submit/tracking_api.h"
#include "http/webhook/webhook_api.h"
#include "policy/warmup_counts.h"
#include "shard/queue/rocks_store.h"
#include "shard/runtime/mesh.h"
#include "shard/runtime/offload.h"
#include "shard/schedule/queue_manager.h"
#include "shard/schedule/suspensions.h"
#include "shard/schedule/views.h"
#include "smtp/client/tls_report_counts.h"
#include "smtp/server/client_table.h"
#include "tools/barid/dialogue_watch.h"
#include "tools/barid/flight_file.h"
#include "tools/barid/settings.h"
#include "tools/barid/sts_store.h"
#include "tools/barid/suspension_file.h"

namespace barid::tools {

class HttpSite;
class Shard;

/// What all shards of a process share. Outlives them.
struct ShardCommons {
  const ProcessSettings& process;
  rt::Mesh& mesh;
  rt::OffloadPool& offload;
  smtp::ClientTable& clients;
  const StsStore& sts_store;
  smtp::TlsReportCounts& tls_reports;
  net::TlsTicketKeys& tickets;
  policy::WarmupCounts& warmup;
  std::atomic<uint32_t>& log_pids;
  SuspensionFile& suspension_file;
  const std::vector<Shard*>& shards;   ///< all of them, before the first one runs
  const http::StoreDirectory& stores;  ///< of all shards
  http::RequestLedger& ledger;
  http::EndpointList& endpoints;
  http::EventFloors& event_floors;
  queue::IdHorizon& id_horizon;
  http::WebhookWorker& webhooks;
  http::SuppressionFilter& suppressions;
  const std::string& tracking_key;
};

/// A partition given to a shard at start.
struct OpenedPartition {
  uint16_t number = 0;
  std::unique_ptr<queue::RocksStore> store;
  std::unique_ptr<FlightFile> flights;  ///< null: it cannot be made
};

class Shard {
 public:
  Shard(uint16_t index, const ShardCommons& commons, LogBuffer& log_buffer, LogFormat log_format,
        std::vector<OpenedPartition> partitions, ShardSettings settings);
  ~Shard();

  /// On the shard's thread: sets up and reports through started(), then serves until stop().
  void run();

  // --- any thread
  /// Blocks until run() has set up. Empty, or why this shard cannot serve.
  [[nodiscard]] std::string wait_started();
  /// Runs `action` on the shard's thread with its insides.
  struct Inside;
  void post(std::function<void(Inside&)> action);

 private:
  class Inbox;
  [[nodiscard]] std::string set_up();
  void tear_down();

  const uint16_t index_;
  ShardCommons commons_;
  LogBuffer& log_buffer_;
  LogFormat log_format_;
  std::vector<OpenedPartition> partitions_;
  ShardSettings settings_;
  std::unique_ptr<Inside> inside_;
  std::unique_ptr<Inbox> inbox_;
  std::atomic<int> started_{0};  // 0 not yet, 1 done
  std::string start_problem_;
};

/// What a shard says about itself.
struct ShardStatus {
  std::string io_backend;
  std::string io_fallback_reason;
  uint32_t sessions = 0;
  uint32_t deliveries = 0;
  size_t active_messages = 0;
  std::optional<uint64_t> queued_messages;  ///< nullopt: they are still being counted
  uint64_t content_memory_bytes = 0;
  uint64_t cpu_micros = 0;  ///< processor time of its thread so far
  bool recovering = false;
  std::string refusal;  ///< why new mail is turned away; empty = it is taken
  Counters counters;
  Timings timings{};
};

// Actions for post(); each runs on the shard's thread.
void shard_reload(Shard::Inside& inside, ShardSettings settings);
/// No new mail: sessions end as they do at shard_stop(), deliveries go on. For good.
void shard_drain(Shard::Inside& inside);
/// Starts the orderly end: no new mail, open transactions finish, everything is stored, then run()
/// returns.
void shard_stop(Shard::Inside& inside);
/// Why new mail is turned away now, as an SMTP reply; empty = it is taken.
[[nodiscard]] std::string_view shard_refusal(Shard::Inside& inside);
[[nodiscard]] ShardStatus shard_status(Shard::Inside& inside);
[[nodiscard]] std::vector<QueueId> shard_active_ids(Shard::Inside& inside);
[[nodiscard]] std::vector<const queue::Store*> shard_stores(Shard::Inside& inside);
void shard_log(Shard::Inside& inside, LogSeverity severity, std::string_view text);
void shard_log_note(Shard::Inside& inside, const LogNote& note);
[[nodiscard]] std::vector<schedule::DestinationView> shard_destinations(Shard::Inside& inside);
/// What the homes of sites know: a site's name (schedule::Site::name()) and present window.
struct SiteWindow {
  std::string site;
  uint32_t window = 0;
};
[[nodiscard]] std::vector<SiteWindow> shard_site_windows(Shard::Inside& inside);
/// What operators suspended. A version is never below an earlier one's; older ones are ignored.
struct ShardSuspensions {
  schedule::Suspensions list;
  uint64_t version = 0;
};
[[nodiscard]] const ShardSuspensions& shard_suspensions(Shard::Inside& inside);
void shard_set_suspensions(Shard::Inside& inside, ShardSuspensions suspensions);
[[nodiscard]] const ProcessSettings& shard_process(Shard::Inside& inside);
[[nodiscard]] const AdminFacts& shard_admin_facts(Shard::Inside& inside);
[[nodiscard]] SuspensionFile& shard_suspension_file(Shard::Inside& inside);
[[nodiscard]] const schedule::Router& shard_router(Shard::Inside& inside);
[[nodiscard]] const policy::DestinationPolicy& shard_site_rules(Shard::Inside& inside);
/// Null: there is no such transport.
[[nodiscard]] const SettingOrigins* shard_setting_origins(Shard::Inside& inside,
                                                          const std::string& transport);
[[nodiscard]] schedule::QueueManager& shard_queue(Shard::Inside& inside);
[[nodiscard]] rt::Reactor& shard_reactor(Shard::Inside& inside);
[[nodiscard]] DialogueWatch& shard_dialogues(Shard::Inside& inside);
/// It ends: what would go on for long is to end too.
[[nodiscard]] bool shard_stopping(const Shard::Inside& inside);
/// How often it was given other settings since the start.
[[nodiscard]] uint32_t shard_reloads(Shard::Inside& inside);
[[nodiscard]] rt::Offload& shard_offload(Shard::Inside& inside);
/// The shard that is the receiver of a mesh message.
[[nodiscard]] Shard::Inside& shard_of(void* receiver);
[[nodiscard]] rt::Mesh::Port& shard_port(Shard::Inside& inside);
[[nodiscard]] http::ServiceEnv shard_http_env(Shard::Inside& inside, rt::StopSource& stop);
[[nodiscard]] http::EmailApiEnv shard_email_env(Shard::Inside& inside, http::SubmitHost& host,
                                                http::Admission& admission);
[[nodiscard]] http::TrackingApi::Env shard_tracking_env(Shard::Inside& inside,
                                                        http::SubmitHost& host);
[[nodiscard]] http::WebhookApi::Env shard_webhook_env(Shard::Inside& inside, http::SubmitHost& host,
                                                      http::Admission& admission);
[[nodiscard]] http::SuppressionBook::Env shard_suppression_env(Shard::Inside& inside,
                                                               http::SubmitHost& host);
/// What the shard serves over HTTP; from set-up until it stops.
[[nodiscard]] HttpSite& shard_http(Shard::Inside& inside);
[[nodiscard]] http::RequestLedger& shard_ledger(Shard::Inside& inside);
[[nodiscard]] http::WebhookWorker& shard_webhooks(Shard::Inside& inside);
/// Makes the changes on the shard that has the order's partition. kOk: on disk; kUnavailable.
rt::Task<Code> shard_carry_out(Shard::Inside& inside, http::FateRecorder::Order& order);
/// False: the partition is not this shard's.
[[nodiscard]] bool shard_start_order(Shard::Inside& inside, http::FateRecorder::Order& order);
/// An entry of Family::kWebhooks; an empty value erases it.
void shard_save_webhook(Shard::Inside& inside, uint16_t partition, std::string key,
                        std::string value);
[[nodiscard]] std::atomic<uint32_t>& shard_log_pids(Shard::Inside& inside);
/// Something that lives on the shard until it stops; destroyed before the reactor.
class ShardGuest {
 public:
  virtual ~ShardGuest() = default;
  /// The shard stops: end by the deadline. False if something still runs, which is then abandoned
  /// with the process.
  virtual rt::Task<bool> close(MonoTime deadline) = 0;
};
void shard_adopt_guest(Shard::Inside& inside, std::unique_ptr<ShardGuest> guest);

}  // namespace barid::tools
