#include "shard/runtime/scope.h"

namespace barid::rt {

StopSource::~StopSource() {
  for (StopCallback* callback = head_; callback != nullptr; callback = callback->next_) {
    callback->source_ = nullptr;
  }
}

void StopSource::request() {
  if (requested_) return;
  requested_ = true;
  while (head_ != nullptr) {
    StopCallback* callback = head_;
    callback->unlink();
    callback->on_stop();
  }
}

StopCallback::StopCallback(StopSource& source) noexcept : source_(&source), next_(source.head_) {
  if (next_ != nullptr) next_->previous_ = this;
  source.head_ = this;
}

StopCallback::~StopCallback() { unlink(); }

void StopCallback::unlink() noexcept {
  if (source_ == nullptr) return;
  if (previous_ != nullptr) {
    previous_->next_ = next_;
  } else {
    source_->head_ = next_;
  }
  if (next_ != nullptr) next_->previous_ = previous_;
  source_ = nullptr;
  previous_ = nullptr;
  next_ = nullptr;
}

/// The fire-and-forget coroutine under a spawned task: its frame frees itself at the end.
struct Scope::Root {
  struct promise_type {
    static void* operator new(size_t bytes) { return frame_pool_allocate(bytes); }
    static void operator delete(void* frame, size_t bytes) noexcept {
      frame_pool_free(frame, bytes);
    }
    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Scope::Root Scope::run(Task<void> task) {
  co_await std::move(task);
  on_task_end();
}

void Scope::spawn(Task<void> task) {
  ++tasks_count_;
  run(std::move(task));
}

void Scope::on_task_end() {
  BARID_ASSERT(tasks_count_ > 0);
  --tasks_count_;
  if (tasks_count_ == 0 && joining_) idle_.set();
}

Task<Code> Scope::join(MonoTime deadline) {
  BARID_ASSERT(!joining_);
  while (tasks_count_ > 0) {
    joining_ = true;
    const Code code = co_await idle_.wait(deadline);
    joining_ = false;
    if (code != Code::kOk) co_return code;
  }
  idle_.reset();
  co_return Code::kOk;
}

}  // namespace barid::rt
