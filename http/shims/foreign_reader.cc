#include "http/shims/foreign_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

constexpr size_t kShownBytesMax = 76;

std::string joined(std::string_view path, std::string_view name) {
  return fmt::format("{}{}", path, name.substr(0, kShownBytesMax));
}

}  // namespace

void ForeignReader::fail(std::string field, std::string_view what) {
  if (problem_) return;
  std::string message = field.empty() ? std::string(what) : fmt::format("`{}`: {}", field, what);
  problem_ = ApiError{.status = 422,
                      .name = "validation_error",
                      .message = std::move(message),
                      .param = std::move(field)};
}

void ForeignReader::fail_missing(std::string field) {
  if (problem_) return;
  problem_ = ApiError{.status = 422,
                      .name = "missing_required_field",
                      .message = fmt::format("`{}` is required.", field),
                      .param = std::move(field)};
}

bool ForeignReader::same(std::string_view a, std::string_view b) const noexcept {
  return ignore_case_ ? text::equals_ignore_case(a, b) : a == b;
}

JsonValue* ForeignReader::find(JsonValue& object, std::string_view name) const noexcept {
  for (size_t i = 0; i < object.names.size(); ++i) {
    if (same(object.names[i], name)) return object.items[i].is_null() ? nullptr : &object.items[i];
  }
  return nullptr;
}

bool ForeignReader::check_names(const JsonValue& object, std::string_view path,
                                std::span<const std::string_view> known,
                                std::span<const Absent> absent) {
  if (!object.is_object()) {
    fail(std::string(path.substr(0, path.empty() ? 0 : path.size() - 1)), "must be an object");
    return false;
  }
  for (size_t i = 0; i < object.names.size(); ++i) {
    const std::string& name = object.names[i];
    const auto is_name = [&](std::string_view one) { return same(one, name); };
    for (size_t k = 0; ignore_case_ && k < i; ++k) {
      if (same(object.names[k], name)) fail(joined(path, name), "is given twice");
    }
    if (std::any_of(known.begin(), known.end(), is_name) || object.items[i].is_null()) continue;
    const auto why = std::find_if(absent.begin(), absent.end(),
                                  [&](const Absent& one) { return same(one.name, name); });
    fail(joined(path, name), why != absent.end() ? why->why : "is not known here");
  }
  return !failed();
}

std::string ForeignReader::text(JsonValue& object, std::string_view path, std::string_view name) {
  JsonValue* member = find(object, name);
  if (member == nullptr) return {};
  if (!member->is_string()) fail(joined(path, name), "must be a string");
  return std::move(member->text);
}

bool ForeignReader::flag(JsonValue& object, std::string_view path, std::string_view name) {
  const JsonValue* member = find(object, name);
  if (member == nullptr) return false;
  if (member->kind != JsonValue::Kind::kBool) fail(joined(path, name), "must be true or false");
  return member->boolean;
}

JsonValue* ForeignReader::array(JsonValue& object, std::string_view path, std::string_view name,
                                size_t items_max) {
  JsonValue* member = find(object, name);
  if (member == nullptr) return nullptr;
  if (member->kind != JsonValue::Kind::kArray || member->items.size() > items_max) {
    fail(joined(path, name), fmt::format("must be an array of at most {}", items_max));
    return nullptr;
  }
  return member;
}

JsonValue* ForeignReader::texts(JsonValue& object, std::string_view path, std::string_view name) {
  JsonValue* member = find(object, name);
  if (member == nullptr) return nullptr;
  if (!member->is_object()) {
    fail(joined(path, name), "must be an object");
    return nullptr;
  }
  for (size_t i = 0; i < member->items.size(); ++i) {
    if (member->items[i].is_string()) continue;
    fail(joined(joined(path, name) + '.', member->names[i]), "must be a string");
    return nullptr;
  }
  return member;
}

JsonValue json_of(std::string text) {
  return {.kind = JsonValue::Kind::kString, .text = std::move(text)};
}

void put(JsonValue& object, std::string_view name, JsonValue value) {
  for (size_t i = 0; i < object.names.size(); ++i) {
    if (object.names[i] != name) continue;
    object.items[i] = std::move(value);
    return;
  }
  object.names.emplace_back(name);
  object.items.push_back(std::move(value));
}

std::string mailbox_text(std::string_view name, std::string_view address) {
  if (name.empty()) return std::string(address);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out.append("\" <").append(address) + '>';
}

std::vector<std::string_view> split_addresses(std::string_view list) {
  std::vector<std::string_view> items;
  bool quoted = false;
  bool bracketed = false;
  size_t begin = 0;
  const auto end_item = [&](size_t end) {
    const std::string_view item = text::trim(list.substr(begin, end - begin));
    if (!item.empty()) items.push_back(item);
    begin = end + 1;
  };
  for (size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '<' || c == '>')) {
      bracketed = c == '<';
    } else if (!quoted && !bracketed && c == ',') {
      end_item(i);
    }
  }
  end_item(list.size());
  return items;
}

}  // namespace barid::http
