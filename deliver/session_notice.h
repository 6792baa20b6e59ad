// What the postmaster is told of an SMTP session that went wrong: its transcript.
// Source: Postfix's notify_classes and error_notice_recipient. Layer: deliver, pure.
#pragma once

#include <string_view>

#include "deliver/notice.h"
#include "smtp/proto/transcript_sink.h"

namespace barid {

struct SessionNoticeFacts {
  smtp::SessionRole role = smtp::SessionRole::kServer;
  std::string_view host_name;  ///< myhostname
  std::string_view origin;     ///< myorigin
  std::string_view mail_name;
  std::string_view from;              ///< a mailbox; without a domain it is completed
  std::string_view notice_sender;     ///< envelope sender
  std::string_view notice_recipient;  ///< never empty
  std::string_view peer_name;
  std::string_view peer_address;
  QueueId notice_id;
  WallTime now;
  uint64_t left_out_count = 0;  ///< sessions of the last while that there was no notice about
};

[[nodiscard]] ComposedNotice compose_session_notice(const SessionNoticeFacts& facts,
                                                    const smtp::Transcript& transcript);

}  // namespace barid
