#include "deliver/queue_notices.h"

namespace barid {

std::optional<schedule::Notice> QueueNotices::compose_failure(
    const queue::Message& message, const std::vector<std::string_view>& content, QueueId id,
    WallTime now) const {
  std::vector<Outcome> outcomes(message.status.size());
  std::vector<FailedRecipient> failed;
  for (size_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    if (status.state != queue::RecipientState::kFailed) continue;
    outcomes[i] = Outcome{.disposition = Disposition::kFailed,
                          .dsn = status.dsn,
                          .text = status.reason,
                          .remote_mta = status.remote_mta,
                          .diagnostic = status.diagnostic};
    failed.push_back({.recipient = &message.envelope.recipients[i], .outcome = &outcomes[i]});
  }
  std::optional<Notice> notice =
      compose_failure_notice({.host_name = settings_.host_name,
                              .origin = settings_.origin,
                              .mail_name = settings_.mail_name,
                              .queue_id = message.id,
                              .notice_id = id,
                              .arrival_time = message.arrival,
                              .now = now,
                              .envelope = &message.envelope,
                              .recipients = failed,
                              .bounce_size_limit = settings_.bounce_size_limit},
                             content);
  if (!notice) return std::nullopt;
  schedule::Notice result{.envelope = std::move(notice->envelope), .content = ContentRef::make()};
  result.content->append(notice->content);
  return result;
}

}  // namespace barid
