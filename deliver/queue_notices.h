// Notices as the queue manager asks for them: from a stored message to notices ready to be queued.
// Layer: deliver.
#pragma once

#include "deliver/notice_plan.h"
#include "shard/schedule/notice_composer.h"

namespace barid {

struct NoticeSettings {
  std::string host_name;  ///< myhostname
  std::string origin;     ///< myorigin
  std::string mail_name;
  uint64_t bounce_size_limit = 50'000;
  bool threaded = false;                           ///< enable_threaded_bounces
  Duration queue_lifetime = std::chrono::days(5);  ///< maximal_queue_lifetime
  NoticePolicy policy;
  NoticeTemplates words;
  std::string error_postmaster;           ///< error_notice_recipient, with domain
  uint32_t session_notices_per_hour = 0;  ///< of this shard; 0 = no limit
};

class QueueNotices final : public schedule::NoticeComposer {
 public:
  void set(NoticeSettings settings) { settings_ = std::move(settings); }

  [[nodiscard]] queue::SuccessReport success_report(const queue::Message& message,
                                                    const Recipient& recipient,
                                                    const Outcome& outcome) const override;
  [[nodiscard]] bool anything_due(const queue::Message& message, WallTime now) const override;
  [[nodiscard]] bool needs_content(const queue::Message& message, WallTime now) const override;
  [[nodiscard]] schedule::DueNotices compose_due(const queue::Message& message,
                                                 const std::vector<std::string_view>& content,
                                                 absl::FunctionRef<QueueId()> allocate_id,
                                                 WallTime now) const override;

 private:
  [[nodiscard]] schedule::Notice compose(const queue::Message& message,
                                         const PlannedNotice& planned,
                                         const std::vector<std::string_view>& content, QueueId id,
                                         WallTime now) const;
  NoticeSettings settings_;
};

}  // namespace barid
