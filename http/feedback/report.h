// What a bounce (RFC 3464) or a complaint (RFC 5965) that came by mail says: about which message,
// whom, and why. A sender's VERP address says whom, too.
// Source: RFC 3464 2 (delivery status), RFC 5965 3 (feedback reports), RFC 6522 (reports).
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/envelope.h"
#include "http/submit/mime_parts.h"

namespace barid::http {

inline constexpr size_t kReportRecipientsMax = 100;

struct Report {
  enum class Kind : uint8_t { kNone, kBounce, kComplaint };
  struct Recipient {
    std::string address;  ///< lower case
    DsnCode status;
    std::string diagnostic;
  };
  Kind kind = Kind::kNone;
  std::string email_id;               ///< of our message, from its header; empty = not found
  std::string feedback_type;          ///< of a complaint: "abuse", "fraud", …
  std::string return_path;            ///< of our message, if a complaint says so
  std::vector<Recipient> recipients;  ///< that failed for good, or complained
};

[[nodiscard]] Report read_report(const std::vector<MimePart>& parts);

/// The email that a message with these fields answers (In-Reply-To, References): for reports that
/// do not return what they are about. Empty: none of ours.
[[nodiscard]] std::string answered_email(const std::vector<MimeField>& fields);

/// user@domain from list+user=domain@origin, if it begins with `list` and a delimiter; lower case.
[[nodiscard]] std::optional<std::string> verp_recipient(std::string_view address,
                                                        std::string_view base);

}  // namespace barid::http
