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

constexpr size_t kStrangersMax = 20'000'000;  // events of other tenants that one call looks through
constexpr size_t kEventsAtOnce = 64;          // those of emails that were let go are soon passed

using Entry = std::pair<std::string, JsonValue>;

/// Events of one tenant in one partition, in their order.
class Events final : public queue::Store::Visitor {
 public:
  Events(const EventQuery& query, std::string_view after, size_t limit)
      : query_(query), after_(after), limit_(limit), mark_("\"tenant\":") {
    text::append_json_string(mark_, query.tenant);
  }
  bool on_entry(std::string_view key, std::string_view value) override {
    if (key >= query_.before) return false;
    if (key <= after_) return true;
    // Most are others', and parsing is dear: ours have this text at least.
    if (value.find(mark_) == std::string_view::npos) {
      lost_way_ = ++strangers_ == kStrangersMax;
      return !lost_way_;
    }
    auto event = parse_json(value);
    if (!event || json_text(*event, "tenant") != query_.tenant) return true;
    entries.emplace_back(std::string(key), *std::move(event));
    return entries.size() < limit_;
  }
  /// There may be more behind the last entry.
  [[nodiscard]] bool cut() const noexcept { return entries.size() == limit_; }
  /// Nobody knows what comes behind so many of others.
  [[nodiscard]] bool lost_way() const noexcept { return lost_way_; }
  std::vector<Entry> entries;

 private:
  const EventQuery& query_;
  const std::string_view after_;
  const size_t limit_;
  std::string mark_;
  size_t strangers_ = 0;
  bool lost_way_ = false;
};

/// Events of all partitions in one order.
struct Merged {
  std::vector<Entry> entries;
  bool has_more = false;
};

/// At least `query.limit` of them, or all that there are. Where a partition's were cut off, nothing
/// behind that point is told: it could have something before it.
Result<Merged> merge_events(const std::vector<const queue::Store*>& stores, const EventQuery& query,
                            std::string_view after) {
  Merged merged;
  std::optional<std::string> horizon;
  for (const queue::Store* store : stores) {
    Events events(query, after, std::max<size_t>(query.limit + 1, kEventsAtOnce));
    BARID_TRY_VOID(store->scan(queue::Family::kEvents, after, events));
    if (events.lost_way()) return Error{.code = Code::kUnavailable};
    if (events.cut() && (!horizon || events.entries.back().first < *horizon)) {
      horizon = events.entries.back().first;
    }
    for (Entry& entry : events.entries) merged.entries.push_back(std::move(entry));
  }
  std::sort(merged.entries.begin(), merged.entries.end(),
            [](const Entry& a, const Entry& b) { return a.first < b.first; });
  merged.has_more = horizon.has_value();
  if (horizon) {
    std::erase_if(merged.entries, [&](const Entry& entry) { return entry.first > *horizon; });
  }
  return merged;
}

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
  std::vector<std::string> items;
  std::string after = query.after;
  for (;;) {
    BARID_TRY(const Merged merged, merge_events(stores, query, after));
    for (const auto& [key, event] : merged.entries) {
      std::string text = view_event(stores, key, event, query.tenant, EventForm::kListed);
      if (text.empty()) continue;
      if (items.size() == query.limit) return json_list(items, true);
      items.push_back(std::move(text));
    }
    // A page without anything would not tell where the next one begins.
    if (!merged.has_more || !items.empty()) return json_list(items, merged.has_more);
    after = merged.entries.back().first;
  }
}

}  // namespace barid::http
