#include "http/submit/json.h"

#include <utility>

#include "core/text/json.h"
#include "http/submit/json_reader.h"

namespace barid::http {

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &items[i];
  }
  return nullptr;
}

std::vector<JsonValue> JsonValue::list() const {
  if (kind != Kind::kBytes) return items;
  std::vector<JsonValue> numbers;
  for (const char c : text) {
    numbers.push_back({.kind = Kind::kNumber,
                       .text = std::to_string(static_cast<unsigned>(static_cast<uint8_t>(c)))});
  }
  return numbers;
}

void append_json(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      out += "null";
      return;
    case JsonValue::Kind::kBool:
      out += value.boolean ? "true" : "false";
      return;
    case JsonValue::Kind::kNumber:
      out += value.text;
      return;
    case JsonValue::Kind::kString:
      text::append_json_string(out, value.text);
      return;
    case JsonValue::Kind::kArray:
    case JsonValue::Kind::kBytes: {
      out += '[';
      bool first = true;
      for (const JsonValue& item : value.list()) {
        if (!std::exchange(first, false)) out += ',';
        append_json(out, item);
      }
      out += ']';
      return;
    }
    case JsonValue::Kind::kObject: {
      out += '{';
      for (size_t i = 0; i < value.names.size(); ++i) {
        if (i > 0) out += ',';
        text::append_json_string(out, value.names[i]);
        out += ':';
        append_json(out, value.items[i]);
      }
      out += '}';
      return;
    }
  }
}

std::optional<JsonValue> parse_json(std::string_view text) {
  JsonReader reader;
  reader.add(text);
  if (!reader.finish()) return std::nullopt;
  return reader.take();
}

std::string_view json_text(const JsonValue& value, std::string_view name) noexcept {
  const JsonValue* member = value.find(name);
  return member == nullptr ? std::string_view() : std::string_view(member->text);
}

int64_t json_number(const JsonValue& value, std::string_view name) noexcept {
  const JsonValue* member = value.find(name);
  return member == nullptr ? 0 : member->number<int64_t>();
}

}  // namespace barid::http
