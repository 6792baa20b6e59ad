#include "deliver/queue_notices.h"

namespace barid {
namespace {

NotificationKind log_kind(const PlannedNotice& planned) noexcept {
  const bool postmaster = planned.audience == Audience::kPostmaster;
  switch (planned.kind) {
    case NoticeKind::kFailure:
      return postmaster ? NotificationKind::kPostmasterNonDelivery
                        : NotificationKind::kSenderNonDelivery;
    case NoticeKind::kDelay:
      return postmaster ? NotificationKind::kPostmasterDelay : NotificationKind::kSenderDelay;
    case NoticeKind::kSuccess:
      break;
  }
  return NotificationKind::kSenderStatus;
}

NoticeAction action_of(NoticeKind kind, const queue::RecipientStatus& status) noexcept {
  if (kind == NoticeKind::kFailure) return NoticeAction::kFailed;
  if (kind == NoticeKind::kDelay) return NoticeAction::kDelayed;
  return status.success == queue::SuccessReport::kRelayed ? NoticeAction::kRelayed
                                                          : NoticeAction::kDelivered;
}

const NoticeTemplate& words_for(NoticeKind kind, const NoticeTemplates& words) noexcept {
  if (kind == NoticeKind::kFailure) return words.failure;
  return kind == NoticeKind::kDelay ? words.delay : words.success;
}

}  // namespace

queue::SuccessReport QueueNotices::success_report(const queue::Message& message,
                                                  const Recipient& recipient,
                                                  const Outcome& outcome) const {
  return success_report_due(message, recipient, outcome, settings_.policy);
}

bool QueueNotices::anything_due(const queue::Message& message, WallTime now) const {
  return anything_to_settle(message, settings_.policy, now);
}

bool QueueNotices::needs_content(const queue::Message& message, WallTime now) const {
  return !plan_notices(message, settings_.policy, now).notices.empty();
}

schedule::DueNotices QueueNotices::compose_due(const queue::Message& message,
                                               const std::vector<std::string_view>& content,
                                               absl::FunctionRef<QueueId()> allocate_id,
                                               WallTime now) const {
  NoticePlan plan = plan_notices(message, settings_.policy, now);
  schedule::DueNotices due{
      .told = std::move(plan.told), .delay_told = plan.delay_told, .discarded = plan.discarded};
  for (const PlannedNotice& planned : plan.notices) {
    due.notices.push_back(compose(message, planned, content, allocate_id(), now));
  }
  return due;
}

schedule::Notice QueueNotices::compose(const queue::Message& message, const PlannedNotice& planned,
                                       const std::vector<std::string_view>& content, QueueId id,
                                       WallTime now) const {
  std::vector<NoticeRecipient> about;
  about.reserve(planned.recipients.size());
  for (const uint32_t index : planned.recipients) {
    const queue::RecipientStatus& status = message.status[index];
    about.push_back({.recipient = &message.envelope.recipients[index],
                     .action = action_of(planned.kind, status),
                     .dsn = status.dsn,
                     .text = status.reason,
                     .remote_mta = status.remote_mta,
                     .diagnostic = status.diagnostic});
  }
  const bool to_postmaster = planned.audience == Audience::kPostmaster;
  const WallTime retry_until =
      std::chrono::time_point_cast<WallTime::duration>(message.created + settings_.queue_lifetime);
  ComposedNotice composed = compose_notice(
      {.kind = planned.kind,
       .audience = planned.audience,
       .host_name = settings_.host_name,
       .origin = settings_.origin,
       .mail_name = settings_.mail_name,
       .queue_id = message.id,
       .notice_id = id,
       .arrival_time = message.arrival,
       .now = now,
       .retry_until = retry_until,
       .envelope = &message.envelope,
       .notice_sender = to_postmaster ? std::string_view(settings_.policy.double_bounce_address)
                                      : std::string_view(),
       .notice_recipient = planned.to,
       .recipients = about,
       .returned = planned.returned,
       .bounce_size_limit = settings_.bounce_size_limit,
       .threaded = settings_.threaded,
       .words = &words_for(planned.kind, settings_.words)},
      content);
  schedule::Notice notice{.kind = log_kind(planned),
                          .id = id,
                          .envelope = std::move(composed.envelope),
                          .content = ContentRef::make()};
  notice.content->append(composed.content);
  return notice;
}

}  // namespace barid
