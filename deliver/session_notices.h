// Notices about sessions, queued: which sessions, how many an hour. Never about a session of a
// notice, never one that the queue has no room for. Layer: deliver. Shard-owned.
#pragma once

#include "deliver/queue_notices.h"
#include "shard/runtime/reactor.h"
#include "shard/schedule/queue_manager.h"
#include "smtp/proto/transcript_sink.h"

namespace barid {

class SessionNotices final : public smtp::TranscriptSink {
 public:
  SessionNotices(rt::Reactor& reactor, schedule::QueueManager& queue, Log& log) noexcept
      : reactor_(reactor), queue_(queue), log_(log) {}

  /// `settings` outlives its use here, or is set anew.
  void set(const NoticeSettings& settings);

  [[nodiscard]] uint8_t wanted() const noexcept override { return wanted_; }
  [[nodiscard]] std::string_view notice_sender() const noexcept override { return sender_; }
  void on_trouble(smtp::SessionRole role, std::string_view peer_name, std::string_view peer_address,
                  const smtp::Transcript& transcript) override;

 private:
  [[nodiscard]] bool take_turn();

  rt::Reactor& reactor_;
  schedule::QueueManager& queue_;
  Log& log_;
  std::string host_name_, origin_, mail_name_, from_, sender_, recipient_;
  uint8_t wanted_ = 0;
  uint32_t per_hour_ = 0;  // 0: no limit
  uint32_t sent_ = 0;      // since hour_began_
  uint64_t left_out_ = 0;  // since the last notice
  MonoTime hour_began_{};
};

}  // namespace barid
