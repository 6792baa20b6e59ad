// The text and html of an email while one of its messages is still queued.
// Layer: http. For offload threads.
#pragma once

#include <optional>
#include <string>

#include "http/submit/json.h"
#include "shard/queue/store.h"

namespace barid::http {

struct EmailBody {
  std::optional<std::string> html;
  std::optional<std::string> text;
};

/// `record`: of Family::kEmails. Nothing once all messages have left the queue.
[[nodiscard]] EmailBody read_queued_body(const queue::Store& store, const JsonValue& record);

}  // namespace barid::http
