#include "http/submit/email_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/submit/email_body.h"
#include "http/submit/email_id.h"
#include "http/submit/engagement.h"
#include "http/submit/fate_recorder.h"
#include "http/submit/views.h"
#include "http/submit/whereabouts.h"
#include "shard/queue/record.h"

namespace barid::http {
namespace {

constexpr size_t kUsualRecordBytes = 640;

void append_mailbox(std::string& out, const Mailbox& mailbox) {
  std::string text = mailbox.address();
  if (!mailbox.name.empty()) text = mailbox.name + " <" + text + '>';
  text::append_json_string(out, text);
}

void append_mailboxes(std::string& out, std::string_view name,
                      const std::vector<Mailbox>& mailboxes) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":[", name);
  for (size_t i = 0; i < mailboxes.size(); ++i) {
    if (i > 0) out += ',';
    append_mailbox(out, mailboxes[i]);
  }
  out += ']';
}

/// The happiest first.
constexpr std::string_view kEvents[] = {"clicked",   "opened",           "delivered",  "queued",
                                        "scheduled", "delivery_delayed", "suppressed", "canceled",
                                        "failed",    "bounced",          "complained"};
constexpr size_t kDeliveredRank = 2;

/// The last event of an email: that of its least happy recipient; once all have it, what the one
/// did with it who did most.
class LastEvent {
 public:
  void add(std::string_view event) noexcept {
    const auto at = std::find(std::begin(kEvents), std::end(kEvents), event);
    const auto rank =
        at == std::end(kEvents) ? kDeliveredRank : static_cast<size_t>(at - std::begin(kEvents));
    best_ = std::min(best_, rank);
    worst_ = std::max(worst_, rank);
  }
  [[nodiscard]] std::string_view event() const noexcept {
    return kEvents[worst_ <= kDeliveredRank ? best_ : worst_];
  }

 private:
  size_t best_ = kDeliveredRank;
  size_t worst_ = 0;
};

struct RecipientView {
  std::string json;
  std::string state;
  std::string event;
};

/// What is known of all recipients of an email.
struct EmailState {
  bool scheduled = false;
  bool tracked = false;
};

RecipientView view_recipient(const queue::Store& store, const JsonValue& recipient,
                             const EmailState& email) {
  RecipientView view{.state = email.scheduled ? "scheduled" : "queued"};
  std::string queue_id(json_text(recipient, "queue_id"));
  const auto id = QueueId::parse(queue_id);
  std::optional<JsonValue> fate;
  Engagement engagement;
  int64_t next = 0;
  if (id) {
    const auto index = static_cast<uint32_t>(json_number(recipient, "index"));
    Whereabouts now = find_recipient(store, *id, index);
    queue_id = now.id.text();
    fate = std::move(now.fate);
    if (fate) view.state = json_text(*fate, "state");
    if (email.tracked) engagement = read_engagement(store, *id, index);
    if (!fate || view.state == "deferred") {
      const auto key = now.id.key();
      const Result<std::string> record =
          store.get(queue::Family::kQueued, {key.data(), key.size()});
      if (record.ok()) {
        const auto message = queue::decode_message(now.id, *record);
        if (message.ok()) next = unix_micros((*message)->due);
      }
    }
  }
  view.event = newest_event(view.state, fate ? json_number(*fate, "at") : 0, engagement);
  view.json = "{\"email\":";
  text::append_json_string(view.json, json_text(recipient, "email"));
  view.json += ",\"queue_id\":";
  text::append_json_string(view.json, queue_id);
  view.json += ",\"state\":";
  text::append_json_string(view.json, view.state);
  fmt::format_to(std::back_inserter(view.json), ",\"attempts\":{}",
                 fate ? json_number(*fate, "attempts") : 0);
  append_json_time(view.json, "next_attempt", next);
  view.json += ",\"last_reply\":";
  if (fate) {
    text::append_json_string(view.json, json_text(*fate, "reply"));
  } else {
    view.json += "null";
  }
  if (email.tracked) {
    append_json_time(view.json, "opened_at", engagement.opened);
    append_json_time(view.json, "clicked_at", engagement.clicked);
  }
  if (const JsonValue* metadata = recipient.find("metadata"); metadata != nullptr) {
    view.json += ",\"metadata\":";
    append_json(view.json, *metadata);
  }
  view.json += '}';
  return view;
}

void append_body(std::string& out, std::string_view name, const std::optional<std::string>& text) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  if (text) {
    text::append_json_string(out, *text);
  } else {
    out += "null";
  }
}

std::string view_email(const queue::Store& store, const JsonValue& record, const EmailBody& body) {
  std::string recipients;
  LastEvent last;
  const int64_t scheduled_micros = json_number(record, "scheduled_at");
  const EmailState state{.scheduled = scheduled_micros != 0,
                         .tracked = record.find("tracked") != nullptr};
  if (const JsonValue* list = record.find("recipients"); list != nullptr) {
    for (const JsonValue& recipient : list->items) {
      const RecipientView view = view_recipient(store, recipient, state);
      if (!recipients.empty()) recipients += ',';
      recipients += view.json;
      last.add(view.event);
    }
  }
  if (state.tracked) {
    const auto id = parse_email_id(json_text(record, "id"));
    if (id) last.add(newest_event("delivered", 0, read_engagement(store, *id, kSomeRecipient)));
  }
  std::string out = "{\"object\":\"email\",\"id\":";
  text::append_json_string(out, json_text(record, "id"));
  for (const std::string_view name : {"message_id", "from", "to", "cc", "bcc", "reply_to",
                                      "subject", "tags", "metadata", "stream"}) {
    append_json_member(out, record, name);
  }
  append_json_time(out, "created_at", json_number(record, "created_at"));
  append_json_time(out, "scheduled_at", scheduled_micros);
  append_body(out, "html", body.html);
  append_body(out, "text", body.text);
  fmt::format_to(std::back_inserter(out), ",\"last_event\":\"{}\",\"recipients\":[{}]}}",
                 last.event(), recipients);
  return out;
}

/// One tenant's, in the order of the walk.
class Emails final : public queue::Store::Visitor {
 public:
  Emails(const ListQuery& query, size_t limit)
      : query_(query), limit_(limit), mark_("\"tenant\":") {
    text::append_json_string(mark_, query.tenant);
  }
  bool on_entry(std::string_view key, std::string_view value) override {
    if (!query_.before.empty() && key <= query_.before) return true;
    // Most are others', and parsing is dear: ours have this text at least.
    if (value.find(mark_) == std::string_view::npos) return true;
    auto record = parse_json(value);
    if (!record || json_text(*record, "tenant") != query_.tenant) return true;
    entries.emplace_back(std::string(key), *std::move(record));
    return entries.size() < limit_;
  }
  std::vector<std::pair<std::string, JsonValue>> entries;

 private:
  const ListQuery& query_;
  const size_t limit_;
  std::string mark_;
};

/// Of a message that waits; epoch: it has none, or does not wait any more.
WallTime expiry_of(const queue::Store& store, QueueId id) {
  const auto key = id.key();
  const Result<std::string> record = store.get(queue::Family::kQueued, {key.data(), key.size()});
  if (!record.ok()) return {};
  const auto message = queue::decode_message(id, *record);
  return message.ok() ? (*message)->envelope.expires_at : WallTime{};
}

/// An id holds more than where its record is: the rest nobody guesses.
bool is_named(const JsonValue& record, const EmailName& name) noexcept {
  return json_text(record, "tenant") == name.tenant &&
         text::equals_ignore_case(json_text(record, "id"), name.id);
}

}  // namespace

std::string email_record(const EmailFacts& facts, const EmailRequest& request) {
  const Composition& composition = request.composition;
  std::string out;
  out.reserve(kUsualRecordBytes);
  out += "{\"v\":1,\"tenant\":";
  text::append_json_string(out, facts.tenant);
  out += ",\"id\":";
  text::append_json_string(out, facts.id);
  out += ",\"message_id\":";
  text::append_json_string(out, '<' + facts.message_id + '>');
  out += ",\"from\":";
  append_mailbox(out, composition.from);
  std::vector<Mailbox> to = composition.to;
  for (const MergeRecipient& recipient : request.recipients) to.push_back(recipient.mailbox);
  append_mailboxes(out, "to", to);
  append_mailboxes(out, "cc", composition.cc);
  append_mailboxes(out, "bcc", request.bcc);
  append_mailboxes(out, "reply_to", composition.reply_to);
  out += ",\"subject\":";
  text::append_json_string(out, composition.subject);
  fmt::format_to(std::back_inserter(out), ",\"created_at\":{}", unix_micros(facts.created));
  if (request.scheduled_at) {
    fmt::format_to(std::back_inserter(out), ",\"scheduled_at\":{}",
                   unix_micros(*request.scheduled_at));
  }
  fmt::format_to(std::back_inserter(out), ",\"tags\":{},\"metadata\":{},\"stream\":\"{}\"",
                 request.tags, request.metadata,
                 request.stream == Stream::kBulk ? "bulk" : "transactional");
  if (request.track.any()) out += ",\"tracked\":true";
  out += ",\"recipients\":[";
  for (size_t i = 0; i < facts.recipients.size(); ++i) {
    const RecordedRecipient& recipient = facts.recipients[i];
    out += i == 0 ? "{\"email\":" : ",{\"email\":";
    text::append_json_string(out, recipient.address);
    fmt::format_to(std::back_inserter(out), ",\"queue_id\":\"{}\",\"index\":{}",
                   recipient.queue_id.text(), recipient.index);
    if (!recipient.metadata.empty()) out += ",\"metadata\":" + recipient.metadata;
    out += '}';
  }
  out += "]}";
  return out;
}

std::string show_email(const queue::Store& store, const JsonValue& record) {
  return view_email(store, record, {});
}

Result<std::string> read_email_view(const queue::Store& store, const EmailName& name) {
  const auto key = name.first.key();
  const Result<std::string> stored = store.get(queue::Family::kEmails, {key.data(), key.size()});
  if (!stored.ok()) {
    if (stored.error().code == Code::kNotFound) return std::string();
    return stored.error();
  }
  const auto record = parse_json(*stored);
  if (!record) return Error{.code = Code::kCorrupt};
  if (!is_named(*record, name)) return std::string();
  return view_email(store, *record, read_queued_body(store, *record)) + "\n";
}

Result<AmendableEmail> read_amendable(const queue::Store& store, const EmailName& name,
                                      WallTime due, WallTime now) {
  const auto id_key = name.first.key();
  const std::string key(id_key.data(), id_key.size());
  const Result<std::string> stored = store.get(queue::Family::kEmails, key);
  AmendableEmail email;
  if (!stored.ok()) {
    if (stored.error().code == Code::kNotFound) return email;
    return stored.error();
  }
  auto record = parse_json(*stored);
  if (!record) return Error{.code = Code::kCorrupt};
  if (!is_named(*record, name)) return email;
  email.found = true;
  if (json_number(*record, "scheduled_at") <= unix_micros(now)) return email;
  schedule::QueueManager::Amendment& amendment = email.amendment;
  amendment.partition = name.first.partition;
  amendment.due = due;
  const JsonValue* recipients = record->find("recipients");
  for (const JsonValue& recipient : recipients->items) {
    const auto message = QueueId::parse(json_text(recipient, "queue_id"));
    if (!message) return Error{.code = Code::kCorrupt};
    if (amendment.ids.empty() || amendment.ids.back() != *message) {
      amendment.ids.push_back(*message);
    }
    if (due != WallTime{}) continue;
    const auto index = static_cast<uint32_t>(json_number(recipient, "index"));
    amendment.entries.push_back(
        {.family = queue::Family::kFates,
         .key = fate_key(*message, index),
         .value = fmt::format("{{\"v\":1,\"state\":\"canceled\",\"at\":{},\"attempts\":0,"
                              "\"reply\":\"canceled by its sender\"}}",
                              unix_micros(now))});
  }
  if (due != WallTime{}) {
    email.expires_at = expiry_of(store, name.first);
    for (size_t i = 0; i < record->names.size(); ++i) {
      if (record->names[i] == "scheduled_at")
        record->items[i].text = fmt::to_string(unix_micros(due));
    }
    std::string changed;
    append_json(changed, *record);
    amendment.entries.push_back(
        {.family = queue::Family::kEmails, .key = key, .value = std::move(changed)});
  }
  return email;
}

Result<std::string> read_email_list(const std::vector<const queue::Store*>& stores,
                                    const ListQuery& query) {
  struct Found {
    std::string key;
    const queue::Store* store;
    JsonValue record;
  };
  std::vector<Found> found;
  const bool upwards = !query.before.empty();
  const std::string top = query.after.empty() ? std::string(16, '\xff') : query.after;
  for (const queue::Store* store : stores) {
    Emails emails(query, size_t{query.limit} + 1);
    BARID_TRY_VOID(upwards ? store->scan(queue::Family::kEmails, query.before, emails)
                           : store->scan_back(queue::Family::kEmails, top, emails));
    for (auto& [key, record] : emails.entries) found.push_back({key, store, std::move(record)});
  }
  std::sort(found.begin(), found.end(), [upwards](const Found& a, const Found& b) {
    return upwards ? a.key < b.key : a.key > b.key;
  });
  const bool has_more = found.size() > query.limit;
  if (has_more) found.resize(query.limit);
  if (upwards) std::reverse(found.begin(), found.end());
  std::vector<std::string> items;
  for (const Found& one : found) items.push_back(show_email(*one.store, one.record));
  return json_list(items, has_more);
}

}  // namespace barid::http
