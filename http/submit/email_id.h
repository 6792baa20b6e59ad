// Email ids: UUIDs that hold the queue id of the submission's first message, so that the partition
// and the place of its record follow from the id alone.
// Source: RFC 9562 5.8 (version 8). Layout: 48 bits of milliseconds, version, 12 bits of the rest
// of the arrival in microseconds, variant, 14 random bits, 16 bits of partition, 32 random bits.
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/queue_id.h"

namespace barid::http {

/// The header field with the email's id, in messages whose Message-ID does not begin with it.
inline constexpr std::string_view kTraceField = "X-Barid-Email-ID";

[[nodiscard]] std::string make_email_id(QueueId first, uint64_t random);
/// The queue id inside; nullopt for anything that is no email id.
[[nodiscard]] std::optional<QueueId> parse_email_id(std::string_view text) noexcept;

}  // namespace barid::http
