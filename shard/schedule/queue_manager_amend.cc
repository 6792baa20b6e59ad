// Messages that wait for a time of their sender's choice, moved to another time or withdrawn.
#include <algorithm>

#include "shard/queue/record.h"
#include "shard/schedule/queue_manager.h"

namespace barid::schedule {
namespace {
constexpr Duration kReadPatience = std::chrono::seconds(10);
}

void QueueManager::start_amendment(Amendment& amendment) { scope_.spawn(amend(&amendment)); }

rt::Task<void> QueueManager::amend(Amendment* amendment) {
  Result<uint64_t> staged = co_await stage_amendment(*amendment);
  if (!staged.ok()) {
    amendment->code = staged.error().code;
  } else {
    const Status status = co_await source_of(amendment->partition)->partition->committed(*staged);
    amendment->code = status.ok() ? Code::kOk : Code::kUnavailable;
  }
  amendment->done = true;
}

/// All of it in one turn, or nothing. The group it is in.
rt::Task<Result<uint64_t>> QueueManager::stage_amendment(const Amendment& amendment) {
  Source* source = source_of(amendment.partition);
  if (source == nullptr) co_return Error{.code = Code::kNotFound};
  const ChangeWatch::Reading reading(change_watch_);
  const auto records =
      co_await source->reader.load_queued(amendment.ids, reactor_.now() + kReadPatience);
  if (!records.ok()) co_return Error{.code = Code::kUnavailable};
  std::vector<std::unique_ptr<queue::Message>> messages;
  for (const queue::RawRecord& raw : *records) {
    // Being sent, sent, or changed while it was read.
    if (is_ours(raw.id) || reading.changed(raw.id) || raw.bytes.empty()) {
      co_return Error{.code = Code::kNotFound};
    }
    auto decoded = queue::decode_message(raw.id, raw.bytes);
    const bool waits = decoded.ok() && (*decoded)->attempts == 0 && !(*decoded)->hold &&
                       (*decoded)->due > reactor_.wall_now();
    if (!waits) co_return Error{.code = Code::kNotFound};
    messages.push_back(*std::move(decoded));
  }
  if (stopping_ || !source->partition->writable()) co_return Error{.code = Code::kUnavailable};
  uint64_t group = 0;
  for (const std::unique_ptr<queue::Message>& message : messages) {
    message->partition = source->partition;
    message->area = queue::Area::kQueued;
    if (amendment.due == WallTime{}) {
      remove(*message);
    } else {
      message->created = amendment.due;
      rewrite(*message, message->filed_under, amendment.due);
    }
  }
  for (const Amendment::Entry& entry : amendment.entries) {
    group = source->partition->put_entry(entry.family, entry.key, entry.value,
                                         queue::IfLost::kMadeAgain);
  }
  co_return group;
}

}  // namespace barid::schedule
