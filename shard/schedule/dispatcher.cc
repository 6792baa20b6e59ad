#include "shard/schedule/dispatcher.h"

#include <algorithm>
#include <utility>

#include "core/text/ascii.h"

namespace barid::schedule {
namespace {

/// How long a destination without mail is remembered, with its site; less when there are many.
constexpr Duration kLinger = std::chrono::seconds(60);
constexpr Duration kLingerCrowded = std::chrono::seconds(1);
constexpr size_t kCrowded = 5'000;
/// Fewer waiting jobs than this: time for more from disk.
constexpr size_t kLowMark = 32;
/// Mail that is suspended without an end comes back to see.
constexpr Duration kLookAgain = std::chrono::days(1);
constexpr Duration kSweepInterval = std::chrono::seconds(5);
/// At the end it is looked this often whether anything is still being sent.
constexpr Duration kDrainLook = std::chrono::milliseconds(100);

}  // namespace

Dispatcher::Dispatcher(rt::Reactor& reactor, OutcomeSink& sink, GovernorLink* link)
    : reactor_(reactor),
      sink_(sink),
      own_link_(link != nullptr ? nullptr : std::make_unique<GovernorLink>(reactor, nullptr)),
      link_(link != nullptr ? link : own_link_.get()),
      scope_(reactor) {}

Dispatcher::~Dispatcher() { BARID_ASSERT(scope_.tasks_count() == 0); }

void Dispatcher::set_transport(const std::string& name, Agent& agent,
                               const TransportLimits& limits) {
  std::unique_ptr<Transport>& transport = transports_[name];
  if (!transport) transport = std::make_unique<Transport>();
  transport->name = name;
  transport->agent = &agent;
  transport->limits = limits;
  set_pace(*transport);
  for (Site* site : all_sites()) {
    if (&site->transport_ != transport.get()) continue;
    site->policy_ = policy_for(*transport, site->first_route_, site->key_);
    link().set_policy(*site, site->name(), site->policy_);
    site->consider();
  }
  pump(*transport);
}

void Dispatcher::set_site_rules(const SiteRules* rules) {
  rules_ = rules;
  std::vector<Destination*> known;
  for (const auto& [key, destination] : destinations_) {
    if (destination->site_ != nullptr) known.push_back(destination.get());
  }
  std::sort(known.begin(), known.end(),  // never in hash order (docs/style.md L5)
            [](const Destination* a, const Destination* b) { return a->key() < b->key(); });
  for (Destination* destination : known) {
    const std::string hosts_key = destination->site_->hosts_key_;
    move_to_site(*destination, hosts_key);
  }
}

void Dispatcher::set_pace(Transport& transport) {
  const Duration delay = transport.limits.rate_delay;
  if (transport.pace) {
    transport.pace->set_delay(delay);
  } else if (delay > Duration::zero()) {
    transport.pace.reset(new TransportPace(link(), *this, transport, delay));
  }
}

bool Dispatcher::one_recipient_each(const std::string& transport) const {
  return transports_.at(transport)->limits.site.recipients_per_job == 1;
}

uint32_t Dispatcher::recipients_per_job(const Route& route) const {
  const auto known = destinations_.find(route.key());
  const uint32_t limit =
      known != destinations_.end() && known->second->site_ != nullptr
          ? known->second->site_->policy_.recipients_per_job
          : policy_for(*transports_.at(route.transport), route, {}).recipients_per_job;
  return limit == 0 ? UINT32_MAX : limit;
}

SitePolicy Dispatcher::policy_for(const Transport& transport, const Route& route,
                                  std::string_view site_key) const {
  SitePolicy policy = transport.limits.site;
  if (rules_ != nullptr) rules_->apply(route, site_key, &policy);
  if (!route.pool.empty()) policy.pool = route.pool;
  if (policy.rate_delay > Duration::zero()) policy.window.initial = policy.window.limit = 1;
  return policy;
}

// --- jobs come in

void Dispatcher::enqueue(const Route& route, Job job) {
  std::string key = route.key();
  auto found = destinations_.find(key);
  if (found == destinations_.end()) {
    found = destinations_.emplace(std::move(key), std::make_unique<Destination>(route)).first;
    if (!armed()) reactor_.timers().arm(*this, reactor_.now() + kSweepInterval);
  }
  Destination& destination = *found->second;
  const MonoTime now = reactor_.now();
  job.queued_at = destination.used_at_ = now;
  job.destination = &destination;
  const Envelope& envelope = job.message->envelope;
  JobQueue& queue = destination.queue_for(envelope.stream, envelope.tenant);
  const bool first = queue.jobs.empty();
  queue.add(std::move(job));
  ++destination.waiting_count_;
  if (Site* site = destination.site_) {
    if (first) site->add(destination, queue);
    if (site->waiting_count_++ == 0) site->waiting_since_ = now;
    site->consider();
  }
  const bool outdated = destination.site_ == nullptr || destination.site_until_ <= now;
  if (outdated && !destination.resolving_) {
    destination.resolving_ = true;
    scope_.spawn(find_site(&destination));
  }
}

void Dispatcher::put_back(Destination& destination, Job job) {
  const Envelope& envelope = job.message->envelope;
  JobQueue& queue = destination.queue_for(envelope.stream, envelope.tenant);
  const bool first = queue.jobs.empty();
  queue.jobs.push_front(std::move(job));
  ++destination.waiting_count_;
  Site* site = destination.site_;
  if (site == nullptr) return;
  if (first) site->add(destination, queue);
  if (site->waiting_count_++ == 0) site->waiting_since_ = reactor_.now();
}

rt::Task<void> Dispatcher::find_site(Destination* destination) {
  Agent& agent = *transports_.at(destination->route().transport)->agent;
  const SiteAnswer answer = co_await agent.find_site(destination->route());
  destination->resolving_ = false;
  destination->site_until_ = reactor_.now() + answer.valid_for;
  move_to_site(*destination, answer.key);
}

rt::Task<Dispatcher::Placement> Dispatcher::placement_of(Route route) {
  const Transport& transport = *transports_.at(route.transport);
  const SiteAnswer answer = co_await transport.agent->find_site(route);
  std::string key = site_key_of(route, answer.key);
  SitePolicy policy = policy_for(transport, route, key);
  co_return Placement{.site = std::move(key),
                      .policy = std::move(policy),
                      .transport_rate_delay = transport.limits.rate_delay,
                      .deferred = transport.limits.deferred};
}

std::string Dispatcher::site_key_of(const Route& route, const std::string& hosts_key) const {
  std::string key = rules_ != nullptr ? rules_->site_of(route, hosts_key) : hosts_key;
  if (!route.pool.empty()) key += "#pool=" + route.pool;
  return key;
}

void Dispatcher::move_to_site(Destination& destination, const std::string& hosts_key) {
  const Route& route = destination.route();
  Transport& transport = *transports_.at(route.transport);
  std::string key = site_key_of(route, hosts_key);
  std::unique_ptr<Site>& site = sites_[Site::name_of(transport, key)];
  if (!site) {
    const SitePolicy policy = policy_for(transport, route, key);
    site.reset(new Site(*this, transport, route, hosts_key, std::move(key), policy));
  }
  if (destination.site_ == site.get()) return;
  Site* const now = site.get();
  if (Site* const before = destination.site_) {
    before->leave(destination);
    before->consider();
  }
  now->join(destination);
  now->consider();
}

// --- turns

void Dispatcher::get_in_line(Site& site) {
  for (const Stream lane : {Stream::kTransactional, Stream::kBulk}) {
    bool& in_line = site.in_line_[static_cast<size_t>(lane)];
    if (in_line || site.queue_.size(lane) == 0) continue;
    in_line = true;
    site.transport_.line.push(lane, site.queue_.next_tenant_name(lane),
                              Transport::InLine{.site = &site, .lane = lane});
  }
  pump(site.transport_);
}

void Dispatcher::pump(Transport& transport) {
  if (transport.pumping || !handing_out()) return;
  transport.pumping = true;  // a lease that ends at once comes back here
  while (transport.has_room() && !transport.line.empty()) {
    if (!transport.in_pace()) {
      transport.pace->ask();  // a home on this shard answers from inside
      if (!transport.in_pace()) break;
    }
    const Transport::InLine next = transport.line.take();
    transport.line.charge(1);
    Site& site = *next.site;
    site.in_line_[static_cast<size_t>(next.lane)] = false;
    if (!site.runnable() || site.dead()) continue;  // it comes again when that changes
    start_turn(site);
    site.consider();
  }
  transport.pumping = false;
  if (transport.pace && transport.claimed == 0 &&
      (transport.line.empty() || !transport.pace->active())) {
    transport.pace->rest();
  }
}

/// A warm connection goes on, or a new one is made.
void Dispatcher::start_turn(Site& site) {
  ++site.claimed_;
  ++site.transport_.claimed;
  ++site.transport_.working;
  if (site.parked_.empty()) {
    BARID_ASSERT(site.unused_ > 0);
    --site.unused_;
    ++leases_count_;
    scope_.spawn(run_lease(&site));
    return;
  }
  Lease& lease = *site.parked_.back();
  site.parked_.pop_back();
  lease.claimed_ = lease.working_ = true;
  lease.turn_left_ = Lease::kTurnJobs;
  lease.wake_.set();
}

void Dispatcher::end_turn(Lease& lease) {
  Site& site = lease.site_;
  if (lease.working_) {
    lease.working_ = false;
    --site.transport_.working;
  }
  site.parked_.push_back(&lease);
  site.consider();
  pump(site.transport_);
}

rt::Task<void> Dispatcher::run_lease(Site* site) {
  Lease lease(*this, *site, reactor_);
  lease.claimed_ = lease.working_ = true;
  lease.turn_left_ = Lease::kTurnJobs;
  site->leases_.push_back(&lease);
  co_await site->transport_.agent->deliver(lease);
  close_lease(lease);
}

void Dispatcher::close_lease(Lease& lease) {
  BARID_ASSERT(lease.running_ == 0);
  Site& site = lease.site_;
  Transport& transport = site.transport_;
  if (lease.claimed_) lease.drop_claim();
  if (lease.working_) --transport.working;
  std::erase(site.leases_, &lease);
  std::erase(site.parked_, &lease);
  --leases_count_;
  const bool recalled = site.recalled_ > 0 || lease.ending_;
  if (site.recalled_ > 0 && !lease.ending_) --site.recalled_;
  site.recalled_ = std::min(site.recalled_, site.staying_count());
  if (!recalled && !lease.failed_ && site.waiting_count_ > 0 && !site.dead()) {
    ++site.unused_;  // the next connection takes its place
  } else {
    ++site.update_.leases_back;
    link().mark(site);
  }
  site.consider();
  pump(transport);
}

// --- health

/// What waits for a dead site is deferred with the reason, without an attempt.
void Dispatcher::suspend_waiting(Site& site) {
  const auto wait = std::chrono::ceil<WallTime::duration>(site.dead_until_ - reactor_.now());
  suspend_waiting(site, SiteTrouble(site.trouble_), reactor_.wall_now() + wait);
}

void Dispatcher::suspend_waiting(Site& site, const SiteTrouble& why, WallTime until) {
  std::vector<Job> jobs;
  while (site.waiting_count_ > 0) jobs.push_back(site.take_job());
  for (Job& job : jobs) {
    Destination& destination = *job.destination;
    sink_.on_job_suspended(std::move(job), why, until);
    check_low(destination);
  }
}

std::optional<MonoTime> Dispatcher::dead_until(std::string_view destination_key) const {
  const auto found = destinations_.find(std::string(destination_key));
  if (found == destinations_.end() || found->second->site_ == nullptr) return std::nullopt;
  const Site& site = *found->second->site_;
  if (!site.dead()) return std::nullopt;
  return site.dead_until_;
}

void Dispatcher::tell_when_low(std::string_view destination_key) {
  const auto found = destinations_.find(std::string(destination_key));
  if (found != destinations_.end()) found->second->tell_when_low_ = true;
}

void Dispatcher::check_low(Destination& destination) {
  if (!destination.tell_when_low_ || destination.waiting_count_ > kLowMark) return;
  destination.tell_when_low_ = false;
  sink_.on_destination_low(destination.key());
}

/// Until it is deferred again: then it is due later.
bool Dispatcher::is_flushed(const queue::Message& message) const noexcept {
  return (message.due == WallTime{} ? message.arrival : message.due) <= flushed_at_;
}

/// The operator may have stopped its mail, and mail that is too late is not sent.
bool Dispatcher::admit(const Site& site, Job& job) {
  const WallTime now = reactor_.wall_now();
  const Envelope& envelope = job.message->envelope;
  if (envelope.expires_at != WallTime{} && envelope.expires_at <= now) {
    sink_.on_job_suspended(std::move(job), {.dsn = {4, 4, 7}, .text = "delivery time expired"},
                           now);
    return false;
  }
  if (site.transport_.limits.deferred && !is_flushed(*job.message)) {
    // Not suspended until some time: the usual backoff holds, as in Postfix.
    sink_.on_job_suspended(std::move(job),
                           {.dsn = {4, 3, 2}, .text = "deferred transport", .is_whole = true}, now);
    return false;
  }
  if (suspensions_.empty()) return true;
  Job stopped{.message = job.message, .destination = job.destination};
  const Suspension* why = nullptr;
  for (const uint32_t recipient : job.recipients) {
    const std::string& address = envelope.recipients[recipient].address;
    std::string domain = address.substr(address.rfind('@') + 1);
    for (char& c : domain) c = text::to_lower(c);
    SuspensionQuery query{
        .domain = domain, .site = site.key_, .tenant = envelope.tenant, .stream = envelope.stream};
    const Suspension* found = suspensions_.find(query, now);
    query.site = site.hosts_key_;  // stops all sites of these hosts
    if (found == nullptr) found = suspensions_.find(query, now);
    if (found == nullptr) continue;
    why = found;
    stopped.recipients.push_back(recipient);
  }
  if (why == nullptr) return true;
  const WallTime until = why->until != WallTime{}
                             ? why->until
                             : std::chrono::time_point_cast<WallTime::duration>(now + kLookAgain);
  SiteTrouble trouble{.dsn = {4, 3, 2}, .text = why->name()};
  if (!why->reason.empty()) trouble.text += ": " + why->reason;
  const auto is_stopped = [&](uint32_t recipient) {
    return std::find(stopped.recipients.begin(), stopped.recipients.end(), recipient) !=
           stopped.recipients.end();
  };
  job.recipients.erase(std::remove_if(job.recipients.begin(), job.recipients.end(), is_stopped),
                       job.recipients.end());
  const bool rest = !job.recipients.empty();
  if (rest) ++job.message->jobs_open;
  sink_.on_job_suspended(std::move(stopped), trouble, until);
  return rest;
}

size_t Dispatcher::jobs_count(std::string_view destination_key) const {
  const auto found = destinations_.find(std::string(destination_key));
  if (found == destinations_.end()) return 0;
  return found->second->waiting_count_ + found->second->running_count_;
}

std::vector<Site*> Dispatcher::all_sites() const {
  std::vector<Site*> all;
  all.reserve(sites_.size());
  for (const auto& [name, site] : sites_) all.push_back(site.get());
  return all;
}

// --- pausing and ending

void Dispatcher::resume() {
  paused_ = false;
  for (Site* site : all_sites()) site->consider();
}

void Dispatcher::withdraw() {
  std::vector<Destination*> affected;
  for (const auto& [key, destination] : destinations_) {
    if (destination->has_withdrawn()) affected.push_back(destination.get());
  }
  std::sort(affected.begin(), affected.end(),
            [](const Destination* a, const Destination* b) { return a->key() < b->key(); });
  std::vector<Job> taken;
  for (Destination* destination : affected) {
    Site* site = destination->site_;
    if (site != nullptr) site->leave(*destination);
    destination->take_withdrawn(&taken);
    if (site != nullptr) site->join(*destination);
  }
  for (Site* site : all_sites()) site->consider();  // it may need less than it has
  std::sort(taken.begin(), taken.end(), [](const Job& a, const Job& b) {
    return std::pair(a.message->id, a.recipients.front()) <
           std::pair(b.message->id, b.recipients.front());
  });
  for (Job& job : taken) sink_.on_job_done(std::move(job));
  for (Destination* destination : affected) check_low(*destination);
}

rt::Task<Code> Dispatcher::drain(MonoTime deadline) {
  draining_ = true;
  for (const auto& [name, site] : sites_) site->end_parked(UINT32_MAX);
  for (;;) {
    const Code code = co_await scope_.join(std::min(deadline, reactor_.now() + kDrainLook));
    if (code != Code::kTimeout || reactor_.now() >= deadline) co_return code;
    if (give_up_the_silent()) co_return Code::kCancelled;
  }
}

/// True if every lease that is left has sent nothing; then none of them will.
bool Dispatcher::give_up_the_silent() {
  std::vector<LeaseHolder*> holders;
  for (const auto& [name, site] : sites_) {
    for (const Lease* lease : site->leases_) {
      if (lease->holder_ == nullptr || lease->holder_->delivering()) return false;
      holders.push_back(lease->holder_);
    }
  }
  for (LeaseHolder* holder : holders) holder->give_up();
  return true;
}

void Dispatcher::on_timer() {
  forget_unused();
  if (!destinations_.empty() || !sites_.empty()) {
    reactor_.timers().arm(*this, reactor_.now() + kSweepInterval);
  }
}

void Dispatcher::forget_unused() {
  const Duration linger = destinations_.size() > kCrowded ? kLingerCrowded : kLinger;
  const MonoTime before = reactor_.now() - linger;
  absl::erase_if(destinations_, [&](const auto& entry) {
    Destination& destination = *entry.second;
    if (destination.waiting_count_ > 0 || destination.running_count_ > 0) return false;
    if (destination.resolving_ || destination.used_at_ > before) return false;
    if (Site* site = destination.site_) {
      if (site->dead()) return false;
      site->leave(destination);
    }
    return true;
  });
  std::erase_if(sites_, [&](const auto& entry) { return entry.second->idle(); });
}

}  // namespace barid::schedule
