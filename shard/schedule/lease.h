// A lease: the right to one connection to a site, from the site's home shard. An agent holds it as
// long as its connection, working or idle, and gets jobs of any of the site's destinations from it.
//
// Work comes in turns. While other sites wait for the transport's concurrency, a lease's turn ends
// after kTurnJobs jobs; it then waits in next(), connection open, until its site's turn comes
// again. Layer: shard/schedule. Shard-owned; lives in the dispatcher's coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shard/runtime/event.h"
#include "shard/schedule/agent.h"

namespace barid::schedule {

class Dispatcher;
class Site;

/// Who works on a lease; asked when the process is about to end.
class LeaseHolder {
 public:
  /// Something was sent whose outcome is still to come: worth waiting for.
  [[nodiscard]] virtual bool delivering() const noexcept = 0;
  /// Nobody waits any more: nothing is to be sent from now on.
  virtual void give_up() noexcept = 0;

 protected:
  ~LeaseHolder() = default;
};

class Lease {
 public:
  /// Whether a finished job says something about the site's health.
  enum class Hop : uint8_t {
    kWorked,  ///< a connection served it, whatever was answered
    kNone,    ///< none was needed, or its failure was told by hop_failed()
  };

  Lease(Dispatcher& dispatcher, Site& site, rt::Reactor& reactor)
      : dispatcher_(dispatcher), site_(site), wake_(reactor) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] std::string_view site_key() const noexcept;
  /// The egress pool of its mail; empty = the transport's own addresses.
  [[nodiscard]] std::string_view pool() const noexcept;
  /// Messages after which the connection is to be closed; 0 = no limit of the site.
  [[nodiscard]] uint32_t messages_per_connection() const noexcept;

  /// Null again before it goes. A lease without a holder counts as delivering.
  void set_holder(LeaseHolder* holder) noexcept { holder_ = holder; }

  /// The next job if one may be started now.
  [[nodiscard]] std::optional<Job> take();
  /// As take(), but waits up to `patience` for work or for the next turn. Nothing: let go of the
  /// connection and end. Only when no job is under way.
  rt::Task<std::optional<Job>> next(Duration patience);

  /// What is written next may deliver the job: if the process dies before its outcome is on disk,
  /// it is in doubt. Again for the same job is nothing.
  static void begin_flight(Job& job) noexcept;
  void report(const Job& job, uint32_t recipient, const Outcome& outcome);
  void finish(Job job, Hop hop);
  /// The job was not attempted: it goes to the head of its queue again.
  void put_back(Job job);
  /// Nothing of the site can be sent before `until`, though its health is fine: the job, and all
  /// that waits, is deferred without an attempt.
  void suspend(Job job, const SiteTrouble& why, WallTime until);
  /// The same of this job alone.
  void suspend_one(Job job, const SiteTrouble& why, WallTime until);
  /// How often a flush gave all that was taken for dead another chance.
  [[nodiscard]] uint64_t revivals_count() const noexcept;
  /// Gives the job to another transport (best_mx_transport), once in its life. False if it may not:
  /// the transport is not registered, or the job was passed on before.
  [[nodiscard]] bool pass(Job& job, const Route& route);
  /// No server of the site could be used; its home is told. Once per attempt.
  void hop_failed(SiteTrouble trouble);

  static constexpr uint32_t kTurnJobs = 8;

 private:
  friend class Dispatcher;
  friend class Site;
  /// Something waits, and the site takes it now.
  [[nodiscard]] bool allowed() const noexcept;
  void drop_claim() noexcept;
  /// It was not attempted: what it counted for may be used by another.
  void uncount(const Job& job);

  Dispatcher& dispatcher_;
  Site& site_;
  rt::Event wake_;
  LeaseHolder* holder_ = nullptr;
  uint32_t turn_left_ = 0;
  uint32_t running_ = 0;  // jobs taken and not finished
  bool working_ = false;  // counts against the transport's concurrency
  bool claimed_ = false;  // told to start; has not looked for a job yet
  bool ending_ = false;   // recalled, or its site died: no further job
  bool failed_ = false;   // since its last job
};

}  // namespace barid::schedule
