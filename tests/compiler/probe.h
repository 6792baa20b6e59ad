// What the compiler probes share: a task type of the same shape as shard/runtime/task.h (kept
// apart, so that a probe measures the compiler and not our library), a reactor in miniature, and
// Tracked, which notices copies that no constructor made and destructors that run twice. Layer:
// tests. One thread.
#pragma once

#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace probe {

inline bool g_suspend = false;  ///< true: awaited functions really suspend once
inline int g_hits = 0;
inline int64_t g_frames_live = 0;
inline std::deque<std::coroutine_handle<>> g_ready;

/// Counts its instances. `self` tells a constructed object from a bitwise copy of one.
struct Tracked {
  static inline int live = 0;
  static inline int faults_count = 0;
  const Tracked* self;
  int value;

  explicit Tracked(int v) : self(this), value(v) { ++live; }
  Tracked(const Tracked& other) : self(this), value(other.value) {
    other.check();
    ++live;
  }
  Tracked(Tracked&& other) noexcept : self(this), value(other.value) {
    other.check();
    ++live;
  }
  Tracked& operator=(const Tracked& other) {
    check();
    value = other.value;
    return *this;
  }
  Tracked& operator=(Tracked&& other) noexcept {
    check();
    value = other.value;
    return *this;
  }
  ~Tracked() {
    check();
    self = nullptr;
    value = -1;
    --live;
  }
  void check() const noexcept {
    if (self != this) ++faults_count;
  }
};

/// Frames are overwritten before they are freed, so that a later read shows without a sanitizer
/// too.
struct Frame {
  static void* operator new(size_t bytes) {
    ++g_frames_live;
    return std::malloc(bytes);
  }
  static void operator delete(void* frame, size_t bytes) noexcept {
    --g_frames_live;
    std::memset(frame, 0xdd, bytes);
    std::free(frame);
  }
};

template <typename T>
struct Holder {
  std::optional<T> value;
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};
template <>
struct Holder<void> {
  void return_void() noexcept {}
  void take() noexcept {}
};

/// kSymmetric: the awaiter transfers to the child and the child back; otherwise the awaiter runs
/// the child in place and suspends only if the child is still pending.
template <typename T, bool kSymmetric>
class [[nodiscard]] BasicTask {
 public:
  struct promise_type : Frame, Holder<T> {
    std::coroutine_handle<> continuation;
    struct Final {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        const std::coroutine_handle<> next = self.promise().continuation;
        return next ? next : std::noop_coroutine();
      }
      void await_resume() const noexcept {}
    };
    BasicTask get_return_object() noexcept {
      return BasicTask(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  explicit BasicTask(Handle handle) noexcept : handle_(handle) {}
  BasicTask(BasicTask&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  BasicTask(const BasicTask&) = delete;
  BasicTask& operator=(const BasicTask&) = delete;
  BasicTask& operator=(BasicTask&&) = delete;
  ~BasicTask() {
    if (handle_) handle_.destroy();
  }

  struct InPlace {
    Handle child;
    bool await_ready() const noexcept { return false; }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> parent) const {
      child.resume();
      if (child.done()) return false;
      child.promise().continuation = parent;
      return true;
    }
    T await_resume() const { return child.promise().take(); }
  };
  struct Transfer {
    Handle child;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) const noexcept {
      child.promise().continuation = parent;
      return child;
    }
    T await_resume() const { return child.promise().take(); }
  };
  auto operator co_await() && noexcept {
    if constexpr (kSymmetric) {
      return Transfer{handle_};
    } else {
      return InPlace{handle_};
    }
  }

  Handle handle() const noexcept { return handle_; }

 private:
  Handle handle_;
};

template <typename T = void>
using Task = BasicTask<T, false>;
template <typename T = void>
using SymmetricTask = BasicTask<T, true>;

/// Suspends until the miniature reactor gets to it, if the probe runs in suspending mode.
struct MaybeSuspend {
  bool await_ready() const noexcept { return !g_suspend; }
  void await_suspend(std::coroutine_handle<> self) const { g_ready.push_back(self); }
  void await_resume() const noexcept {}
};

/// Runs a task and whatever it makes ready to its end; the frame dies with the argument.
template <typename TaskType>
auto run(TaskType task) {
  task.handle().resume();
  while (!g_ready.empty()) {
    const std::coroutine_handle<> next = g_ready.front();
    g_ready.pop_front();
    next.resume();
  }
  return task.handle().promise().take();
}

}  // namespace probe
