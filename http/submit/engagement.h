// That a recipient opened an email, or followed a link in it. It is remembered beside the
// recipient's fate (Family::kFates) under keys of its own: later news of the fate, a complaint or
// a late bounce, cost it nothing, and it costs them nothing. Only the first time is kept, so
// further hits write no state.
// Layer: http. Keys and words are pure; entries are read on offload threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/queue_id.h"
#include "http/submit/tracking.h"
#include "shard/queue/store.h"

namespace barid::http {

/// In the place of a recipient: a copy that several have does not say who of them it was.
inline constexpr uint32_t kSomeRecipient = 0xffff;

struct Engagement {
  int64_t opened = 0;   ///< Unix microseconds of the first time; 0 = not that we know
  int64_t clicked = 0;  ///< the same

  [[nodiscard]] bool any() const noexcept { return opened != 0 || clicked != 0; }
};

[[nodiscard]] std::string engagement_key(QueueId id, uint32_t recipient, TrackedAct act);
[[nodiscard]] std::string engagement_entry(int64_t at);
/// What cannot be read counts as not known.
[[nodiscard]] Engagement read_engagement(const queue::Store& store, QueueId id, uint32_t recipient);

/// The newest that is known of a recipient whose fate `state` was met at `fate_at`. Who has read
/// it has it, whatever a lost reply made us think; but what ended a recipient stays the last word.
[[nodiscard]] std::string_view newest_event(std::string_view state, int64_t fate_at,
                                            const Engagement& engagement) noexcept;

}  // namespace barid::http
