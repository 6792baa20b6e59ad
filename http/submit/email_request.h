// From the JSON of a submission to what is to be sent: fields, recipients, schedule. Pure: the
// clock and the id are handed in.
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mail/compose.h"
#include "core/mail/envelope.h"
#include "http/message.h"
#include "http/submit/json.h"
#include "http/submit/tracking.h"

namespace barid::http {

inline constexpr size_t kRecipientsMax = 50;         // of `to`, `cc` and `bcc` each
inline constexpr size_t kMergeRecipientsMax = 1000;  // of `recipients`
inline constexpr std::string_view kMessageIdField = "Message-ID";

/// One of `recipients`: gets a message of its own.
struct MergeRecipient {
  Mailbox mailbox;
  std::vector<std::pair<std::string, std::string>> variables;
  std::string metadata;  ///< JSON, empty = none
};

struct EmailRequest {
  Composition composition;
  std::vector<Mailbox> bcc;
  std::optional<std::string> raw;  ///< a whole message instead of the composition's content
  std::string raw_from_domain;     ///< of its From field
  bool has_own_id = false;         ///< its Message-ID is the sender's choice
  std::vector<MergeRecipient> recipients;
  std::string tags = "[]";      ///< JSON
  std::string metadata = "{}";  ///< JSON
  Stream stream = Stream::kTransactional;
  int8_t priority = 0;
  std::optional<WallTime> scheduled_at;
  WallTime expires_at{};
  std::string pool;
  TrackWish track;
  std::string return_path;  ///< empty = the address of `from`
};

/// Reads `value`, or says what is wrong with it: 422 missing_required_field or validation_error.
[[nodiscard]] std::optional<ApiError> read_email(JsonValue value, WallTime now,
                                                 EmailRequest* email);

}  // namespace barid::http
