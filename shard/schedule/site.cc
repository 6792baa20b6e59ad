#include "shard/schedule/site.h"

#include <algorithm>
#include <utility>

#include "shard/schedule/dispatcher.h"

namespace barid::schedule {
namespace {

// A lease pipelines several messages, so a second connection pays only when jobs pile up behind the
// first, or when one has waited long enough that the first is evidently slow.
constexpr uint32_t kJobsPerLease = 16;
constexpr Duration kPatience = std::chrono::milliseconds(5);
constexpr uint32_t kMessagesWantedMax = 100;  // of a paced site, at once
/// While more leases are wanted the home hears of successes this often: its window grows by them.
constexpr Duration kReportInterval = std::chrono::milliseconds(10);
constexpr int64_t kRecipientsPerRound = 50;  // a tenant's share of a round

}  // namespace

Site::Site(Dispatcher& dispatcher, Transport& transport, Route first_route, std::string hosts_key,
           std::string key, const SitePolicy& policy)
    : dispatcher_(dispatcher),
      transport_(transport),
      first_route_(std::move(first_route)),
      hosts_key_(std::move(hosts_key)),
      key_(std::move(key)),
      policy_(policy),
      queue_(kRecipientsPerRound) {
  dispatcher_.link().open(*this, name(), policy_);
}

Site::~Site() { dispatcher_.link().close(*this); }

/// Service names have no blanks.
std::string Site::name_of(const Transport& transport, std::string_view key) {
  std::string name = transport.name;
  name += ' ';
  name += key;
  return name;
}

bool Site::dead() const noexcept { return dead_until_ > dispatcher_.reactor_.now(); }

bool Site::idle() const noexcept {
  if (in_line_[0] || in_line_[1] || claimed_ > 0) return false;
  return waiting_count_ == 0 && destinations_count_ == 0 && leases_.empty() && !dead();
}

// --- jobs

void Site::add(Destination& destination, JobQueue& queue) {
  queue_.push(queue.lane, queue.tenant, Waiting{.destination = &destination, .queue = &queue});
}

void Site::join(Destination& destination) {
  ++destinations_count_;
  destination.site_ = this;
  if (waiting_count_ == 0) waiting_since_ = dispatcher_.reactor_.now();
  waiting_count_ += destination.waiting_count_;
  for (const std::unique_ptr<JobQueue>& queue : destination.queues_) {
    if (!queue->jobs.empty()) add(destination, *queue);
  }
}

void Site::leave(Destination& destination) {
  BARID_ASSERT(destination.site_ == this);
  --destinations_count_;
  destination.site_ = nullptr;
  if (destination.waiting_count_ == 0) return;
  waiting_count_ -= destination.waiting_count_;
  queue_.remove_if([&](const Waiting& waiting) { return waiting.destination == &destination; });
}

Job Site::take_job() {
  Waiting waiting = queue_.take();
  JobQueue& queue = *waiting.queue;
  Job job;
  const uint32_t limit = policy_.recipients_per_job;
  if (limit == 0 || queue.jobs.front().recipients.size() <= limit) {
    job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    --waiting.destination->waiting_count_;
    --waiting_count_;
  } else {
    job = queue.jobs.front().split(limit);
  }
  if (!queue.jobs.empty()) queue_.push(queue.lane, queue.tenant, waiting);
  queue_.charge(static_cast<int64_t>(job.recipients.size()));
  waiting_since_ = dispatcher_.reactor_.now();
  return job;
}

// --- leases

bool Site::runnable() const noexcept {
  if (parked_.empty() && unused_ == 0) return false;
  if (policy_.paced() && messages_ == 0) return false;
  return waiting_count_ > size_t{claimed_} * Lease::kTurnJobs;
}

uint32_t Site::useful_leases() {
  const uint32_t total = total_leases();
  const uint32_t limit = policy_.window.limit;
  if (limit != 0 && total >= limit) return 0;
  const auto room = limit == 0 ? UINT32_MAX : limit - total;
  const size_t enough = (waiting_count_ + kJobsPerLease - 1) / kJobsPerLease;
  if (enough > total) return static_cast<uint32_t>(std::min<size_t>(enough - total, room));
  if (!parked_.empty() || unused_ > 0 || leases_wanted_ > 0 || in_line_[0] || in_line_[1]) return 0;
  const MonoTime patient_until = waiting_since_ + kPatience;
  if (patient_until <= dispatcher_.reactor_.now()) return 1;
  if (!armed()) dispatcher_.reactor_.timers().arm(*this, patient_until);
  return 0;
}

void Site::consider() {
  if (!dispatcher_.handing_out() || waiting_count_ == 0 || dead()) {
    give_back_unused();
    if (waiting_count_ > 0 && dead()) dispatcher_.suspend_waiting(*this);
    want(0, 0);
    return;
  }
  if (total_leases() == 0) give_back_unused();  // deliveries that others may start meanwhile
  if (runnable()) dispatcher_.get_in_line(*this);
  uint32_t messages = 0;
  if (policy_.paced() && messages_ < waiting_count_) {
    messages =
        static_cast<uint32_t>(std::min<size_t>(waiting_count_ - messages_, kMessagesWantedMax));
  }
  want(useful_leases(), messages);
}

/// Tells the home only what makes a difference there: that something is wanted, or no more.
void Site::want(uint32_t leases, uint32_t messages) {
  const bool same =
      (leases > 0) == (leases_wanted_ > 0) && (messages > 0) == (messages_wanted_ > 0);
  if (same) return;
  leases_wanted_ = leases;
  messages_wanted_ = messages;
  dispatcher_.link().mark(*this);
}

void Site::give_back_unused() {
  if (unused_ == 0 && messages_ == 0) return;
  update_.leases_back += std::exchange(unused_, 0);
  update_.messages_back += std::exchange(messages_, 0);
  dispatcher_.link().mark(*this);
}

void Site::end_parked(uint32_t count) {
  for (; count > 0 && !parked_.empty(); --count) {
    Lease& lease = *parked_.front();  // the coldest
    parked_.erase(parked_.begin());
    lease.ending_ = true;
    lease.wake_.set();
  }
}

uint32_t Site::staying_count() const noexcept {
  return static_cast<uint32_t>(std::count_if(leases_.begin(), leases_.end(),
                                             [](const Lease* lease) { return !lease->ending_; }));
}

// --- what the home says

void Site::on_grant(uint32_t leases, uint32_t messages) {
  unused_ += leases;
  messages_ += messages;
  leases_wanted_ -= std::min(leases_wanted_, leases);
  messages_wanted_ -= std::min(messages_wanted_, messages);
  consider();
}

void Site::on_recall(uint32_t leases) {
  const uint32_t spare = std::min(leases, unused_);
  if (spare > 0) {
    unused_ -= spare;
    update_.leases_back += spare;
    dispatcher_.link().mark(*this);
  }
  const auto parked = std::min<uint32_t>(leases - spare, static_cast<uint32_t>(parked_.size()));
  end_parked(parked);
  recalled_ = std::min(recalled_ + leases - spare - parked, staying_count());
  consider();  // it waits for its turn again
}

void Site::on_health(MonoTime until, const SiteTrouble& trouble) {
  dead_until_ = until;
  trouble_ = trouble;
  // A home forgets what was wanted when its site dies, however late one hears of it.
  if (until != MonoTime{}) leases_wanted_ = messages_wanted_ = 0;
  if (dead()) end_parked(UINT32_MAX);
  consider();
}

ShareUpdate Site::take_update() {
  told_at_ = dispatcher_.reactor_.now();
  update_.leases_wanted = leases_wanted_;
  update_.messages_wanted = messages_wanted_;
  return std::exchange(update_, ShareUpdate{});
}

void Site::count_success() {
  ++update_.successes;
  const bool waited_for =
      leases_wanted_ > 0 && dispatcher_.reactor_.now() - told_at_ >= kReportInterval;
  if (waited_for || dead() || policy_.rate_delay > Duration::zero()) {
    dispatcher_.link().mark(*this);
  }
}

void Site::count_failure(SiteTrouble trouble) {
  ++update_.failures;
  update_.trouble = std::make_unique<SiteTrouble>(std::move(trouble));
  dispatcher_.link().mark(*this);
}

}  // namespace barid::schedule
