// One destination's waiting jobs, and the site it belongs to. Kept for a while after its last job,
// so that a busy destination is not looked up again for every message.
// Layer: shard/schedule, internal to the dispatcher.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shard/schedule/agent.h"
#include "shard/schedule/short_queue.h"

namespace barid::schedule {

class Site;

/// Jobs of one destination that take the same lane for the same tenant: by priority, then in order
/// of arrival.
struct JobQueue {
  Stream lane = Stream::kTransactional;
  std::string tenant;
  ShortQueue<Job> jobs;

  void add(Job job) {
    auto place = jobs.end();
    while (place != jobs.begin() && priority_of(*(place - 1)) < priority_of(job)) --place;
    jobs.insert(static_cast<size_t>(place - jobs.begin()), std::move(job));
  }

 private:
  static int priority_of(const Job& job) noexcept { return job.message->envelope.priority; }
};

class Destination {
 public:
  explicit Destination(Route route) : route_(std::move(route)), key_(route_.key()) {}

  [[nodiscard]] const Route& route() const noexcept { return route_; }
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  /// Null until it was found out.
  [[nodiscard]] const Site* site() const noexcept { return site_; }
  /// Jobs that no lease has taken.
  [[nodiscard]] size_t waiting_count() const noexcept { return waiting_count_; }
  /// Jobs that leases have.
  [[nodiscard]] uint32_t running_count() const noexcept { return running_count_; }

 private:
  friend class Dispatcher;
  friend class Lease;
  friend class Site;

  JobQueue& queue_for(Stream lane, std::string_view tenant) {
    for (const std::unique_ptr<JobQueue>& queue : queues_) {
      if (queue->lane == lane && queue->tenant == tenant) return *queue;
    }
    queues_.push_back(std::make_unique<JobQueue>());
    queues_.back()->lane = lane;
    queues_.back()->tenant = tenant;
    return *queues_.back();
  }

  [[nodiscard]] bool has_withdrawn() const noexcept {
    for (const std::unique_ptr<JobQueue>& queue : queues_) {
      for (const Job& job : queue->jobs) {
        if (job.message->withdrawn()) return true;
      }
    }
    return false;
  }
  /// Only while it belongs to no site.
  void take_withdrawn(std::vector<Job>* out) {
    for (const std::unique_ptr<JobQueue>& queue : queues_) {
      ShortQueue<Job> kept;
      for (Job& job : queue->jobs) {
        if (job.message->withdrawn()) {
          out->push_back(std::move(job));
        } else {
          kept.push_back(std::move(job));
        }
      }
      waiting_count_ -= queue->jobs.size() - kept.size();
      queue->jobs = std::move(kept);
    }
  }

  const Route route_;
  const std::string key_;
  Site* site_ = nullptr;
  std::vector<std::unique_ptr<JobQueue>> queues_;  // few; emptied ones go with the destination
  size_t waiting_count_ = 0;
  uint32_t running_count_ = 0;
  bool resolving_ = false;
  bool tell_when_low_ = false;
  MonoTime site_until_{};  // then its site is found out again
  MonoTime used_at_{};
};

inline Job Job::split(size_t count) {
  Job first = *this;
  first.recipients.resize(count);
  recipients.erase(recipients.begin(), recipients.begin() + static_cast<ptrdiff_t>(count));
  ++message->jobs_open;
  return first;
}

inline const Route& Job::route() const noexcept { return destination->route(); }

}  // namespace barid::schedule
