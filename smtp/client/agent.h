// The SMTP and LMTP delivery agent: turns leases into connections, tries the servers of a route in
// order, and reports every recipient.
//
// One lease = one connection at a time, kept open while the lease lasts and used for all
// destinations of its site. A connection is closed before the next one of its lease is made, and
// before the lease is given back: the site never sees more of them than were granted. Its messages
// are pipelined; recipients that a server left for the next one are carried over; what was not
// attempted goes back to the queue. Layer: smtp/client. Shard-owned.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "dns/router.h"
#include "policy/arc_sealer.h"
#include "policy/dkim_signer.h"
#include "policy/egress_pools.h"
#include "policy/warmup_counts.h"
#include "shard/schedule/dispatcher.h"
#include "smtp/client/broken_promises.h"
#include "smtp/client/session.h"
#include "smtp/client/settings.h"
#include "smtp/client/sts_policies.h"
#include "smtp/proto/dialogue_tap.h"
#include "smtp/proto/transcript_sink.h"

namespace barid::smtp {

/// Where an agent gets contents from: the queue manager.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  virtual rt::Task<Result<ContentRef>> content_of(queue::Message& message) = 0;
};

/// 8-bit content for servers without 8BITMIME. Implemented by core/mail.
class ContentConverter {
 public:
  virtual ~ContentConverter() = default;
  /// A 7-bit version of `content`, or null if it cannot be converted.
  [[nodiscard]] virtual ContentRef to_7bit(const Content& content) const = 0;
};

struct AgentEnv {
  rt::Reactor& reactor;
  dns::Resolver& resolver;
  ContentSource& contents;
  const ContentConverter& converter;
  Log& log;
  Counters& counters;
  uint32_t& next_log_pid;                  ///< shard-wide sequence
  policy::WarmupCounts& warmup;            ///< of the process
  policy::DkimSigner* signer = nullptr;    ///< null: nothing is signed
  policy::ArcSealer* sealer = nullptr;     ///< null: nothing is sealed
  StsPolicies* sts = nullptr;              ///< null: no MTA-STS
  TlsReportCounts* tls_reports = nullptr;  ///< null: nothing is counted
  DialogueTap* tap = nullptr;              ///< null: nobody can watch
  rt::Offload* offload = nullptr;          ///< null: logins cost the shard what they cost
  TranscriptSink* transcripts = nullptr;   ///< null: nobody hears of sessions that went wrong
};

class SmtpAgent final : public schedule::Agent {
 public:
  SmtpAgent(const AgentEnv& env, ClientSettings settings);
  ~SmtpAgent() override;

  rt::Task<void> deliver(schedule::Lease& lease) override;
  rt::Task<schedule::SiteAnswer> find_site(const schedule::Route& route) override;

  /// New settings for connections made from now on; sessions under way keep theirs.
  void set_settings(ClientSettings settings);

  /// A server whose handshake fails: for a while mail that may go in clear does so at once.
  static constexpr size_t kBrokenTlsMax = 1000;
  static constexpr Duration kBrokenTlsMemory = std::chrono::minutes(10);

 private:
  friend class DeliveryRun;  // delivery_run.cc: one lease's work

  AgentEnv env_;
  std::shared_ptr<const ClientSettings> settings_;
  policy::EgressTurns turns_;
  std::map<std::string, MonoTime> broken_tls_;  ///< address and port: until when
  BrokenPromises broken_promises_;
};

}  // namespace barid::smtp
