#include "http/submit/engagement.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/submit/fate_recorder.h"
#include "http/submit/json.h"

namespace barid::http {
namespace {

int64_t first_time(const queue::Store& store, const std::string& key) {
  const Result<std::string> stored = store.get(queue::Family::kFates, key);
  if (!stored.ok()) return 0;
  const auto entry = parse_json(*stored);
  return entry ? json_number(*entry, "at") : 0;
}

}  // namespace

std::string engagement_key(QueueId id, uint32_t recipient, TrackedAct act) {
  return fate_key(id, recipient) + static_cast<char>(act);
}

std::string engagement_entry(int64_t at) { return fmt::format("{{\"v\":1,\"at\":{}}}", at); }

Engagement read_engagement(const queue::Store& store, QueueId id, uint32_t recipient) {
  return {.opened = first_time(store, engagement_key(id, recipient, TrackedAct::kOpen)),
          .clicked = first_time(store, engagement_key(id, recipient, TrackedAct::kClick))};
}

std::string_view newest_event(std::string_view state, int64_t fate_at,
                              const Engagement& engagement) noexcept {
  const bool deferred = state == "deferred";
  const bool lives = deferred || state == "delivered" || state == "queued" || state == "scheduled";
  const bool later = std::max(engagement.opened, engagement.clicked) > fate_at;
  if (engagement.any() && lives && (later || !deferred)) {
    return engagement.clicked != 0 ? "clicked" : "opened";
  }
  return deferred ? "delivery_delayed" : state;
}

}  // namespace barid::http
