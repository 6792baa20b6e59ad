#include "tools/barid/operation_run.h"

#include <algorithm>

#include "tools/barid/admin_queue_text.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

using schedule::OperationProgress;
using schedule::QueueOperation;

namespace {
constexpr Duration kPoll = std::chrono::milliseconds(5);
}  // namespace

rt::Task<void> OperationRun::start() {
  const auto begin = [this](Shard::Inside& shard, size_t) {
    auto* operation = new QueueOperation(shard_queue(shard), request_);  // freed on its own shard
    operation->start();
    return operation;
  };
  operations_ = co_await gather_each<QueueOperation*>(inside_, begin);
}

rt::Task<void> OperationRun::look() {
  const auto progress_of = [this](Shard::Inside&, size_t index) {
    return operations_[index] != nullptr ? operations_[index]->progress()
                                         : OperationProgress{.finished = true};
  };
  total_ = sum(co_await gather_each<OperationProgress>(inside_, progress_of));
}

rt::Task<void> OperationRun::cancel() {
  const auto stop = [this](Shard::Inside&, size_t index) {
    if (operations_[index] != nullptr) operations_[index]->cancel();
    return true;
  };
  static_cast<void>(co_await gather_each<bool>(inside_, stop));
}

rt::Task<void> OperationRun::end() {
  const bool all_started =
      std::find(operations_.begin(), operations_.end(), nullptr) == operations_.end();
  const auto forget = [this](Shard::Inside&, size_t index) {
    delete operations_[index];
    return true;
  };
  static_cast<void>(co_await gather_each<bool>(inside_, forget));
  if (!all_started && total_.code == Code::kOk) total_.code = Code::kUnavailable;
}

rt::Task<void> run_operation(Shard::Inside& inside, const schedule::OperationRequest& request) {
  OperationRun operation(inside, request);
  co_await operation.start();
  while (!operation.total().finished) {
    co_await rt::Sleep(shard_reactor(inside), shard_reactor(inside).now() + kPoll);
    co_await operation.look();
  }
  co_await operation.end();
}

}  // namespace barid::tools
