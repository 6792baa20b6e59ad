#include "http/submit/email_body.h"

#include "http/submit/mime_parts.h"
#include "http/submit/whereabouts.h"
#include "shard/queue/partition.h"
#include "shard/queue/record.h"

namespace barid::http {
namespace {

/// The content of a message, if it is in the queue.
std::optional<std::string> load_queued(const queue::Store& store, QueueId id) {
  const auto id_key = id.key();
  const std::string_view key(id_key.data(), id_key.size());
  for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
    const Result<std::string> record = store.get(family, key);
    if (!record.ok()) continue;
    const auto message = queue::decode_message(id, *record);
    if (!message.ok()) return std::nullopt;
    Result<std::string> content = queue::Partition::load_content(store, id, (*message)->size);
    if (!content.ok()) return std::nullopt;
    return *std::move(content);
  }
  return std::nullopt;
}

}  // namespace

EmailBody read_queued_body(const queue::Store& store, const JsonValue& record) {
  EmailBody body;
  const JsonValue* recipients = record.find("recipients");
  if (recipients == nullptr) return body;
  QueueId last;
  for (const JsonValue& recipient : recipients->items) {
    const auto first = QueueId::parse(json_text(recipient, "queue_id"));
    if (!first) continue;
    const auto index = static_cast<uint32_t>(json_number(recipient, "index"));
    const QueueId id = find_recipient(store, *first, index).id;
    if (id == last) continue;
    last = id;
    const std::optional<std::string> content = load_queued(store, id);
    if (!content) continue;
    for (MimePart& part : read_mime_parts(*content)) {
      if (part.attached) continue;
      if (part.content.ends_with('\n')) part.content.pop_back();  // the composer ended the line
      if (part.type == "text/html" && !body.html) body.html = std::move(part.content);
      if (part.type == "text/plain" && !body.text) body.text = std::move(part.content);
    }
    return body;
  }
  return body;
}

}  // namespace barid::http
