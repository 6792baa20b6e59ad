#include "shard/runtime/offload.h"

#include <pthread.h>

namespace barid::rt {

// --- Offload

void Offload::finish(OffloadJob& job) {
  ++counters_.finished;
  if (job.done_ == nullptr) {
    delete &job;
    return;
  }
  job.finished_ = true;
  job.done_->set();
}

void Offload::abandon(OffloadJob& job) noexcept {
  ++counters_.abandoned;
  job.done_ = nullptr;
  job.abandoned_.store(true, std::memory_order_relaxed);
}

// --- OffloadPool

OffloadPool::OffloadPool(unsigned threads_count, size_t queue_limit) : queue_limit_(queue_limit) {
  BARID_ASSERT(threads_count > 0 && queue_limit > 0);
  threads_.reserve(threads_count);
  for (unsigned i = 0; i < threads_count; ++i) {
    threads_.emplace_back([this] { work(); });
    static_cast<void>(::pthread_setname_np(threads_.back().native_handle(), "offload"));
  }
}

OffloadPool::~OffloadPool() { stop(); }

bool OffloadPool::submit(OffloadJob& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queued_count_ == queue_limit_) return false;
    (tail_ != nullptr ? tail_->next_ : head_) = &job;
    tail_ = &job;
    ++queued_count_;
  }
  work_ready_.notify_one();
  return true;
}

void OffloadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_ready_.wait(lock, [this] { return stopping_ || head_ != nullptr; });
    if (head_ == nullptr) return;
    OffloadJob* job = head_;
    head_ = std::exchange(job->next_, nullptr);
    if (head_ == nullptr) tail_ = nullptr;
    --queued_count_;
    const bool run = !stopping_ && !job->abandoned_.load(std::memory_order_relaxed);
    lock.unlock();
    if (run) job->execute();
    job->home_->give_back(*job);
    lock.lock();
  }
}

void OffloadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// --- ShardOffload

ShardOffload::ShardOffload(Reactor& reactor, OffloadPool& pool) : Offload(reactor), pool_(pool) {
  reactor_.add_mailbox(*this);
}

ShardOffload::~ShardOffload() {
  reactor_.remove_mailbox(*this);
  while (pending_count() > 0 || returning_count_.load(std::memory_order_acquire) > 0) {
    if (!drain()) std::this_thread::yield();
  }
}

bool ShardOffload::submit(OffloadJob& job) {
  job.home_ = this;
  return pool_.submit(job);
}

void ShardOffload::give_back(OffloadJob& job) noexcept {
  returning_count_.fetch_add(1, std::memory_order_relaxed);
  OffloadJob* head = returned_.load(std::memory_order_relaxed);
  do {
    job.next_ = head;
  } while (!returned_.compare_exchange_weak(head, &job, std::memory_order_release,
                                            std::memory_order_relaxed));
  reactor_.waker().notify();
  returning_count_.fetch_sub(1, std::memory_order_release);  // last touch of this object
}

bool ShardOffload::drain() {
  if (!has_mail()) return false;  // the usual turn: a load, no exchange
  OffloadJob* job = returned_.exchange(nullptr, std::memory_order_acquire);
  OffloadJob* oldest_first = nullptr;
  while (job != nullptr) {
    OffloadJob* const next = job->next_;
    job->next_ = oldest_first;
    oldest_first = job;
    job = next;
  }
  const bool any = oldest_first != nullptr;
  while (oldest_first != nullptr) {
    OffloadJob& finished = *oldest_first;
    oldest_first = finished.next_;
    finish(finished);
  }
  return any;
}

// --- InlineOffload

InlineOffload::InlineOffload(Reactor& reactor, size_t queue_limit)
    : Offload(reactor), queue_limit_(queue_limit) {
  reactor_.add_mailbox(*this);
}

InlineOffload::~InlineOffload() {
  reactor_.remove_mailbox(*this);
  for (const auto& [back_at, job] : executed_) finish(*job);
  for (OffloadJob* job : jobs_) finish(*job);
}

bool InlineOffload::submit(OffloadJob& job) {
  if (jobs_.size() == queue_limit_) return false;
  jobs_.push_back(&job);
  return true;
}

bool InlineOffload::drain() {
  std::vector<OffloadJob*> jobs;
  jobs.swap(jobs_);
  for (OffloadJob* job : jobs) {
    if (!job->abandoned_.load(std::memory_order_relaxed)) job->execute();
    if (latency > Duration::zero()) {
      executed_.emplace_back(reactor_.now() + latency, job);
      if (!armed()) reactor_.timers().arm(*this, executed_.front().first);
    } else {
      finish(*job);
    }
  }
  return !jobs.empty();
}

void InlineOffload::on_timer() {
  while (!executed_.empty() && executed_.front().first <= reactor_.now()) {
    OffloadJob* const job = executed_.front().second;
    executed_.pop_front();
    finish(*job);
  }
  if (!executed_.empty()) reactor_.timers().arm(*this, executed_.front().first);
}

}  // namespace barid::rt
