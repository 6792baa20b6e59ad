// The dispatcher: which destination's mail gets the next connection slot. Destinations wait round
// robin; each has a concurrency limit, each transport a total one. A *lease* is one slot in use by
// an agent; it takes jobs until there are none, or until its quantum is used and others wait.
//
// (Windows with feedback, dead sites, lanes, tenants and the cross-shard governor attach here: the
// limit of a destination becomes its site's lease count, and next_runnable() the place of choice.)
//
// Cost per message: one deque push and pop; no allocation beyond the deque's own growth.
// Layer: shard/schedule. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "core/mail/envelope.h"
#include "shard/queue/message.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/scope.h"

namespace barid::schedule {

/// One delivery request: some recipients of one message at one destination. Owned by whoever holds
/// it; its message outlives it.
struct Job {
  queue::Message* message = nullptr;
  absl::InlinedVector<uint32_t, 4> recipients;  ///< indices into the envelope, all pending
  MonoTime queued_at{};
  bool passed = false;  ///< came from another transport by Lease::pass()
};

/// Transport and next hop: what mail queues for (Postfix's destination key).
struct Route {
  std::string transport;  ///< master.cf service name
  std::string nexthop;    ///< as configured, or the recipient's domain in lower case

  /// Also the key under which deferred mail is filed in the store.
  [[nodiscard]] std::string key() const { return transport + ':' + nexthop; }
};

struct TransportLimits {
  uint32_t destination_concurrency = 20;  ///< of this shard; 0 = none
  uint32_t total_concurrency = 100;       ///< of this shard, all destinations; 0 = none
  uint32_t recipients_per_job = 50;       ///< 0 = none
};

class Lease;

/// Delivers over one kind of transport. Lives as long as the dispatcher.
class Agent {
 public:
  virtual ~Agent() = default;
  /// Takes jobs from the lease and reports every recipient of each. Ends when take() gives nothing
  /// and nothing is under way.
  virtual rt::Task<void> deliver(Lease& lease) = 0;
};

/// Told what agents found out.
class OutcomeSink {
 public:
  virtual ~OutcomeSink() = default;
  virtual void on_outcome(const Job& job, uint32_t recipient, const Outcome& outcome) = 0;
  /// All recipients of the job were reported.
  virtual void on_job_done(Job job) = 0;
};

class Destination;

class Dispatcher {
 public:
  Dispatcher(rt::Reactor& reactor, OutcomeSink& sink);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// Registers or, at reload, changes a transport. The agent outlives the dispatcher.
  void set_transport(const std::string& name, Agent& agent, const TransportLimits& limits);
  [[nodiscard]] bool has_transport(const std::string& name) const {
    return transports_.contains(name);
  }
  [[nodiscard]] uint32_t recipients_per_job(const std::string& transport) const;

  /// The transport must be registered.
  void enqueue(const Route& route, Job job);

  /// Takes the jobs of withdrawn messages back, as done without an attempt. Those that an agent has
  /// end by themselves. Costs a look at every waiting job.
  void withdraw();

  /// While paused no job is handed out (the store cannot record outcomes). Leases end by
  /// themselves.
  void pause() noexcept { paused_ = true; }
  void resume();

  /// Stops handing out and waits for running leases; kTimeout if they do not end in time.
  rt::Task<Code> drain(MonoTime deadline);

  [[nodiscard]] size_t destinations_count() const noexcept { return destinations_.size(); }
  [[nodiscard]] uint32_t leases_count() const noexcept { return scope_.tasks_count(); }

  template <typename F>
  void for_each_destination(F&& visit) const {
    for (const auto& [key, destination] : destinations_) visit(*destination);
  }

 private:
  friend class Destination;
  friend class Lease;
  struct Transport {
    std::string name;
    Agent* agent = nullptr;
    TransportLimits limits;
    uint32_t leases = 0;
  };

  void consider(Destination& destination);
  void pump();
  [[nodiscard]] bool may_open(const Destination& destination) const noexcept;
  void open_lease(Destination& destination);
  rt::Task<void> run_lease(Destination* destination);
  void forget_if_idle(Destination& destination);

  rt::Reactor& reactor_;
  OutcomeSink& sink_;
  rt::Scope scope_;
  absl::flat_hash_map<std::string, std::unique_ptr<Transport>> transports_;
  absl::flat_hash_map<std::string, std::unique_ptr<Destination>> destinations_;
  std::deque<Destination*> ready_;  // want a slot, in order of asking
  bool paused_ = false;
  bool draining_ = false;
  bool pumping_ = false;
};

/// One destination's waiting jobs. Exists while it has jobs or leases.
class Destination final : private rt::Timer {
 public:
  [[nodiscard]] const Route& route() const noexcept { return route_; }
  [[nodiscard]] size_t waiting_count() const noexcept { return waiting_.size(); }
  [[nodiscard]] uint32_t leases_count() const noexcept { return leases_; }

 private:
  friend class Dispatcher;
  friend class Lease;
  Destination(Dispatcher& dispatcher, Route route, Dispatcher::Transport& transport)
      : dispatcher_(dispatcher), route_(std::move(route)), transport_(transport) {}
  void on_timer() override { dispatcher_.consider(*this); }

  Dispatcher& dispatcher_;
  Route route_;
  Dispatcher::Transport& transport_;
  std::deque<Job> waiting_;
  uint32_t leases_ = 0;
  bool ready_ = false;  // in the ready list

  friend struct std::default_delete<Destination>;
  ~Destination() = default;
};

/// One slot in use.
class Lease {
 public:
  Lease(Dispatcher& dispatcher, Destination& destination)
      : dispatcher_(dispatcher), destination_(destination) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] const Route& route() const noexcept { return destination_.route_; }

  /// The next job, or none: nothing waits, the quantum is used up, or the dispatcher pauses.
  [[nodiscard]] std::optional<Job> take();
  void report(const Job& job, uint32_t recipient, const Outcome& outcome) {
    dispatcher_.sink_.on_outcome(job, recipient, outcome);
  }
  void finish(Job job) { dispatcher_.sink_.on_job_done(std::move(job)); }
  /// The job was not attempted: it goes to the head of its queue again.
  void put_back(Job job);
  /// Gives the job to another transport (best_mx_transport), once in its life. False if it may not:
  /// the transport is not registered, or the job was passed on before.
  [[nodiscard]] bool pass(Job& job, const Route& route);

 private:
  static constexpr uint32_t kQuantumJobs = 100;  // then others get the slot, if any wait
  Dispatcher& dispatcher_;
  Destination& destination_;
  uint32_t taken_ = 0;
};

}  // namespace barid::schedule
