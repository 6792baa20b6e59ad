// What the dispatcher and delivery agents say to each other: routes, jobs, sites, outcomes. A lease
// (lease.h) is how an agent gets jobs. Layer: shard/schedule.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/mail/envelope.h"
#include "shard/queue/message.h"
#include "shard/runtime/task.h"
#include "shard/schedule/governor.h"

namespace barid::schedule {

class Destination;
struct Route;

/// One delivery request: some recipients of one message at one destination. Owned by whoever holds
/// it; its message outlives it.
struct Job {
  queue::Message* message = nullptr;
  absl::InlinedVector<uint32_t, 4> recipients;  ///< indices into the envelope, all pending
  MonoTime queued_at{};
  Destination* destination = nullptr;  ///< set by the dispatcher; outlives the job
  bool passed = false;                 ///< came from another transport by Lease::pass()
  uint32_t flight_mark = queue::FlightMarks::kNone;  ///< set by Lease::begin_flight()
  bool in_pace = false;  ///< counts as its transport's delivery under way

  [[nodiscard]] const Route& route() const noexcept;
  /// A job of the first `count` recipients, fewer than there are; the rest stay in this one.
  [[nodiscard]] Job split(size_t count);
};

/// Transport and next hop: what mail queues for (Postfix's destination key).
struct Route {
  std::string transport;  ///< master.cf service name
  std::string nexthop;    ///< as configured, or the recipient's domain in lower case
  /// With *_destination_recipient_limit = 1: the recipient's local part without extension, so that
  /// limits are per recipient. Else empty.
  std::string user = {};
  /// Egress pool that the mail asks for; empty = the site's. Pools share neither queue nor site.
  std::string pool = {};

  /// Part of the key under which deferred mail is filed in the store (shard/queue/queue_key.h).
  [[nodiscard]] std::string key() const {
    std::string key =
        user.empty() ? transport + ':' + nexthop : transport + ':' + user + '@' + nexthop;
    return pool.empty() ? key : key + '#' + pool;
  }
};

/// Where a route ends: what shares connections, limits and health.
struct SiteAnswer {
  std::string key;
  Duration valid_for = std::chrono::minutes(5);
};

class Lease;

/// Delivers over one kind of transport. Lives as long as the dispatcher.
class Agent {
 public:
  virtual ~Agent() = default;
  /// Takes jobs from the lease and reports every recipient of each. Ends when next() gives nothing
  /// and nothing is under way.
  virtual rt::Task<void> deliver(Lease& lease) = 0;
  /// The site of a route. Never fails: without an answer the route is its own site.
  virtual rt::Task<SiteAnswer> find_site(const Route& route) {
    co_return SiteAnswer{.key = route.key()};
  }
};

/// Told what agents found out.
class OutcomeSink {
 public:
  virtual ~OutcomeSink() = default;
  virtual void on_outcome(const Job& job, uint32_t recipient, const Outcome& outcome) = 0;
  /// All recipients of the job were reported.
  virtual void on_job_done(Job job) = 0;
  /// tell_when_low() was asked for, and most of the destination's jobs have left memory.
  virtual void on_destination_low(const std::string& destination_key) = 0;
  /// The job's site takes no mail before `until`: no attempt was made.
  virtual void on_job_suspended(Job job, const SiteTrouble& trouble, WallTime until) = 0;
};

}  // namespace barid::schedule
