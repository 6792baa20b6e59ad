// Samples all shards' counters for the history that the console draws. Lives on the first shard.
// Layer: tools. Shard-owned.
#pragma once

#include "shard/runtime/event.h"
#include "shard/runtime/scope.h"
#include "tools/barid/rate_history.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class HistoryKeeper {
 public:
  explicit HistoryKeeper(Shard::Inside& inside);
  /// On one shard only; the others' stays empty.
  void start();
  [[nodiscard]] const RateHistory& history() const noexcept { return history_; }
  rt::Task<bool> close(MonoTime deadline);

 private:
  rt::Task<void> keep();

  Shard::Inside& inside_;
  RateHistory history_;
  rt::Event wake_;
  rt::Scope scope_;
  bool stopping_ = false;
};

}  // namespace barid::tools
