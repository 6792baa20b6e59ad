// What an operator does with many messages of one shard: hold, release, requeue, delete, expire,
// flush; by ids or by filter, as a dry run too. Works piece by piece: read and chosen off the
// shard, changed a few hundred at a time, each piece in one synced write, mail in between. Every
// message is changed as a whole or not at all, and exactly once, whatever happens to it meanwhile.
//
// A message that is being tried is marked: what waits of it is withdrawn at once, and the order is
// carried out when the deliveries under way have ended.
// Source: Postfix's postsuper(1) for the meaning of each action and the log lines.
// Layer: shard/schedule. Shard-owned.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/queue_id.h"
#include "shard/queue/message_filter.h"
#include "shard/queue/message_scan.h"
#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

enum class QueueAction : uint8_t {
  kHold,           ///< out of the schedule until released
  kRelease,        ///< from hold, due now
  kRequeue,        ///< a new message with a new id and a new life; from hold too
  kDelete,         ///< without any notice
  kExpire,         ///< back to the sender now; on hold, when it is released
  kExpireRelease,  ///< the same, from hold too
  kFlush,          ///< due now
};
inline constexpr size_t kQueueActionCount = 7;
/// "hold", "release", "requeue", "delete", "expire", "expire-release", "flush".
[[nodiscard]] std::string_view queue_action_name(QueueAction action) noexcept;
[[nodiscard]] std::optional<QueueAction> find_queue_action(std::string_view name) noexcept;

inline constexpr size_t kOperationIdsMax = 1000;

struct OperationRequest {
  QueueAction action = QueueAction::kHold;
  bool dry_run = false;
  bool revives = true;  ///< a flush forgets dead sites, whatever it is for, as in Postfix
  /// Not empty: these, at most kOperationIdsMax; the filter then only restricts states.
  std::vector<QueueId> ids;
  queue::MessageFilter filter;
};

struct OperationProgress {
  uint64_t examined = 0;
  uint64_t matched = 0;          ///< the action applies to them
  uint64_t released = 0;         ///< of matched: they were on hold and are no longer
  uint64_t busy = 0;             ///< of matched: changed when the deliveries under way end
  std::vector<QueueId> found;    ///< of a request by ids: those that exist
  std::vector<QueueId> changed;  ///< of a request by ids: those of matched
  bool finished = false;
  /// After the end: kOk, kCancelled, kUnavailable (the store failed; what is counted is done),
  /// kIo or kTimeout (reading did not work; what is counted is done).
  Code code = Code::kOk;
};

class QueueOperation {
 public:
  /// `manager` outlives it, and it outlives its task.
  QueueOperation(QueueManager& manager, OperationRequest request);

  /// Starts it on the manager's scope.
  void start();
  /// It ends after the piece that is under way.
  void cancel() noexcept { cancelled_ = true; }
  [[nodiscard]] const OperationProgress& progress() const noexcept { return progress_; }

 private:
  using Source = QueueManager::Source;
  using Messages = std::vector<std::unique_ptr<queue::Message>>;

  rt::Task<void> run();
  rt::Task<void> run_source(Source* source);
  rt::Task<bool> wait_adopted();
  // What is in memory.
  rt::Task<void> change_memory();
  /// Marks the message if it is in memory; false if it is not.
  bool mark(QueueId id);
  void withdraw_marked();
  // What is on disk.
  rt::Task<void> change_stored(Source* source, QueueId end);
  rt::Task<void> change_ids(Source* source, std::vector<QueueId> ids);
  /// Changes them and waits until that is on disk. What cannot be decided now is added to `again`.
  rt::Task<void> change_batch(Source* source, Messages messages,
                              const ChangeWatch::Reading* reading, std::vector<QueueId>* again);
  void change(Source& source, queue::Message& message);
  rt::Task<void> requeue(Source* source, QueueId id);
  /// False: the message changed meanwhile, look again.
  rt::Task<bool> try_requeue(Source* source, QueueId id);
  rt::Task<void> commit(Source* source);
  rt::Task<void> commit_marked();

  [[nodiscard]] bool applies(const queue::Message& message, bool in_memory) const;
  void count(const queue::Message& message);
  void log_change(QueueId id, bool was_held);
  void fail(Code code) noexcept;
  [[nodiscard]] bool over() const noexcept;

  QueueManager& manager_;
  OperationRequest request_;
  OperationProgress progress_;
  absl::flat_hash_set<QueueId> marked_;  // handled in memory
  std::vector<QueueId> to_withdraw_;     // of marked_: since the last withdraw_marked()
  std::map<queue::Partition*, uint64_t> marked_groups_;  // the last with a mark, of each
  uint64_t uncommitted_group_ = 0;  // our last change of the present source; 0 = none
  bool cancelled_ = false;
};

}  // namespace barid::schedule
