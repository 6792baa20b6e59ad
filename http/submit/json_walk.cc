#include "http/submit/json_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "core/mem/pages.h"
#include "core/text/ascii.h"

namespace barid::http {
namespace {

namespace od = simdjson::ondemand;

/// Up to this size of documents a parser is kept for the next one, and so many are.
constexpr size_t kKeptBytesMax = 1 << 20;
constexpr size_t kKeptParsersMax = 2;
static_assert(kJsonPaddingBytes >= simdjson::SIMDJSON_PADDING);

constexpr size_t kNameBytesMax = 1024;
constexpr size_t kShownNameBytesMax = 76;
constexpr size_t kFewNames = 16;
constexpr size_t kUsualMembers = 6;  // of an object, room for which is made at once

std::string_view explain(simdjson::error_code code) noexcept {
  switch (code) {
    case simdjson::EMPTY:
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
    case simdjson::UNCLOSED_STRING:
      return "the document is incomplete";
    case simdjson::UTF8_ERROR:
      return "it is no valid UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "a control character in a string";
    case simdjson::STRING_ERROR:
      return "a bad escape in a string";
    case simdjson::NUMBER_ERROR:
    case simdjson::NUMBER_OUT_OF_RANGE:
      return "a number is malformed, or beyond 64 bits";
    case simdjson::TAPE_ERROR:
      return "a comma, colon, quote or bracket is missing or out of place";
    case simdjson::TRAILING_CONTENT:
      return "something follows the document";
    case simdjson::INCORRECT_TYPE:
      return "a value is expected";
    default:
      return simdjson::error_message(code);
  }
}

/// The name that stands twice; empty if none does.
std::string_view find_twin(const std::vector<std::string>& names) {
  if (names.size() <= kFewNames) {
    for (size_t i = 1; i < names.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        if (names[i] == names[k]) return names[i];
      }
    }
    return {};
  }
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  return twin == sorted.end() ? std::string_view() : *twin;
}

/// A token reaches up to the next one.
std::string_view trim_end(std::string_view token) noexcept {
  return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
}
std::string_view token_of(od::value& in) noexcept { return trim_end(in.raw_json_token()); }
std::string_view token_of(od::document& in) noexcept {
  std::string_view token;
  if (in.raw_json_token().get(token) != simdjson::SUCCESS) return {};
  return trim_end(token);
}

/// Appends a whole number of 0..255; false if it is none.
bool append_byte(std::string_view token, std::string* bytes) {
  if (token.empty() || token.size() > 3) return false;
  if (token.size() > 1 && token.front() == '0') return false;
  unsigned value = 0;
  for (const char c : token) {
    if (!text::is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 255) return false;
  *bytes += static_cast<char>(value);
  return true;
}

thread_local std::vector<std::unique_ptr<od::parser>> kept_parsers;

}  // namespace

ParserLease::ParserLease() {
  if (kept_parsers.empty()) {
    parser_ = std::make_unique<od::parser>();
  } else {
    parser_ = std::move(kept_parsers.back());
    kept_parsers.pop_back();
  }
}

ParserLease::~ParserLease() {
  if (parser_ && parser_->capacity() <= kKeptBytesMax && kept_parsers.size() < kKeptParsersMax) {
    kept_parsers.push_back(std::move(parser_));
  }
}

bool ParserLease::reserve(size_t bytes) {
  if (parser_->capacity() >= bytes) return true;
  const size_t room = bytes <= kKeptBytesMax ? kKeptBytesMax : std::bit_ceil(bytes);
  return parser_->allocate(room, kJsonDepthMax * 4) == simdjson::SUCCESS;
}

bool JsonWalk::begin(od::parser& parser, std::string_view text, size_t capacity,
                     od::document* document) {
  const simdjson::padded_string_view padded(text.data(), text.size(), capacity);
  return check(parser.iterate(padded).get(*document));
}

bool JsonWalk::end(od::document& document) {
  const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  return at_end || refuse(simdjson::TRAILING_CONTENT);
}

bool JsonWalk::value(od::document& in, JsonValue* out) { return read(in, out); }
bool JsonWalk::value(od::value& in, JsonValue* out) { return read(in, out); }

bool JsonWalk::enter(od::document& in, od::array* array) {
  ++nodes_count_;
  ++depth_;
  return check(in.get_array().get(*array));
}

bool JsonWalk::item(simdjson::simdjson_result<od::value> in, size_t index, JsonValue* out) {
  od::value element;
  if (check(in.get(element)) && read(element, out)) return true;
  return step(fmt::to_string(index));
}

template <typename In>
bool JsonWalk::read(In& in, JsonValue* out) {
  if (++nodes_count_ > kJsonNodesMax) return refuse("too many values");
  od::json_type type{};
  if (auto code = in.type().get(type)) return refuse(code);
  switch (type) {
    case od::json_type::object:
      return nested(in, out, JsonValue::Kind::kObject);
    case od::json_type::array:
      return nested(in, out, JsonValue::Kind::kArray);
    case od::json_type::string:
      return string(in, out);
    case od::json_type::number:
      out->kind = JsonValue::Kind::kNumber;
      out->text = token_of(in);
      return check(in.get_number().error());
    case od::json_type::boolean:
      out->kind = JsonValue::Kind::kBool;
      return check(in.get_bool().get(out->boolean));
    case od::json_type::null:
      break;
  }
  bool null = false;
  if (auto code = in.is_null().get(null)) return refuse(code);
  return null || refuse(simdjson::INCORRECT_TYPE);
}

template <typename In>
bool JsonWalk::nested(In& in, JsonValue* out, JsonValue::Kind kind) {
  if (depth_ == kJsonDepthMax) return refuse("values are nested too deep");
  ++depth_;
  out->kind = kind;
  bool good = false;
  if (kind == JsonValue::Kind::kObject) {
    od::object object;
    good = check(in.get_object().get(object)) && members(object, out);
  } else {
    od::array array;
    good = check(in.get_array().get(array)) && items(array, out);
  }
  --depth_;
  return good;
}

bool JsonWalk::members(od::object& object, JsonValue* out) {
  out->names.reserve(kUsualMembers);
  out->items.reserve(kUsualMembers);
  for (auto field : object) {
    std::string_view name;
    if (auto code = field.unescaped_key().get(name)) return refuse(code);
    if (name.size() > kNameBytesMax) return refuse("a name is too long");
    out->names.emplace_back(name);
    od::value member;
    const bool good = check(field.value().get(member)) && read(member, &out->items.emplace_back());
    if (!good) return step(out->names.back());
  }
  const std::string_view twin = find_twin(out->names);
  if (twin.empty()) return true;
  problem_.text = "it stands twice";
  return step(twin);
}

bool JsonWalk::items(od::array& array, JsonValue* out) {
  size_t index = 0;
  for (auto item : array) {
    od::value element;
    bool good = check(item.get(element));
    if (good) {
      const bool only_bytes = index == out->text.size();
      if (!only_bytes || !append_byte(token_of(element), &out->text)) {
        good = unfold(out) && read(element, &out->items.emplace_back());
      }
    }
    if (!good) return step(fmt::to_string(index));
    ++index;
  }
  if (!out->text.empty()) out->kind = JsonValue::Kind::kBytes;
  return true;
}

/// Not only bytes after all.
bool JsonWalk::unfold(JsonValue* out) {
  if (out->text.empty()) return true;
  nodes_count_ += out->text.size();
  if (nodes_count_ > kJsonNodesMax) return refuse("too many values");
  out->kind = JsonValue::Kind::kBytes;
  out->items = out->list();
  out->kind = JsonValue::Kind::kArray;
  out->text.clear();
  return true;
}

template <typename In>
bool JsonWalk::string(In& in, JsonValue* out) {
  out->kind = JsonValue::Kind::kString;
  const std::string_view token = token_of(in);
  if (token.size() >= 2 && token.find('\\') == std::string_view::npos) {
    const std::string_view whole = token.substr(1, token.size() - 2);  // without the parser's copy
    if constexpr (std::is_same_v<In, od::document>) {
      out->text = whole;
      std::string_view unused;
      return check(in.get_string().get(unused));
    }
    move_bytes(out->text, whole);
    return true;
  }
  std::string_view unescaped;
  if (auto code = in.get_string().get(unescaped)) return refuse(code);
  // Halves of surrogate pairs come out of it as they are.
  if (!simdjson::validate_utf8(unescaped)) return refuse(simdjson::STRING_ERROR);
  out->text = unescaped;
  return true;
}

bool JsonWalk::refuse(simdjson::error_code code) { return refuse(explain(code)); }

bool JsonWalk::refuse(std::string_view why) {
  problem_.text = why;
  return false;
}

bool JsonWalk::step(std::string_view name) {
  std::string path(name.substr(0, kShownNameBytesMax));
  if (!problem_.param.empty()) path += '.' + problem_.param;
  problem_.param = std::move(path);
  return false;
}

}  // namespace barid::http
