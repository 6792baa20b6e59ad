// One queue operation on all shards at once: started, looked at, cancelled and ended from one of
// them. Layer: tools. Used on the shard that made it.
#pragma once

#include <vector>

#include "shard/schedule/queue_operation.h"
#include "tools/barid/shard.h"

namespace barid::tools {

class OperationRun {
 public:
  /// `request` outlives it.
  OperationRun(Shard::Inside& inside, const schedule::OperationRequest& request)
      : inside_(inside), request_(request) {}

  rt::Task<void> start();
  /// Asks how far they are.
  rt::Task<void> look();
  rt::Task<void> cancel();
  /// After total().finished: frees what start() made. Must be called.
  rt::Task<void> end();
  [[nodiscard]] const schedule::OperationProgress& total() const noexcept { return total_; }

 private:
  Shard::Inside& inside_;
  const schedule::OperationRequest& request_;
  std::vector<schedule::QueueOperation*> operations_;  // each is its own shard's; null = refused
  schedule::OperationProgress total_;
};

/// Does it and waits for it; for changes that are a part of something else.
rt::Task<void> run_operation(Shard::Inside& inside, const schedule::OperationRequest& request);

}  // namespace barid::tools
