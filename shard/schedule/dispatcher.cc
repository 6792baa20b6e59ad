#include "shard/schedule/dispatcher.h"

#include <algorithm>
#include <utility>

namespace barid::schedule {
namespace {

// A lease pipelines several messages, so a second connection pays only when jobs pile up behind the
// first, or when one has waited long enough that the first is evidently slow.
constexpr size_t kJobsPerLease = 16;
constexpr Duration kPatience = std::chrono::milliseconds(5);

}  // namespace

Dispatcher::Dispatcher(rt::Reactor& reactor, OutcomeSink& sink)
    : reactor_(reactor), sink_(sink), scope_(reactor) {}

Dispatcher::~Dispatcher() { BARID_ASSERT(scope_.tasks_count() == 0); }

void Dispatcher::set_transport(const std::string& name, Agent& agent,
                               const TransportLimits& limits) {
  std::unique_ptr<Transport>& transport = transports_[name];
  if (!transport) transport = std::make_unique<Transport>();
  transport->name = name;
  transport->agent = &agent;
  transport->limits = limits;
}

uint32_t Dispatcher::recipients_per_job(const std::string& transport) const {
  const uint32_t limit = transports_.at(transport)->limits.recipients_per_job;
  return limit == 0 ? UINT32_MAX : limit;
}

void Dispatcher::enqueue(const Route& route, Job job) {
  const std::string key = route.key();
  auto found = destinations_.find(key);
  if (found == destinations_.end()) {
    Transport& transport = *transports_.at(route.transport);
    found =
        destinations_
            .emplace(key, std::unique_ptr<Destination>(new Destination(*this, route, transport)))
            .first;
  }
  Destination& destination = *found->second;
  job.queued_at = reactor_.now();
  destination.waiting_.push_back(std::move(job));
  consider(destination);
}

bool Dispatcher::may_open(const Destination& destination) const noexcept {
  const TransportLimits& limits = destination.transport_.limits;
  const uint32_t per_destination = limits.destination_concurrency;
  return per_destination == 0 || destination.leases_ < per_destination;
}

/// Puts the destination in line for a slot if it could use one more than it has.
void Dispatcher::consider(Destination& destination) {
  if (destination.waiting_.empty()) {
    forget_if_idle(destination);
    return;
  }
  if (destination.ready_ || !may_open(destination)) return;
  const bool piled_up = destination.waiting_.size() > kJobsPerLease * destination.leases_;
  const Duration waited = reactor_.now() - destination.waiting_.front().queued_at;
  if (!piled_up && waited < kPatience) {
    if (!destination.armed()) reactor_.timers().arm(destination, reactor_.now() + kPatience);
    return;
  }
  destination.ready_ = true;
  ready_.push_back(&destination);
  pump();
}

void Dispatcher::pump() {
  if (pumping_ || paused_ || draining_) return;
  pumping_ = true;  // a lease that ends at once comes back here
  size_t blocked = 0;
  while (blocked < ready_.size()) {
    Destination* destination = ready_.front();
    ready_.pop_front();
    const Transport& transport = destination->transport_;
    const uint32_t total = transport.limits.total_concurrency;
    if (total != 0 && transport.leases >= total) {
      ready_.push_back(destination);  // its transport is full; others may not be
      ++blocked;
      continue;
    }
    destination->ready_ = false;
    if (destination->waiting_.empty() || !may_open(*destination)) {
      consider(*destination);
      continue;
    }
    open_lease(*destination);
    blocked = 0;
  }
  pumping_ = false;
}

void Dispatcher::open_lease(Destination& destination) {
  ++destination.leases_;
  ++destination.transport_.leases;
  scope_.spawn(run_lease(&destination));
}

rt::Task<void> Dispatcher::run_lease(Destination* destination) {
  Transport& transport = destination->transport_;
  Lease lease(*this, *destination);
  co_await transport.agent->deliver(lease);
  --destination->leases_;
  --transport.leases;
  consider(*destination);  // may free it
  pump();
}

void Dispatcher::forget_if_idle(Destination& destination) {
  if (!destination.waiting_.empty() || destination.leases_ > 0 || destination.ready_) return;
  destinations_.erase(destination.route_.key());
}

void Dispatcher::resume() {
  paused_ = false;
  std::vector<Destination*> all;  // consider() may erase
  for (const auto& [key, destination] : destinations_) all.push_back(destination.get());
  std::sort(all.begin(), all.end(), [](const Destination* a, const Destination* b) {
    return a->route_.key() < b->route_.key();  // never in hash order (docs/style.md L5)
  });
  for (Destination* destination : all) consider(*destination);
  pump();
}

void Dispatcher::withdraw() {
  std::vector<Job> taken;
  std::vector<std::string> emptied;
  for (const auto& [key, destination] : destinations_) {
    std::deque<Job> kept;
    for (Job& job : destination->waiting_) {
      if (job.message->withdrawn()) {
        taken.push_back(std::move(job));
      } else {
        kept.push_back(std::move(job));
      }
    }
    destination->waiting_ = std::move(kept);
    if (destination->waiting_.empty()) emptied.push_back(key);
  }
  for (const std::string& key : emptied) forget_if_idle(*destinations_.at(key));
  std::sort(taken.begin(), taken.end(), [](const Job& a, const Job& b) {
    return std::pair(a.message->id, a.recipients.front()) <
           std::pair(b.message->id, b.recipients.front());
  });
  for (Job& job : taken) sink_.on_job_done(std::move(job));
}

rt::Task<Code> Dispatcher::drain(MonoTime deadline) {
  draining_ = true;
  co_return co_await scope_.join(deadline);
}

std::optional<Job> Lease::take() {
  if (dispatcher_.paused_ || dispatcher_.draining_ || destination_.waiting_.empty())
    return std::nullopt;
  if (taken_ >= kQuantumJobs && !dispatcher_.ready_.empty()) return std::nullopt;
  ++taken_;
  Job job = std::move(destination_.waiting_.front());
  destination_.waiting_.pop_front();
  return job;
}

bool Lease::pass(Job& job, const Route& route) {
  if (job.passed || !dispatcher_.has_transport(route.transport)) return false;
  if (job.message->withdrawn()) {
    finish(std::move(job));
    return true;
  }
  job.passed = true;
  dispatcher_.enqueue(route, std::move(job));
  return true;
}

void Lease::put_back(Job job) {
  if (job.message->withdrawn()) {
    finish(std::move(job));
  } else {
    destination_.waiting_.push_front(std::move(job));
  }
}

}  // namespace barid::schedule
