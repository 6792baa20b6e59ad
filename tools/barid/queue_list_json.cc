// Parsing with Boost.JSON, compiled here header-only; no other file sees it.
#include <boost/json.hpp>

#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

namespace json = boost::json;

constexpr int64_t kSecondsMax = 253'402'300'799;  // year 9999
constexpr std::string_view kNullSender = "MAILER-DAEMON";

Error malformed(const char* text) noexcept { return Error{.code = Code::kMalformed, .text = text}; }

const std::string_view* find_string(const json::object& object, std::string_view key,
                                    std::string_view& storage) noexcept {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const json::string* found = value != nullptr ? value->if_string() : nullptr;
  if (found == nullptr) return nullptr;
  storage = std::string_view(found->data(), found->size());
  return &storage;
}

/// The integer `key` in [0, max]; nullopt if it is missing or something else.
std::optional<int64_t> find_integer(const json::object& object, std::string_view key, int64_t max) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const int64_t* number = value != nullptr ? value->if_int64() : nullptr;
  if (number == nullptr || *number < 0 || *number > max) return std::nullopt;
  return *number;
}

std::optional<QueueName> find_queue(std::string_view name) noexcept {
  for (const QueueName queue : {QueueName::kMaildrop, QueueName::kActive, QueueName::kIncoming,
                                QueueName::kDeferred, QueueName::kHold}) {
    if (name == queue_name(queue)) return queue;
  }
  return std::nullopt;
}

WallTime from_seconds(int64_t seconds) noexcept { return WallTime(std::chrono::seconds(seconds)); }

Status read_recipients(const json::object& object, QueueEntry& entry) {
  const json::value* value = object.if_contains("recipients");
  const json::array* list = value != nullptr ? value->if_array() : nullptr;
  if (list == nullptr) return malformed("field recipients is missing or not an array");
  entry.recipients.reserve(list->size());
  for (const json::value& item : *list) {
    const json::object* fields = item.if_object();
    if (fields == nullptr) return malformed("field recipients holds something that is no object");
    std::string_view text;
    if (find_string(*fields, "address", text) == nullptr) {
      return malformed("field address of a recipient is missing or not a string");
    }
    QueueEntry::Recipient& recipient = entry.recipients.emplace_back();
    recipient.address = text;
    if (find_string(*fields, "delay_reason", text) != nullptr) recipient.delay_reason = text;
  }
  return {};
}

Status read_schedule(const json::object& object, QueueEntry& entry) {
  if (object.contains("next_attempt")) {
    const auto seconds = find_integer(object, "next_attempt", kSecondsMax);
    if (!seconds) return malformed("field next_attempt is not a time in seconds");
    entry.next_attempt = from_seconds(*seconds);
  }
  if (object.contains("attempts")) {
    const auto attempts = find_integer(object, "attempts", UINT32_MAX);
    if (!attempts) return malformed("field attempts is not a count");
    entry.attempts = static_cast<uint32_t>(*attempts);
  }
  return {};
}

Result<QueueEntry> read_entry(const json::object& object) {
  QueueEntry entry;
  std::string_view text;
  if (find_string(object, "queue_name", text) == nullptr) {
    return malformed("field queue_name is missing or not a string");
  }
  const auto queue = find_queue(text);
  if (!queue) return malformed("field queue_name names no queue");
  entry.queue = *queue;
  if (find_string(object, "queue_id", text) == nullptr || text.empty()) {
    return malformed("field queue_id is missing, empty or not a string");
  }
  entry.queue_id = text;
  const auto arrival = find_integer(object, "arrival_time", kSecondsMax);
  if (!arrival) return malformed("field arrival_time is missing or not a time in seconds");
  entry.arrival_time = from_seconds(*arrival);
  const auto size = find_integer(object, "message_size", INT64_MAX);
  if (!size) return malformed("field message_size is missing or not a size");
  entry.message_size = static_cast<uint64_t>(*size);
  if (const json::value* forced = object.if_contains("forced_expire")) {  // Postfix 3.5 and later
    const bool* flag = forced->if_bool();
    if (flag == nullptr) return malformed("field forced_expire is neither true nor false");
    entry.forced_expire = *flag;
  }
  if (find_string(object, "sender", text) == nullptr) {
    return malformed("field sender is missing or not a string");
  }
  if (text != kNullSender) entry.sender = text;
  BARID_TRY_VOID(read_recipients(object, entry));
  BARID_TRY_VOID(read_schedule(object, entry));
  return entry;
}

}  // namespace

Result<QueueEntry> parse_json_line(std::string_view line) {
  json::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error) return malformed("the line is not JSON");
  const json::object* object = value.if_object();
  if (object == nullptr) return malformed("the line is not a JSON object");
  return read_entry(*object);
}

}  // namespace barid::tools
