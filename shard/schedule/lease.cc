#include "shard/schedule/lease.h"

#include <algorithm>

#include "shard/queue/partition.h"
#include "shard/schedule/dispatcher.h"

namespace barid::schedule {
namespace {
constexpr int kRefusedMax = 100;
}  // namespace

std::string_view Lease::site_key() const noexcept { return site_.key_; }

std::string_view Lease::pool() const noexcept { return site_.policy_.pool; }

uint32_t Lease::messages_per_connection() const noexcept {
  return site_.policy_.messages_per_connection;
}

std::optional<Job> Lease::take() {
  if (claimed_) drop_claim();
  if (ending_ || !dispatcher_.handing_out()) return std::nullopt;
  if (site_.recalled_ > 0) {
    --site_.recalled_;
    ending_ = true;
    return std::nullopt;
  }
  if (!allowed()) return std::nullopt;
  if (turn_left_ == 0) {
    const Transport& transport = site_.transport_;
    if (!transport.has_room() && !transport.line.empty()) return std::nullopt;
    turn_left_ = kTurnJobs;
  }
  // Bounded: many suspended ones in a row must not hold up the shard.
  for (int i = 0; i < kRefusedMax && allowed(); ++i) {
    Job job = site_.take_job();
    Destination& destination = *job.destination;
    const bool admitted = dispatcher_.admit(site_, job);
    dispatcher_.check_low(destination);
    if (!admitted) continue;
    --turn_left_;
    if (site_.policy_.paced()) --site_.messages_;
    if (TransportPace* pace = site_.transport_.pace.get(); pace != nullptr && pace->active()) {
      pace->start();
      job.in_pace = true;
    }
    ++running_;
    ++destination.running_count_;
    return job;
  }
  return std::nullopt;
}

bool Lease::allowed() const noexcept {
  if (site_.waiting_count_ == 0 || site_.dead() || !site_.transport_.in_pace()) return false;
  return !site_.policy_.paced() || site_.messages_ > 0;
}

void Lease::drop_claim() noexcept {
  claimed_ = false;
  --site_.claimed_;
  --site_.transport_.claimed;
}

void Lease::uncount(const Job& job) {
  if (site_.policy_.paced()) ++site_.messages_;
  if (job.in_pace) site_.transport_.pace->cancel();
}

rt::Task<std::optional<Job>> Lease::next(Duration patience) {
  BARID_ASSERT(running_ == 0);
  if (std::optional<Job> job = take()) co_return job;
  const MonoTime deadline = dispatcher_.reactor_.now() + patience;
  while (!ending_ && !dispatcher_.draining()) {
    dispatcher_.end_turn(*this);
    const Code code = co_await wake_.wait(deadline);
    if (code != Code::kOk || ending_) break;
    if (std::optional<Job> job = take()) co_return job;
  }
  ending_ = true;
  std::erase(site_.parked_, this);
  co_return std::nullopt;
}

void Lease::begin_flight(Job& job) noexcept {
  if (job.flight_mark != queue::FlightMarks::kNone) return;
  job.flight_mark = job.message->partition->begin_flight(job.message->id);
}

void Lease::report(const Job& job, uint32_t recipient, const Outcome& outcome) {
  dispatcher_.sink_.on_outcome(job, recipient, outcome);
}

void Lease::finish(Job job, Hop hop) {
  BARID_ASSERT(running_ > 0);
  --running_;
  Destination& destination = *job.destination;
  --destination.running_count_;
  destination.used_at_ = dispatcher_.reactor_.now();
  if (hop == Hop::kWorked) {
    failed_ = false;
    site_.count_success();
  } else if (!failed_ && site_.policy_.paced()) {
    ++site_.messages_;  // nothing was delivered
  }
  if (job.in_pace) site_.transport_.pace->finish();
  dispatcher_.check_low(destination);
  dispatcher_.sink_.on_job_done(std::move(job));
}

void Lease::put_back(Job job) {
  if (job.message->withdrawn()) {
    finish(std::move(job), Hop::kNone);
    return;
  }
  BARID_ASSERT(running_ > 0);
  --running_;
  Destination& destination = *job.destination;
  --destination.running_count_;
  uncount(job);
  job.in_pace = false;
  // What was about to be written when the connection broke has a mark, and did not go.
  if (job.flight_mark != queue::FlightMarks::kNone) {
    job.message->partition->drop_flight(job.flight_mark);
    job.flight_mark = queue::FlightMarks::kNone;
  }
  dispatcher_.put_back(destination, std::move(job));
}

void Lease::suspend(Job job, const SiteTrouble& why, WallTime until) {
  suspend_one(std::move(job), why, until);
  dispatcher_.suspend_waiting(site_, why, until);
}

void Lease::suspend_one(Job job, const SiteTrouble& why, WallTime until) {
  BARID_ASSERT(running_ > 0);
  --running_;
  Destination& destination = *job.destination;
  --destination.running_count_;
  destination.used_at_ = dispatcher_.reactor_.now();
  uncount(job);
  dispatcher_.check_low(destination);
  dispatcher_.sink_.on_job_suspended(std::move(job), why, until);
}

uint64_t Lease::revivals_count() const noexcept { return dispatcher_.link().revivals_count(); }

bool Lease::pass(Job& job, const Route& route) {
  if (job.passed || !dispatcher_.has_transport(route.transport)) return false;
  if (job.message->withdrawn()) {
    finish(std::move(job), Hop::kNone);
    return true;
  }
  BARID_ASSERT(running_ > 0);
  --running_;
  --job.destination->running_count_;
  uncount(job);
  job.in_pace = false;
  job.passed = true;
  dispatcher_.enqueue(route, std::move(job));
  return true;
}

void Lease::hop_failed(SiteTrouble trouble) {
  failed_ = true;
  site_.count_failure(std::move(trouble));
}

}  // namespace barid::schedule
