#include "http/submit/whereabouts.h"

#include "http/submit/fate_recorder.h"

namespace barid::http {
namespace {

constexpr int kRequeuesMax = 100;

}  // namespace

Whereabouts find_recipient(const queue::Store& store, QueueId id, uint32_t index) {
  for (int hop = 0; hop < kRequeuesMax; ++hop) {
    const Result<std::string> stored = store.get(queue::Family::kFates, fate_key(id, index));
    std::optional<JsonValue> fate;
    if (stored.ok()) fate = parse_json(*stored);
    if (!fate || json_text(*fate, "state") != "requeued") return {id, index, std::move(fate)};
    const auto next = QueueId::parse(json_text(*fate, "queue_id"));
    if (!next) break;
    id = *next;
    index = static_cast<uint32_t>(json_number(*fate, "index"));
  }
  return {id, index, {}};
}

}  // namespace barid::http
