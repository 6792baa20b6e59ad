// Blocking work (SQL and LDAP look-ups, crypt(3), mailbox files, child processes) off the shards.
//
//   co_await shard_offload.run([key] { return blocking_lookup(key); }, deadline)
//
// The callable runs on a thread of the OffloadPool; its result comes back to the shard as a message
// through a mailbox. A full pool answers kExhausted at once. When the deadline passes first, the
// awaiter gets kTimeout and the job is dropped: not started if it still waits, its result thrown
// away if it runs. Jobs are allocated and freed by the shard; the pool only borrows them
// (docs/style.md X2), so a callable's captures need no thread-safe reference counts. What a
// callable refers to must live until the job ends, however late: capture by value.
// Layer: shard/runtime. OffloadPool: any thread. Offload: shard-owned.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "shard/runtime/event.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/task.h"

namespace barid::rt {

class ShardOffload;

/// One piece of blocking work, linked into whichever queue holds it.
class OffloadJob {
 public:
  OffloadJob(const OffloadJob&) = delete;
  OffloadJob& operator=(const OffloadJob&) = delete;
  virtual ~OffloadJob() = default;

 protected:
  OffloadJob() = default;

 private:
  friend class Offload;
  friend class OffloadPool;
  friend class ShardOffload;
  friend class InlineOffload;

  /// Pool thread. Does the work and keeps the result.
  virtual void execute() = 0;

  OffloadJob* next_ = nullptr;
  ShardOffload* home_ = nullptr;        ///< where it goes when done
  Event* done_ = nullptr;               ///< shard only; null = the awaiter gave up
  bool finished_ = false;               ///< shard only
  std::atomic<bool> abandoned_{false};  ///< lets the pool skip what nobody waits for
};

namespace detail {
template <typename T>
struct OffloadResult {
  using Type = Result<T>;
};
template <typename T>
struct OffloadResult<Result<T>> {
  using Type = Result<T>;
};

template <typename F>
class CallJob final : public OffloadJob {
 public:
  using Value = std::invoke_result_t<F&>;
  using ResultType = typename OffloadResult<Value>::Type;

  explicit CallJob(F call) : call_(std::move(call)) {}
  /// kCancelled if the pool shut down before the job's turn came.
  ResultType take() {
    if (!result_.has_value())
      return Error{.code = Code::kCancelled, .text = "offload pool stopped"};
    return *std::move(result_);
  }

 private:
  void execute() override {
    if constexpr (std::is_void_v<Value>) {
      call_();
      result_.emplace();
    } else {
      result_.emplace(call_());
    }
  }
  F call_;
  std::optional<ResultType> result_;
};
}  // namespace detail

/// A shard's way to blocking work; the seam that simulation replaces.
class Offload {
 public:
  explicit Offload(Reactor& reactor) noexcept : reactor_(reactor) {}
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;
  virtual ~Offload() = default;

  /// Runs `call()` elsewhere. A callable that returns T or Result<T> makes this Result<T>.
  /// Errors, beside the callable's own: kExhausted (queue full), kTimeout, kCancelled (pool
  /// stopped).
  template <typename F>
  Task<typename detail::CallJob<F>::ResultType> run(F call, MonoTime deadline);

  struct Counters {
    uint64_t submitted = 0;
    uint64_t finished = 0;
    uint64_t rejected = 0;   ///< the pool's queue was full, or it had stopped
    uint64_t abandoned = 0;  ///< the deadline came first
  };
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  /// Jobs that the pool still holds.
  [[nodiscard]] uint64_t pending_count() const noexcept {
    return counters_.submitted - counters_.finished;
  }

 protected:
  /// False = no room; the job stays the caller's.
  virtual bool submit(OffloadJob& job) = 0;
  /// The shard, once per submitted job: tells its awaiter, or frees a job that has none.
  void finish(OffloadJob& job);

  Reactor& reactor_;

 private:
  void count_submission(bool accepted) noexcept {
    ++(accepted ? counters_.submitted : counters_.rejected);
  }
  void abandon(OffloadJob& job) noexcept;
  Counters counters_;
};

/// A few threads and one bounded queue, shared by all shards.
class OffloadPool {
 public:
  OffloadPool(unsigned threads_count, size_t queue_limit);
  /// As stop().
  ~OffloadPool();
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;

  /// Sends back what has not started, waits for what runs, ends the threads. Idempotent.
  void stop();

 private:
  friend class ShardOffload;
  bool submit(OffloadJob& job);
  void work();

  std::mutex mutex_;
  std::condition_variable work_ready_;
  OffloadJob* head_ = nullptr;
  OffloadJob* tail_ = nullptr;
  size_t queued_count_ = 0;
  const size_t queue_limit_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// The real Offload. Destroyed before its reactor and its pool (which may have stopped), and when
/// no coroutine waits in run() any more; the destructor blocks until the pool gave all jobs back.
class ShardOffload final : public Offload, private Mailbox {
 public:
  ShardOffload(Reactor& reactor, OffloadPool& pool);
  ~ShardOffload() override;

 private:
  friend class OffloadPool;
  bool submit(OffloadJob& job) override;
  /// Pool threads.
  void give_back(OffloadJob& job) noexcept;
  bool drain() override;
  bool has_mail() const noexcept override {
    return returned_.load(std::memory_order_relaxed) != nullptr;
  }

  OffloadPool& pool_;
  std::atomic<OffloadJob*> returned_{nullptr};  // newest first; many producers, one consumer
  std::atomic<uint32_t> returning_count_{0};    // pool threads inside give_back()
};

/// The twin for simulation and tests: runs each job on the shard itself, one turn later, in order.
/// With `latency` its result is that much older when it comes back.
class InlineOffload final : public Offload, private Mailbox, private Timer {
 public:
  explicit InlineOffload(Reactor& reactor, size_t queue_limit = 1024);
  ~InlineOffload() override;

  Duration latency{};

 private:
  bool submit(OffloadJob& job) override;
  bool drain() override;
  bool has_mail() const noexcept override { return !jobs_.empty(); }
  void on_timer() override;

  const size_t queue_limit_;
  std::vector<OffloadJob*> jobs_;
  std::deque<std::pair<MonoTime, OffloadJob*>> executed_;  // and when each comes back
};

template <typename F>
Task<typename detail::CallJob<F>::ResultType> Offload::run(F call, MonoTime deadline) {
  auto job = std::make_unique<detail::CallJob<F>>(std::move(call));
  Event done(reactor_);
  job->done_ = &done;
  const bool accepted = submit(*job);
  count_submission(accepted);
  if (!accepted) co_return Error{.code = Code::kExhausted, .text = "offload queue full"};
  const Code waited = co_await done.wait(deadline);
  if (!job->finished_) {
    abandon(*job.release());  // finish() frees it
    co_return Error{.code = waited, .text = "offload"};
  }
  co_return job->take();
}

}  // namespace barid::rt
