#include "http/submit/suppression.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/mail/mailbox.h"
#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/message.h"
#include "http/submit/email_id.h"
#include "http/submit/json.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

using queue::Family;

constexpr char kIndexMark = 'i';
constexpr size_t kSeenMax = 20'000'000;

std::string address_key(std::string_view tenant, std::string_view email) {
  std::string key(1, kSuppressionAddressMark);
  key += tenant;
  key += '\0';
  key += email;
  return key;
}

std::string index_key(QueueId id) {
  const auto key = id.key();
  std::string out(1, kIndexMark);
  out.append(key.data(), key.size());
  return out;
}

void append_facts(std::string& out, const Suppression& entry) {
  out += "\"id\":";
  text::append_json_string(out, entry.name);
  out += ",\"email\":";
  text::append_json_string(out, entry.email);
  fmt::format_to(std::back_inserter(out), ",\"origin\":\"{}\",\"source_id\":", entry.origin);
  if (entry.source_id.empty()) {
    out += "null";
  } else {
    text::append_json_string(out, entry.source_id);
  }
}

std::string record_of(const Suppression& entry) {
  std::string out = "{\"v\":1,\"tenant\":";
  text::append_json_string(out, entry.tenant);
  out += ',';
  append_facts(out, entry);
  fmt::format_to(std::back_inserter(out), ",\"at\":{}}}", unix_micros(entry.created));
  return out;
}

std::string event_of(const Suppression& entry) {
  std::string out = "{\"v\":1,\"type\":\"suppression.added\",\"recipient\":";
  text::append_json_string(out, entry.email);
  out += ",\"tenant\":";
  text::append_json_string(out, entry.tenant);
  fmt::format_to(std::back_inserter(out), ",\"at\":{},\"suppression\":{{",
                 unix_micros(entry.created));
  append_facts(out, entry);
  append_json_time(out, "created_at", unix_micros(entry.created));
  out += "}}";
  return out;
}

std::optional<Suppression> parse_record(std::string_view record) {
  const std::optional<JsonValue> value = parse_json(record);
  if (!value) return std::nullopt;
  Suppression entry{.name = std::string(json_text(*value, "id")),
                    .tenant = std::string(json_text(*value, "tenant")),
                    .email = std::string(json_text(*value, "email")),
                    .origin = std::string(json_text(*value, "origin")),
                    .source_id = std::string(json_text(*value, "source_id")),
                    .created = wall_from_micros(json_number(*value, "at"))};
  const auto id = parse_email_id(entry.name);
  if (!id || entry.email.empty()) return std::nullopt;
  entry.id = *id;
  return entry;
}

/// In the order of the walk; an index entry that no record stands behind is passed over.
class Page final : public queue::Store::Visitor {
 public:
  Page(const queue::Store& store, const SuppressionQuery& query)
      : store_(store), query_(query), ours_(address_key(query.tenant, {})) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (!key.starts_with(kIndexMark)) return false;
    if (!query_.before.empty() && key.substr(1) <= query_.before) return true;
    if (!value.starts_with(ours_)) return ++seen_ < kSeenMax;
    const Result<std::string> record = store_.get(Family::kSuppressions, value);
    std::optional<Suppression> entry;
    if (record.ok()) entry = parse_record(*record);
    const bool wanted = entry && entry->tenant == query_.tenant && index_key(entry->id) == key &&
                        (query_.origin.empty() || entry->origin == query_.origin);
    if (wanted) entries.push_back(*std::move(entry));
    return entries.size() <= query_.limit && ++seen_ < kSeenMax;
  }
  std::vector<Suppression> entries;

 private:
  const queue::Store& store_;
  const SuppressionQuery& query_;
  const std::string ours_;  // begins what index entries of the tenant name
  size_t seen_ = 0;
};

}  // namespace

std::optional<std::string> suppressed_form(std::string_view address) {
  const std::optional<Mailbox> mailbox = parse_mailbox(text::trim(address));
  if (!mailbox) return std::nullopt;
  std::string form;
  text::append_lower(form, mailbox->address());
  return form;
}

std::vector<FateRecorder::Change> suppression_changes(const Suppression& entry) {
  const std::string key = address_key(entry.tenant, entry.email);
  return {{.family = Family::kSuppressions, .key = key, .value = record_of(entry)},
          {.family = Family::kSuppressions, .key = index_key(entry.id), .value = key},
          {.family = Family::kEvents, .key = {}, .value = event_of(entry)}};
}

std::vector<FateRecorder::Change> suppression_erasures(const Suppression& entry) {
  return {
      {.family = Family::kSuppressions,
       .key = address_key(entry.tenant, entry.email),
       .value = {},
       .erase = true},
      {.family = Family::kSuppressions, .key = index_key(entry.id), .value = {}, .erase = true}};
}

std::string view_suppression(const Suppression& entry, SuppressionView view) {
  std::string out = view == SuppressionView::kWhole ? "{\"object\":\"suppression\"," : "{";
  append_facts(out, entry);
  append_json_time(out, "created_at", unix_micros(entry.created));
  out += '}';
  return out;
}

Result<std::optional<Suppression>> find_suppression(const std::vector<const queue::Store*>& stores,
                                                    std::string_view tenant,
                                                    std::string_view id_or_email) {
  const auto id = parse_email_id(id_or_email);
  const auto email = suppressed_form(id_or_email);
  if (!id && !email) return std::optional<Suppression>();
  for (const queue::Store* store : stores) {
    std::string key;
    if (id) {
      Result<std::string> indexed = store->get(Family::kSuppressions, index_key(*id));
      if (!indexed.ok() && indexed.error().code == Code::kNotFound) continue;
      if (!indexed.ok()) return indexed.error();
      key = *std::move(indexed);
    } else {
      key = address_key(tenant, *email);
    }
    const Result<std::string> record = store->get(Family::kSuppressions, key);
    if (!record.ok() && record.error().code == Code::kNotFound) continue;
    if (!record.ok()) return record.error();
    std::optional<Suppression> entry = parse_record(*record);
    const bool meant = entry && entry->tenant == tenant && (!id || entry->name == id_or_email);
    if (meant) return entry;
  }
  return std::optional<Suppression>();
}

Result<SuppressionPage> read_suppressions(const std::vector<const queue::Store*>& stores,
                                          const SuppressionQuery& query) {
  SuppressionPage page;
  const bool upwards = !query.before.empty();
  const std::string top = query.after.empty() ? std::string(16, '\xff') : query.after;
  for (const queue::Store* store : stores) {
    Page part(*store, query);
    BARID_TRY_VOID(upwards ? store->scan(Family::kSuppressions, kIndexMark + query.before, part)
                           : store->scan_back(Family::kSuppressions, kIndexMark + top, part));
    for (Suppression& entry : part.entries) page.entries.push_back(std::move(entry));
  }
  std::sort(page.entries.begin(), page.entries.end(),
            [upwards](const Suppression& a, const Suppression& b) {
              return upwards ? a.id < b.id : a.id > b.id;
            });
  page.has_more = page.entries.size() > query.limit;
  if (page.has_more) page.entries.resize(query.limit);
  if (upwards) std::reverse(page.entries.begin(), page.entries.end());
  return page;
}

}  // namespace barid::http
