// Events as they are kept in Family::kEvents and as subscribers see them: one for each change of a
// recipient's fate, under an id of its partition that orders it. Within a partition events become
// visible in the order of their keys.
// Layer: http. Made by pure functions; views are read on offload threads and the webhooks' own.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/mail/bounce_class.h"
#include "http/submit/json.h"
#include "shard/queue/store.h"

namespace barid::http {

inline constexpr std::array<std::string_view, 11> kEventTypes = {
    "email.scheduled", "email.sent",       "email.delivered",  "email.delivery_delayed",
    "email.bounced",   "email.complained", "email.failed",     "email.suppressed",
    "email.opened",    "email.clicked",    "suppression.added"};
[[nodiscard]] bool is_event_type(std::string_view name) noexcept;

/// The record of an email as kept; nullopt if it was let go or cannot be read.
[[nodiscard]] std::optional<JsonValue> load_email(const std::vector<const queue::Store*>& stores,
                                                  std::string_view email_id);

/// `,"bounce":{…}` of an email.bounced.
void append_bounce(std::string& event, BounceClass klass, std::string_view reply,
                   std::string_view diagnostic);

/// `,"suppressed":{…}` of an email.suppressed.
void append_suppressed(std::string& event, std::string_view reply);

/// kListed has the event's id in it; a webhook has it in a field of its own.
enum class EventForm : uint8_t { kListed, kDelivered };
/// `event` as `tenant` may see it; empty if it is another one's, or its email was let go.
[[nodiscard]] std::string view_event(const std::vector<const queue::Store*>& stores,
                                     std::string_view key, const JsonValue& event,
                                     std::string_view tenant, EventForm form);

struct EventQuery {
  std::string tenant;
  uint32_t limit = 100;
  std::string after;   ///< key: only later ones
  std::string before;  ///< key: only those before it, which all partitions have committed
};
/// The oldest first: `{"object":"list","has_more":…,"data":[{"id","type",…}]}`.
[[nodiscard]] Result<std::string> read_events(const std::vector<const queue::Store*>& stores,
                                              const EventQuery& query);

}  // namespace barid::http
