#include "http/submit/email_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/submit/email_id.h"
#include "http/submit/email_record.h"
#include "http/submit/event_record.h"
#include "http/submit/json.h"
#include "http/submit/query.h"

namespace barid::http {
namespace {

constexpr size_t kValueBytesMax = 1024;

std::string lower(std::string_view text) {
  std::string out;
  text::append_lower(out, text);
  return out;
}

/// "Name <user@host>" or "user@host", against an address or "@host", all in lower case.
bool is_address(std::string_view mailbox, std::string_view wanted) {
  const std::string text = lower(mailbox);
  std::string_view address = text;
  const size_t open = address.rfind('<');
  if (open != std::string_view::npos && address.ends_with('>')) {
    address = address.substr(open + 1, address.size() - open - 2);
  }
  return wanted.starts_with('@') ? address.ends_with(wanted) : address == wanted;
}

bool is_sent_to(const JsonValue& record, std::string_view wanted) {
  for (const std::string_view name : {"to", "cc", "bcc"}) {
    const JsonValue* list = record.find(name);
    if (list == nullptr) continue;
    for (const JsonValue& mailbox : list->list()) {
      if (is_address(mailbox.text, wanted)) return true;
    }
  }
  return false;
}

bool has_tag(const JsonValue& record, const EmailSearch& search) {
  const JsonValue* tags = record.find("tags");
  if (tags == nullptr) return false;
  return std::any_of(tags->items.begin(), tags->items.end(), [&search](const JsonValue& tag) {
    return json_text(tag, "name") == search.tag_name &&
           (search.tag_value.empty() || json_text(tag, "value") == search.tag_value);
  });
}

/// All that the record itself can tell.
bool matches(const JsonValue& record, const EmailSearch& search) {
  if (search.tenant && json_text(record, "tenant") != *search.tenant) return false;
  if (!search.sender.empty() && !is_address(json_text(record, "from"), search.sender)) return false;
  if (!search.recipient.empty() && !is_sent_to(record, search.recipient)) return false;
  if (!search.tag_name.empty() && !has_tag(record, search)) return false;
  return search.subject.empty() ||
         lower(json_text(record, "subject")).find(search.subject) != std::string::npos;
}

/// The view with its tenant as the last member.
std::string with_tenant(std::string view, const JsonValue& record) {
  while (!view.empty() && view.back() != '}') view.pop_back();
  if (view.empty()) return view;
  view.back() = ',';
  view += "\"tenant\":";
  text::append_json_string(view, json_text(record, "tenant"));
  return view + '}';
}

struct Found {
  std::string key;
  std::string json;
};

/// Newest first, until there are enough or too many were looked at.
class Matching final : public queue::Store::Visitor {
 public:
  Matching(const queue::Store& store, const EmailSearch& search) : store_(store), search_(search) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    last = key;
    ++examined;
    auto record = parse_json(value);
    if (record && matches(*record, search_)) add(key, *record);
    stopped = found.size() > search_.limit || examined >= EmailSearch::kExaminedMax;
    return !stopped;
  }
  std::vector<Found> found;
  std::string last;  ///< the key looked at last
  size_t examined = 0;
  bool stopped = false;  ///< there may be more

 private:
  void add(std::string_view key, const JsonValue& record) {
    std::string view = show_email(store_, record);
    if (!search_.event.empty()) {
      const auto shown = parse_json(view);
      if (!shown || json_text(*shown, "last_event") != search_.event) return;
    }
    found.push_back({std::string(key), with_tenant(std::move(view), record)});
  }
  const queue::Store& store_;
  const EmailSearch& search_;
};

class EventsOf final : public queue::Store::Visitor {
 public:
  /// Ids are kept in lower case.
  explicit EventsOf(std::string_view id) : needle_(fmt::format("\"email_id\":\"{}\"", lower(id))) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (value.find(needle_) != std::string_view::npos) {
      found.push_back({std::string(key), std::string(value)});
    }
    return ++examined_ < kEmailEventsExaminedMax && found.size() < kEmailEventsMax;
  }
  std::vector<Found> found;

 private:
  const std::string needle_;
  size_t examined_ = 0;
};

}  // namespace

std::string read_email_search(const Target& target, EmailSearch* search) {
  for (const auto& [name, value] : target.query) {
    if (value.size() > kValueBytesMax) {
      return fmt::format("{}: up to {} bytes", name, kValueBytesMax);
    }
    if (name == "tenant") {
      search->tenant = value;
    } else if (name == "recipient") {
      search->recipient = lower(value);
    } else if (name == "sender") {
      search->sender = lower(value);
    } else if (name == "subject") {
      search->subject = lower(value);
    } else if (name == "tag") {
      const size_t equals = value.find('=');
      search->tag_name = value.substr(0, equals);
      if (equals != std::string::npos) search->tag_value = value.substr(equals + 1);
    } else if (name == "event") {
      search->event = value;
    } else if (name == "after") {
      const auto id = QueueId::parse(value);
      if (!id) return "after: the `next` of an answer";
      search->after = key_of(*id);
    } else if (name == "limit") {
      const char* const last = value.data() + value.size();
      const auto [end, error] = std::from_chars(value.data(), last, search->limit);
      if (error != std::errc{} || end != last || search->limit < 1 ||
          search->limit > EmailSearch::kLimitMax) {
        return fmt::format("limit: a number from 1 to {}", EmailSearch::kLimitMax);
      }
    } else {
      return fmt::format(
          "there is no \"{}\": tenant, recipient, sender, subject, tag, event, after and limit",
          name);
    }
  }
  return {};
}

Result<std::string> search_emails(const std::vector<const queue::Store*>& stores,
                                  const EmailSearch& search) {
  const std::string top = search.after.empty() ? std::string(16, '\xff') : search.after;
  std::vector<Found> found;
  std::string floor;  // below this one some store was not looked at
  size_t examined = 0;
  for (const queue::Store* store : stores) {
    Matching matching(*store, search);
    BARID_TRY_VOID(store->scan_back(queue::Family::kEmails, top, matching));
    examined += matching.examined;
    if (matching.stopped) floor = std::max(floor, matching.last);
    for (Found& one : matching.found) found.push_back(std::move(one));
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.key > b.key; });
  std::erase_if(found, [&floor](const Found& one) { return one.key < floor; });
  std::string next = floor;
  if (found.size() > search.limit) {
    found.resize(search.limit);
    next = found.back().key;
  }
  const auto next_id = next.empty() ? std::nullopt : QueueId::from_key(next);
  std::string out = fmt::format(
      "{{\"object\":\"list\",\"has_more\":{},\"next\":{},\"examined\":{},\"data\":[",
      next_id.has_value(), next_id ? text::json_string(next_id->text()) : "null", examined);
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0) out += ',';
    out += found[i].json;
  }
  return out + "]}\n";
}

namespace {

class FirstEntry final : public queue::Store::Visitor {
 public:
  bool on_entry(std::string_view, std::string_view value) override {
    value_.emplace(value);
    return false;
  }
  [[nodiscard]] std::optional<std::string> take() { return std::move(value_); }

 private:
  std::optional<std::string> value_;
};

bool has_message(const JsonValue& record, std::string_view queue_id) {
  const JsonValue* list = record.find("recipients");
  return list != nullptr &&
         std::any_of(list->items.begin(), list->items.end(), [queue_id](const JsonValue& one) {
           return json_text(one, "queue_id") == queue_id;
         });
}

/// The record of a submission by its id or by one of its messages'; null: it is not in this store.
Result<std::optional<JsonValue>> find_record(const queue::Store& store, std::string_view id) {
  const auto first = parse_email_id(id);
  const auto message = first ? std::nullopt : QueueId::parse(id);
  if (!first && !message) return std::optional<JsonValue>();
  const std::string key = key_of(first ? *first : *message);
  Result<std::string> stored = store.get(queue::Family::kEmails, key);
  if (!stored.ok() && stored.error().code != Code::kNotFound) return stored.error();
  std::optional<std::string> text;
  if (stored.ok()) text = *std::move(stored);
  if (!text && message) {
    // The messages of a submission got their ids in one go: its record is the one before.
    FirstEntry before;
    BARID_TRY_VOID(store.scan_back(queue::Family::kEmails, key, before));
    text = before.take();
  }
  if (!text) return std::optional<JsonValue>();
  std::optional<JsonValue> record = parse_json(*text);
  if (!record) return Error{.code = Code::kCorrupt};
  if (message && !has_message(*record, id)) record.reset();
  return record;
}

}  // namespace

Result<std::string> find_email(const std::vector<const queue::Store*>& stores,
                               std::string_view id) {
  for (const queue::Store* store : stores) {
    BARID_TRY(const std::optional<JsonValue> record, find_record(*store, id));
    if (!record) continue;
    const std::string own(parse_email_id(id) ? id : json_text(*record, "id"));
    const auto first = parse_email_id(own);
    if (!first) return Error{.code = Code::kCorrupt};
    const EmailName name{
        .tenant = std::string(json_text(*record, "tenant")), .id = own, .first = *first};
    BARID_TRY(std::string view, read_email_view(*store, name));
    return with_tenant(std::move(view), *record);
  }
  return std::string();
}

Result<std::string> find_email_events(const std::vector<const queue::Store*>& stores,
                                      std::string_view id) {
  const auto first = parse_email_id(id);
  if (!first) return std::string();
  // An event's key is the id of the moment it was made at: none is older than its email.
  const std::string from = key_of({.micros = first->micros, .partition = 0});
  std::vector<Found> found;
  for (const queue::Store* store : stores) {
    EventsOf events(id);
    BARID_TRY_VOID(store->scan(queue::Family::kEvents, from, events));
    for (Found& one : events.found) found.push_back(std::move(one));
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.key < b.key; });
  std::string lines;
  for (const Found& one : found) lines += one.json + '\n';
  return lines;
}

}  // namespace barid::http
