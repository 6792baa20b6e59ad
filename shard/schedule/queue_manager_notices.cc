// Notices: made when a round of attempts is over, stored in the same group as the change that they
// settle, so that a crash neither loses nor doubles them.
#include <fmt/format.h>

#include "shard/schedule/queue_manager.h"

namespace barid::schedule {

using queue::Message;
using queue::RecipientState;
using queue::RecipientStatus;
using queue::SuccessReport;

namespace {

/// What was told, or need not be, is not told again.
void settle_told(Message& message, const DueNotices& due) {
  for (const uint32_t recipient : due.told) {
    RecipientStatus& status = message.status[recipient];
    if (status.state == RecipientState::kFailed) status.state = RecipientState::kSettled;
    status.success = SuccessReport::kNone;
  }
  message.delay_notice_sent = message.delay_notice_sent || due.delay_told;
}

}  // namespace

uint64_t QueueManager::stage_notice(Message& about, Notice notice) {
  log_.write({},
             BounceNotification{.queue_id = about.id, .kind = notice.kind, .notice_id = notice.id});
  counters_.add(Counter::kNoticesSent);
  notice.envelope.origin = MailOrigin::kNotice;
  return stage(Submission{.id = notice.id,
                          .envelope = std::move(notice.envelope),
                          .content = std::move(notice.content),
                          .arrival = reactor_.wall_now(),
                          .is_notice = true,
                          .partition = about.partition});
}

/// Queues what is due in the same group as the record that no longer owes it. Whatever keeps a
/// notice from being made keeps it due and the message queued: it comes back here at its next due
/// time.
rt::Task<void> QueueManager::settle_with_notices(Message* message) {
  static const std::vector<std::string_view> kNothing;
  ContentRef content;
  if (notices_.needs_content(*message, reactor_.wall_now())) {
    const Result<ContentRef> loaded = co_await content_of(*message);
    if (loaded.ok()) {
      content = *loaded;
    } else if (loaded.error().code != Code::kCorrupt && loaded.error().code != Code::kNotFound) {
      warn(fmt::format("notice not made: content: {}", code_name(loaded.error().code)),
           message->id);
      defer(*message);
      co_return;
    }
  }
  for (;;) {
    if (!message->partition->writable()) {
      defer(*message);
      co_return;
    }
    DueNotices due = notices_.compose_due(
        *message, content ? content->spans() : kNothing,
        [message] { return message->partition->allocate_id(); }, reactor_.wall_now());
    BARID_ASSERT(!due.told.empty() || due.delay_told);
    if (due.discarded) warn("undeliverable postmaster notification discarded", message->id);
    uint64_t group = 0;
    for (Notice& notice : due.notices) group = stage_notice(*message, std::move(notice));
    settle_told(*message, due);
    if (!notices_.anything_due(*message, reactor_.wall_now())) break;
    // More than one group should hold: this part is settled on disk before the next is made.
    BARID_ASSERT(!due.notices.empty());
    if (message->hold) {
      file_on_hold(*message);
    } else {
      rewrite(*message, filing_of(*message), reactor_.wall_now());
    }
    const Status stored = co_await message->partition->committed(group);
    if (!stored.ok()) {  // made again when the store is back
      defer(*message);
      co_return;
    }
  }
  finish(*message);
}

}  // namespace barid::schedule
