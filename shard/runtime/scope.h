// Scope: owns background tasks. Work starts only through a scope, and a scope is joined before its
// owner dies; destroying a non-empty one is a bug (docs/style.md C6).
// StopSource/StopCallback: cooperative cancellation inside a shard, no allocation.
// Layer: shard/runtime. Shard-owned.
#pragma once

#include <cstdint>

#include "shard/runtime/event.h"
#include "shard/runtime/task.h"

namespace barid::rt {

class StopCallback;

/// Asks everything registered with it to stop, once.
class StopSource {
 public:
  StopSource() = default;
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;
  ~StopSource();

  [[nodiscard]] bool requested() const noexcept { return requested_; }
  /// Calls every registered callback. A callback may unregister itself or others.
  void request();

 private:
  friend class StopCallback;
  StopCallback* head_ = nullptr;
  bool requested_ = false;
};

/// Registered for its whole life, or until the source dies.
class StopCallback {
 public:
  explicit StopCallback(StopSource& source) noexcept;
  StopCallback(const StopCallback&) = delete;
  StopCallback& operator=(const StopCallback&) = delete;

  virtual void on_stop() = 0;

 protected:
  ~StopCallback();

 private:
  friend class StopSource;
  void unlink() noexcept;
  StopSource* source_;
  StopCallback* previous_ = nullptr;
  StopCallback* next_ = nullptr;
};

class Scope {
 public:
  explicit Scope(Reactor& reactor) noexcept : idle_(reactor) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { BARID_ASSERT(tasks_count_ == 0); }

  /// Starts `task` at once, up to its first suspension. The scope owns the frame until it ends.
  void spawn(Task<void> task);
  [[nodiscard]] uint32_t tasks_count() const noexcept { return tasks_count_; }
  /// Waits until all tasks ended; kTimeout if the deadline passes first.
  Task<Code> join(MonoTime deadline);

 private:
  struct Root;
  Root run(Task<void> task);
  void on_task_end();

  Event idle_;
  uint32_t tasks_count_ = 0;
  bool joining_ = false;
};

}  // namespace barid::rt
