// ClientSession: what is said, for those who watch and for the postmaster's transcript. Of contents
// only how much, of AUTH only the mechanism.
#include <algorithm>

#include "core/text/ascii.h"
#include "smtp/client/session.h"

namespace barid::smtp {
namespace {

constexpr size_t kTranscriptBytesMax = 16 * 1024;
constexpr size_t kLineBytesMax = 2048;  // a longer one comes in pieces

}  // namespace

/// In transcripts of ours only a protocol error counts: what a server thinks of mail is its own.
void ClientSession::set_transcripts(TranscriptSink* transcripts) {
  transcripts_ = transcripts;
  if (transcripts == nullptr || (transcripts->wanted() & kTroubleProtocol) == 0) return;
  transcript_ = std::make_unique<Transcript>(kTranscriptBytesMax);
}

void ClientSession::show(bool sent, std::string_view lines) {
  if (tap_ != nullptr && tap_->active()) {
    tap_->on_dialogue({.is_client = false,
                       .name = host_,
                       .address = stream_.peer().ip_text(),
                       .session = log_pid_},
                      sent, lines);
  }
  if (!transcript_) return;
  if (sent) {
    transcript_->add_output(lines);
  } else {
    transcript_->add_input(lines);
  }
}

void ClientSession::show_output() {
  std::string commands;
  size_t content_bytes = 0;
  for (const iovec& vector : vectors_) {
    if (machine_.is_command(vector.iov_base)) {
      commands.append(static_cast<const char*>(vector.iov_base), vector.iov_len);
    } else {
      content_bytes += vector.iov_len;
    }
  }
  const bool is_secret = machine_.in_login() && !text::starts_with_ignore_case(commands, "AUTH ");
  if (is_secret) commands = "(left out)\r\n";
  if (!commands.empty()) show(/*sent=*/true, without_secrets(commands));
  if (content_bytes > 0) {
    show(/*sent=*/true, "(" + std::to_string(content_bytes) + " bytes of content)\r\n");
  }
}

/// Replies in whole lines, however they come.
void ClientSession::show_input(std::string_view bytes) {
  unshown_ += bytes;
  const size_t end = unshown_.rfind('\n');
  const bool is_long = end == std::string::npos && unshown_.size() > kLineBytesMax;
  const size_t whole = is_long ? unshown_.size() : end == std::string::npos ? 0 : end + 1;
  if (whole == 0) return;
  const bool is_challenge = machine_.in_login() && unshown_.starts_with("334 ");
  show(/*sent=*/false, is_challenge ? std::string_view("334 (left out)\r\n")
                                    : std::string_view(unshown_).substr(0, whole));
  unshown_.erase(0, whole);
}

bool ClientSession::is_notice(const Envelope& envelope) const noexcept {
  return envelope.origin == MailOrigin::kNotice ||
         text::equals_ignore_case(envelope.sender, transcripts_->notice_sender());
}

void ClientSession::note_message(const Envelope& envelope) {
  if (transcript_ && is_notice(envelope)) ++notices_count_;
}

/// An error about a notice makes no other notice: mail about mail ends.
void ClientSession::look_for_error(bool notices_were_under_way) {
  if (error_seen_ || !machine_.protocol_error()) return;
  error_seen_ = true;
  about_notice_ = notices_were_under_way;
}

void ClientSession::end_transcript() {
  const std::unique_ptr<Transcript> transcript = std::move(transcript_);
  look_for_error(notices_count_ > 0);
  if (!transcript || about_notice_ || !error_seen_) return;
  transcript->mark(kTroubleProtocol);
  if ((transcript->classes() & transcripts_->wanted()) == 0) return;
  const std::string_view failure = machine_.failure_text();
  if (!failure.empty()) transcript->add_note(failure);
  transcripts_->on_trouble(machine_.lmtp() ? SessionRole::kLmtpClient : SessionRole::kSmtpClient,
                           host_, stream_.peer().ip_text(), *transcript);
}

}  // namespace barid::smtp
