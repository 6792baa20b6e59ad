// Notices as the queue manager asks for them: from a stored message to a notice ready to be queued.
// Layer: deliver.
#pragma once

#include "deliver/notice.h"
#include "shard/schedule/queue_manager.h"

namespace barid {

struct NoticeSettings {
  std::string host_name;  ///< myhostname
  std::string origin;     ///< myorigin
  std::string mail_name;
  uint64_t bounce_size_limit = 50'000;
};

class QueueNotices final : public schedule::NoticeComposer {
 public:
  void set(NoticeSettings settings) { settings_ = std::move(settings); }

  [[nodiscard]] std::optional<schedule::Notice> compose_failure(
      const queue::Message& message, const std::vector<std::string_view>& content, QueueId id,
      WallTime now) const override;

 private:
  NoticeSettings settings_;
};

}  // namespace barid
