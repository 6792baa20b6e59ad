#include "shard/queue/message_scan.h"

#include "shard/queue/record.h"

namespace barid::queue {
namespace {

std::string_view view(const std::array<char, QueueId::kKeyBytes>& key) noexcept {
  return {key.data(), key.size()};
}

class ScanVisitor final : public Store::Visitor {
 public:
  ScanVisitor(const ScanRange& range, const MessageFilter& filter, WallTime now, ScanBatch* batch)
      : range_(range), filter_(filter), now_(now), batch_(batch) {}

  bool on_entry(std::string_view key, std::string_view value) override {
    const auto id = QueueId::from_key(key);
    if (!id) return true;
    if (!range_.end.is_null() && *id >= range_.end) return false;
    if (seen_ == range_.examined_max || batch_->messages.size() == range_.found_max) {
      batch_->next = *id;
      batch_->done = false;
      return false;
    }
    ++seen_;
    Result<std::unique_ptr<Message>> message = decode_message(*id, value);
    if (!message.ok()) return true;
    ++batch_->examined;
    (*message)->area = range_.family == Family::kFresh ? Area::kFresh : Area::kQueued;
    const QueueName queue = queue_of(**message, range_.family == Family::kFresh);
    if (filter_.matches(**message, queue, now_)) batch_->messages.push_back(*std::move(message));
    return true;
  }

 private:
  const ScanRange& range_;
  const MessageFilter& filter_;
  const WallTime now_;
  ScanBatch* batch_;
  uint32_t seen_ = 0;
};

}  // namespace

Result<ScanBatch> scan_messages(const Store& store, const ScanRange& range,
                                const MessageFilter& filter, WallTime now) {
  ScanBatch batch{.done = true};
  ScanVisitor visitor(range, filter, now, &batch);
  const auto key = range.from.key();
  BARID_TRY_VOID(store.scan(range.family, view(key), visitor));
  return batch;
}

Result<ScanBatch> load_messages(const Store& store, const std::vector<QueueId>& ids) {
  ScanBatch batch{.done = true};
  for (const QueueId id : ids) {
    const auto key = id.key();
    const Result<std::string> record = store.get(Family::kQueued, view(key));
    if (!record.ok()) {
      if (record.error().code == Code::kNotFound) continue;
      return record.error();
    }
    Result<std::unique_ptr<Message>> message = decode_message(id, *record);
    if (!message.ok()) continue;
    ++batch.examined;
    (*message)->area = Area::kQueued;
    batch.messages.push_back(*std::move(message));
  }
  return batch;
}

}  // namespace barid::queue
