#include "http/submit/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <charconv>

#include "http/message.h"

namespace barid::http {
namespace {

namespace json = boost::json;
using View = json::string_view;

std::string_view view(View text) noexcept { return {text.data(), text.size()}; }

/// Builds the tree; refuses by giving the parser an error of its own.
class Builder {
 public:
  static constexpr std::size_t max_object_size = kJsonNodesMax;
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = 1024;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Error = json::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error& error) { return open(JsonValue::Kind::kObject, error); }
  bool on_object_end(std::size_t, Error& error) {
    JsonValue value = std::move(open_.back());
    open_.pop_back();
    names_.pop_back();
    std::vector<std::string_view> names(value.names.begin(), value.names.end());
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
      return refuse("the name \"" + std::string(twice->substr(0, 60)) + "\" stands twice", error);
    }
    return place(std::move(value), error);
  }
  bool on_array_begin(Error& error) { return open(JsonValue::Kind::kArray, error); }
  bool on_array_end(std::size_t, Error& error) {
    JsonValue value = std::move(open_.back());
    open_.pop_back();
    names_.pop_back();
    return place(std::move(value), error);
  }
  bool on_key_part(View text, std::size_t, Error&) {
    names_.back() += view(text);
    return true;
  }
  bool on_key(View text, std::size_t, Error&) {
    names_.back() += view(text);
    return true;
  }
  bool on_string_part(View text, std::size_t, Error&) {
    string_ += view(text);
    return true;
  }
  bool on_string(View text, std::size_t, Error& error) {
    string_ += view(text);
    JsonValue value{.kind = JsonValue::Kind::kString};
    value.text.swap(string_);
    return place(std::move(value), error);
  }
  bool on_number_part(View text, Error&) {
    number_ += view(text);
    return true;
  }
  bool on_int64(std::int64_t number, View text, Error& error) {
    number_ += view(text);
    if (number >= 0 && number <= 255 && number_.size() <= 3 && add_byte(number)) return true;
    return on_number(error);
  }
  bool on_uint64(std::uint64_t, View text, Error& error) {
    number_ += view(text);
    return on_number(error);
  }
  bool on_double(double, View text, Error& error) {
    number_ += view(text);
    return on_number(error);
  }
  bool on_bool(bool boolean, Error& error) {
    return place({.kind = JsonValue::Kind::kBool, .boolean = boolean}, error);
  }
  bool on_null(Error& error) { return place({}, error); }
  bool on_comment_part(View, Error&) { return true; }
  bool on_comment(View, Error&) { return true; }

  JsonValue root;
  std::string problem;

 private:
  bool refuse(std::string text, Error& error) {
    problem = std::move(text);
    error = json::error::syntax;
    return false;
  }
  bool open(JsonValue::Kind kind, Error& error) {
    if (++nodes_count_ > kJsonNodesMax) return refuse("too many values", error);
    open_.push_back({.kind = kind});
    names_.emplace_back();
    return true;
  }
  /// A number into an array of bytes; false if it goes elsewhere.
  bool add_byte(std::int64_t number) {
    if (open_.empty()) return false;
    JsonValue& array = open_.back();
    if (array.kind == JsonValue::Kind::kArray && array.items.empty()) {
      array.kind = JsonValue::Kind::kBytes;
    }
    if (array.kind != JsonValue::Kind::kBytes) return false;
    array.text += static_cast<char>(number);
    number_.clear();
    return true;
  }
  bool on_number(Error& error) {
    JsonValue value{.kind = JsonValue::Kind::kNumber};
    value.text.swap(number_);
    return place(std::move(value), error);
  }
  bool place(JsonValue value, Error& error) {
    if (++nodes_count_ > kJsonNodesMax) return refuse("too many values", error);
    if (open_.empty()) {
      root = std::move(value);
      return true;
    }
    JsonValue& parent = open_.back();
    if (parent.kind == JsonValue::Kind::kObject) {
      parent.names.push_back(std::move(names_.back()));
      parent.items.push_back(std::move(value));
      names_.back().clear();
      return true;
    }
    if (parent.kind == JsonValue::Kind::kBytes) {  // not only bytes after all
      if (nodes_count_ + parent.text.size() > kJsonNodesMax) {
        return refuse("too many values", error);
      }
      nodes_count_ += parent.text.size();
      parent.items = parent.list();
      parent.kind = JsonValue::Kind::kArray;
      parent.text.clear();
    }
    parent.items.push_back(std::move(value));
    return true;
  }

  std::vector<JsonValue> open_;
  std::vector<std::string> names_;
  std::string string_;
  std::string number_;
  size_t nodes_count_ = 0;
};

json::parse_options strict_options() {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  return options;
}

}  // namespace

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
      append_json_string(out, value.text);
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
        append_json_string(out, value.names[i]);
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
  if (!reader.add(text) || !reader.finish()) return std::nullopt;
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

struct JsonReader::State {
  json::basic_parser<Builder> parser{strict_options()};
  std::string problem;
};

JsonReader::JsonReader() : state_(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;

bool JsonReader::add(std::string_view bytes) {
  if (!state_->problem.empty()) return false;
  json::error_code error;
  const size_t used = state_->parser.write_some(true, bytes.data(), bytes.size(), error);
  if (!error && used == bytes.size()) return true;
  if (!error && state_->parser.done()) {
    const std::string_view rest = bytes.substr(used);
    if (rest.find_first_not_of(" \t\r\n") == std::string_view::npos) return true;
    state_->problem = "something follows the JSON document";
    return false;
  }
  state_->problem = state_->parser.handler().problem;
  if (state_->problem.empty()) state_->problem = error ? error.message() : "no JSON document";
  return false;
}

bool JsonReader::finish() {
  if (!state_->problem.empty()) return false;
  json::error_code error;
  if (!state_->parser.done()) state_->parser.write_some(false, "", 0, error);
  if (!error && state_->parser.done()) return true;
  state_->problem = state_->parser.handler().problem;
  if (state_->problem.empty()) state_->problem = "the JSON document is incomplete";
  return false;
}

const std::string& JsonReader::problem() const noexcept { return state_->problem; }
JsonValue JsonReader::take() { return std::move(state_->parser.handler().root); }

}  // namespace barid::http
