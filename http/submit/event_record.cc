#include "http/submit/event_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text/json.h"
#include "http/message.h"
#include "http/submit/email_id.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr size_t kEventsSeenMax = 1'000'000;

class Events final : public queue::Store::Visitor {
 public:
  Events(const EventQuery& query, size_t limit) : query_(query), limit_(limit) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (key >= query_.before) return false;
    if (key <= query_.after) return true;
    auto event = parse_json(value);
    if (event && json_text(*event, "tenant") != query_.tenant) return ++seen_ < kEventsSeenMax;
    if (event) entries.emplace_back(std::string(key), *std::move(event));
    return entries.size() < limit_;
  }
  std::vector<std::pair<std::string, JsonValue>> entries;

 private:
  const EventQuery& query_;
  const size_t limit_;
  size_t seen_ = 0;  // of other tenants
};

/// `[{"name","value"}]` as an object.
void append_tags(std::string& out, const JsonValue* tags) {
  out += ",\"tags\":{";
  bool first = true;
  for (const JsonValue& tag : tags != nullptr ? tags->list() : std::vector<JsonValue>()) {
    if (!std::exchange(first, false)) out += ',';
    text::append_json_string(out, json_text(tag, "name"));
    out += ':';
    text::append_json_string(out, json_text(tag, "value"));
  }
  out += '}';
}

void append_email(std::string& out, const JsonValue& record) {
  out += ",\"email_id\":";
  text::append_json_string(out, json_text(record, "id"));
  for (const std::string_view name : {"message_id", "from", "subject", "metadata", "stream"}) {
    append_json_member(out, record, name);
  }
  append_tags(out, record.find("tags"));
}

}  // namespace

std::optional<JsonValue> load_email(const std::vector<const queue::Store*>& stores,
                                    std::string_view email_id) {
  const auto id = parse_email_id(email_id);
  if (!id) return std::nullopt;
  const auto key = id->key();
  for (const queue::Store* store : stores) {
    const Result<std::string> stored = store->get(queue::Family::kEmails, {key.data(), key.size()});
    if (stored.ok()) return parse_json(*stored);
  }
  return std::nullopt;
}

void append_bounce(std::string& event, BounceClass klass, std::string_view reply,
                   std::string_view diagnostic) {
  const BounceClassInfo& info = bounce_class_info(klass);
  fmt::format_to(std::back_inserter(event),
                 ",\"bounce\":{{\"type\":\"{}\",\"subType\":\"{}\",\"class\":\"{}\",\"message\":",
                 info.type, info.subtype, info.name);
  text::append_json_string(event, reply);
  event += ",\"diagnostic\":";
  text::append_json_string(event, diagnostic);
  event += '}';
}

void append_suppressed(std::string& event, std::string_view reply) {
  event += ",\"suppressed\":{\"type\":\"OnAccountSuppressionList\",\"message\":";
  text::append_json_string(event, reply);
  event += '}';
}

bool is_event_type(std::string_view name) noexcept {
  return std::find(kEventTypes.begin(), kEventTypes.end(), name) != kEventTypes.end();
}

std::string view_event(const std::vector<const queue::Store*>& stores, std::string_view key,
                       const JsonValue& event, std::string_view tenant, EventForm form) {
  if (json_text(event, "tenant") != tenant) return {};
  std::optional<JsonValue> record;
  const std::string_view email_id = json_text(event, "email_id");
  if (!email_id.empty()) {
    record = load_email(stores, email_id);
    if (!record) return {};
  }
  std::string out = "{";
  if (form == EventForm::kListed) {
    const auto id = QueueId::from_key(key);
    fmt::format_to(std::back_inserter(out), "\"id\":\"{}\",", id ? id->text() : "");
  }
  out += "\"type\":";
  text::append_json_string(out, json_text(event, "type"));
  append_json_time(out, "created_at", json_number(event, "at"));
  out += ",\"data\":{\"tenant\":";
  text::append_json_string(out, tenant);
  if (const JsonValue* entry = event.find("suppression"); entry != nullptr) {
    for (const std::string& name : entry->names) append_json_member(out, *entry, name);
    out += "}}";
    return out;
  }
  if (record) append_email(out, *record);
  const std::string_view recipient = json_text(event, "recipient");
  if (recipient.empty()) {
    append_json_member(out, record ? *record : event, "to");
  } else {
    out += ",\"to\":[";
    text::append_json_string(out, recipient);
    out += "],\"recipient\":";
    text::append_json_string(out, recipient);
  }
  for (const std::string_view name :
       {"queue_id", "relay", "reply", "dsn", "attempts", "reason", "bounce", "complaint", "failed",
        "suppressed", "open", "click"}) {
    if (event.find(name) != nullptr) append_json_member(out, event, name);
  }
  out += "}}";
  return out;
}

Result<std::string> read_events(const std::vector<const queue::Store*>& stores,
                                const EventQuery& query) {
  std::vector<std::pair<std::string, JsonValue>> found;
  for (const queue::Store* store : stores) {
    Events events(query, query.limit + 1);
    BARID_TRY_VOID(store->scan(queue::Family::kEvents, query.after, events));
    for (auto& entry : events.entries) found.push_back(std::move(entry));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> items;
  bool has_more = false;
  for (const auto& [key, event] : found) {
    if (items.size() == query.limit) {
      has_more = true;
      break;
    }
    std::string text = view_event(stores, key, event, query.tenant, EventForm::kListed);
    if (!text.empty()) items.push_back(std::move(text));
  }
  return json_list(items, has_more);
}

}  // namespace barid::http
