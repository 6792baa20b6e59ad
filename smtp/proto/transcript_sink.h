// The seam between sessions and whoever tells the postmaster of sessions that went wrong (deliver).
// Source: Postfix's notify_classes. Layer: smtp/proto. Shard-owned.
#pragma once

#include <cstdint>
#include <string_view>

#include "smtp/proto/transcript.h"

namespace barid::smtp {

/// What we are in a session.
enum class SessionRole : uint8_t { kServer, kSmtpClient, kLmtpClient };

class TranscriptSink {
 public:
  /// TroubleClass bits of what the postmaster wants to hear of.
  [[nodiscard]] virtual uint8_t wanted() const noexcept = 0;
  /// A session that comes from, or carries mail of, this sender is about a notice itself.
  [[nodiscard]] virtual std::string_view notice_sender() const noexcept = 0;
  /// A session with trouble of a wanted class is over.
  virtual void on_trouble(SessionRole role, std::string_view peer_name,
                          std::string_view peer_address, const Transcript& transcript) = 0;

 protected:
  ~TranscriptSink() = default;
};

}  // namespace barid::smtp
