#include "deliver/session_notices.h"

#include <fmt/format.h>

#include "deliver/session_notice.h"

namespace barid {
namespace {

constexpr Duration kHour = std::chrono::hours(1);

uint8_t trouble_classes(uint8_t notice_classes) noexcept {
  uint8_t classes = 0;
  if ((notice_classes & kNoticePolicy) != 0) classes |= smtp::kTroublePolicy;
  if ((notice_classes & kNoticeProtocol) != 0) classes |= smtp::kTroubleProtocol;
  if ((notice_classes & kNoticeResource) != 0) classes |= smtp::kTroubleResource;
  if ((notice_classes & kNoticeSoftware) != 0) classes |= smtp::kTroubleSoftware;
  if ((notice_classes & kNoticeData) != 0) classes |= smtp::kTroubleData;
  return classes;
}

LogProgram program_of(smtp::SessionRole role) noexcept {
  if (role == smtp::SessionRole::kServer) return LogProgram::kSmtpd;
  return role == smtp::SessionRole::kSmtpClient ? LogProgram::kSmtp : LogProgram::kLmtp;
}

}  // namespace

void SessionNotices::set(const NoticeSettings& settings) {
  host_name_ = settings.host_name;
  origin_ = settings.origin;
  mail_name_ = settings.mail_name;
  from_ = settings.words.failure.from;
  sender_ = settings.policy.double_bounce_address;
  recipient_ = settings.error_postmaster;
  wanted_ = trouble_classes(settings.policy.classes);
  per_hour_ = settings.session_notices_per_hour;
}

bool SessionNotices::take_turn() {
  const MonoTime now = reactor_.now();
  if (hour_began_ == MonoTime{} || now - hour_began_ >= kHour) {
    hour_began_ = now;
    sent_ = 0;
  }
  if (per_hour_ != 0 && sent_ >= per_hour_) return false;
  // A full or failed store: a notice would be one more message that cannot be kept.
  if (!queue_.refuse_mail(0).empty()) return false;
  ++sent_;
  return true;
}

void SessionNotices::on_trouble(smtp::SessionRole role, std::string_view peer_name,
                                std::string_view peer_address, const smtp::Transcript& transcript) {
  if (!take_turn()) {
    if (left_out_++ == 0) {
      log_.write({}, LogNote{.program = program_of(role),
                             .severity = LogSeverity::kWarning,
                             .text = fmt::format(
                                 "no notice of errors from {}[{}], nor of others for a while: "
                                 "error_notice_rate_limit, or no room in the queue",
                                 peer_name, peer_address)});
    }
    return;
  }
  const QueueId id = queue_.home().allocate_id();
  ComposedNotice composed = compose_session_notice({.role = role,
                                                    .host_name = host_name_,
                                                    .origin = origin_,
                                                    .mail_name = mail_name_,
                                                    .from = from_,
                                                    .notice_sender = sender_,
                                                    .notice_recipient = recipient_,
                                                    .peer_name = peer_name,
                                                    .peer_address = peer_address,
                                                    .notice_id = id,
                                                    .now = reactor_.wall_now(),
                                                    .left_out_count = left_out_},
                                                   transcript);
  left_out_ = 0;
  schedule::QueueManager::Submission submission{.id = id,
                                                .envelope = std::move(composed.envelope),
                                                .content = ContentRef::make(),
                                                .arrival = reactor_.wall_now(),
                                                .is_notice = true};
  submission.content->append(composed.content);
  queue_.stage(std::move(submission));
  log_.write({}, LogNote{.program = program_of(role),
                         .queue_id = id,
                         .text = fmt::format("postmaster notification: errors from {}[{}]",
                                             peer_name, peer_address)});
}

}  // namespace barid
