// ServerSession: what is kept of the dialogue for the postmaster.
#include "core/text/ascii.h"
#include "smtp/server/session.h"

namespace barid::smtp {
namespace {

// For those who want to see what clients do, most of a session; else what surrounds the trouble.
constexpr size_t kLongBytesMax = 16 * 1024;
constexpr size_t kShortBytesMax = 1024;

}  // namespace

void ServerSession::begin_transcript() {
  if (env_.transcripts == nullptr) return;
  const uint8_t wanted = env_.transcripts->wanted();
  if (wanted == 0) return;
  const bool is_long = (wanted & (kTroublePolicy | kTroubleProtocol)) != 0;
  transcript_ = std::make_unique<Transcript>(is_long ? kLongBytesMax : kShortBytesMax);
}

/// Before the input is consumed. Content is not kept, nor what AUTH carries.
void ServerSession::keep_input(const Action& action, size_t consumed, bool is_secret) {
  const bool is_watched = env_.tap != nullptr && env_.tap->active();
  if ((!transcript_ && !is_watched) || consumed == 0) return;
  if (action.kind == ActionKind::kBodyBytes || machine_.in_content()) return;
  const std::string lines =
      is_secret ? "(left out)\r\n" : without_secrets(stream_.input().substr(0, consumed));
  if (is_watched) env_.tap->on_dialogue(party(), /*sent=*/false, lines);
  if (!transcript_) return;
  transcript_->add_input(lines);
  if (is_secret) return;
  if (action.kind == ActionKind::kCheckSender && !about_notice_) {
    about_notice_ = text::equals_ignore_case(machine_.sender(), env_.transcripts->notice_sender());
  }
}

DialogueParty ServerSession::party() const noexcept {
  return {.is_client = true,
          .name = machine_.client().name,
          .address = machine_.client().address,
          .session = log_pid_};
}

/// What is to be written now, noted where dialogues are. Valid until the machine's next output.
std::string_view ServerSession::noted_output() {
  if (machine_.output().empty()) return {};
  if (env_.tap != nullptr && env_.tap->active()) {
    env_.tap->on_dialogue(party(), /*sent=*/true, machine_.output());
  }
  if (transcript_) transcript_->add_output(machine_.output());
  return machine_.output();
}

void ServerSession::write_output() {
  stream_.write(noted_output());
  machine_.clear_output();
}

void ServerSession::end_transcript() {
  if (!transcript_ || about_notice_) return;
  if ((transcript_->classes() & env_.transcripts->wanted()) == 0) return;
  env_.transcripts->on_trouble(SessionRole::kServer, machine_.client().name,
                               machine_.client().address, *transcript_);
}

}  // namespace barid::smtp
