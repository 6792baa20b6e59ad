// The grammar of JSON as a machine that takes its document in pieces, and the tree that it builds.
#include <algorithm>
#include <array>
#include <cstring>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "core/text/utf8.h"
#include "http/submit/json.h"

namespace barid::http {
namespace {

constexpr size_t kNameBytesMax = 1024;
constexpr size_t kNumberBytesMax = 512;
constexpr size_t kFewNames = 16;
constexpr std::array<std::string_view, 3> kWords = {"true", "false", "null"};

bool is_number_char(char c) noexcept {
  return text::is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

void skip_digits(std::string_view& text) noexcept {
  while (!text.empty() && text::is_digit(text.front())) text.remove_prefix(1);
}

/// RFC 8259 6.
bool is_number(std::string_view text) noexcept {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || !text::is_digit(text.front())) return false;
  if (text.front() == '0') {
    text.remove_prefix(1);
  } else {
    skip_digits(text);
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !text::is_digit(text.front())) return false;
    skip_digits(text);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (text.empty() || !text::is_digit(text.front())) return false;
    skip_digits(text);
  }
  return text.empty();
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

void append_utf8(std::string& out, uint32_t point) {
  const auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    add(0xe0 | point >> 12);
    add(0x80 | (point >> 6 & 0x3f));
  } else {
    add(0xf0 | point >> 18);
    add(0x80 | (point >> 12 & 0x3f));
    add(0x80 | (point >> 6 & 0x3f));
  }
  add(0x80 | (point & 0x3f));
}

/// The tree so far. A call that returns false has set `problem`.
class Tree {
 public:
  bool open(JsonValue::Kind kind) {
    if (++nodes_count_ > kJsonNodesMax) return refuse("too many values");
    if (open_.size() == kJsonDepthMax) return refuse("values are nested too deep");
    open_.push_back({.kind = kind});
    names_.emplace_back();
    return true;
  }
  bool close() {
    JsonValue value = std::move(open_.back());
    open_.pop_back();
    names_.pop_back();
    if (const std::string_view twin = find_twin(value.names); !twin.empty()) {
      return refuse("the name \"" + std::string(twin.substr(0, 60)) + "\" stands twice");
    }
    return place(std::move(value));
  }
  bool add_name(std::string name) {
    if (name.size() > kNameBytesMax) return refuse("a name is too long");
    names_.back() = std::move(name);
    return true;
  }
  bool add_number(std::string number) {
    if (!is_number(number)) return refuse("a number is malformed");
    if (number.size() <= 3 && add_byte(number)) return true;
    return place({.kind = JsonValue::Kind::kNumber, .text = std::move(number)});
  }
  bool place(JsonValue value) {
    if (++nodes_count_ > kJsonNodesMax) return refuse("too many values");
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
      if (nodes_count_ + parent.text.size() > kJsonNodesMax) return refuse("too many values");
      nodes_count_ += parent.text.size();
      parent.items = parent.list();
      parent.kind = JsonValue::Kind::kArray;
      parent.text.clear();
    }
    parent.items.push_back(std::move(value));
    return true;
  }
  bool refuse(std::string text) {
    problem = std::move(text);
    return false;
  }
  /// Null outside of all arrays and objects.
  [[nodiscard]] const JsonValue* innermost() const noexcept {
    return open_.empty() ? nullptr : &open_.back();
  }

  JsonValue root;
  std::string problem;

 private:
  /// A number into an array of bytes; false if it goes elsewhere.
  bool add_byte(std::string_view number) {
    if (open_.empty()) return false;
    unsigned value = 0;
    for (const char c : number) {
      if (!text::is_digit(c)) return false;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > 255) return false;
    JsonValue& array = open_.back();
    if (array.kind == JsonValue::Kind::kArray && array.items.empty()) {
      array.kind = JsonValue::Kind::kBytes;
    }
    if (array.kind != JsonValue::Kind::kBytes) return false;
    array.text += static_cast<char>(value);
    return true;
  }

  std::vector<JsonValue> open_;
  std::vector<std::string> names_;  ///< of the member being read, for each open value
  size_t nodes_count_ = 0;
};

}  // namespace

struct JsonReader::State {
  enum class Expect : uint8_t {
    kValue,
    kFirstItem,  ///< or the end of the array
    kFirstName,  ///< or the end of the object
    kName,
    kColon,
    kComma,  ///< or an end
    kNothing,
  };
  /// What is being read, perhaps with its beginning in an earlier piece.
  enum class Token : uint8_t { kNone, kString, kEscape, kUnicode, kNumber, kWord };

  bool add(std::string_view bytes);
  bool finish();
  bool between(std::string_view& bytes);
  bool begin_value(char c);
  bool close(JsonValue::Kind kind);
  bool after_value();
  bool in_string(std::string_view& bytes);
  bool end_string();
  bool escape(char c);
  bool unicode(char c);
  bool end_number();
  bool end_word();
  bool refuse(std::string_view what) { return tree.refuse(std::string(what)); }
  void start(Token kind) {
    token = kind;
    text.clear();
    high = false;
  }

  Tree tree;
  Expect expect = Expect::kValue;
  Token token = Token::kNone;
  bool is_name = false;
  bool high = false;  ///< the string has bytes above 0x7f
  std::string text;   ///< of the token
  uint32_t digits_count = 0;
  uint32_t unit = 0;            ///< of \u, so far
  uint32_t high_surrogate = 0;  ///< of a pair whose second half must follow
};

bool JsonReader::State::close(JsonValue::Kind kind) {
  const JsonValue* innermost = tree.innermost();
  const bool is_object = innermost != nullptr && innermost->is_object();
  if (innermost == nullptr || is_object != (kind == JsonValue::Kind::kObject)) {
    return refuse("an end without a beginning");
  }
  return tree.close() && after_value();
}

bool JsonReader::State::after_value() {
  expect = tree.innermost() == nullptr ? Expect::kNothing : Expect::kComma;
  token = Token::kNone;
  return true;
}

bool JsonReader::State::begin_value(char c) {
  switch (c) {
    case '{':
      expect = Expect::kFirstName;
      return tree.open(JsonValue::Kind::kObject);
    case '[':
      expect = Expect::kFirstItem;
      return tree.open(JsonValue::Kind::kArray);
    case '"':
      is_name = false;
      start(Token::kString);
      return true;
    case 't':
    case 'f':
    case 'n':
      start(Token::kWord);
      text = c;
      return true;
    default:
      if (c != '-' && !text::is_digit(c)) return refuse("a value is expected");
      start(Token::kNumber);
      text = c;
      return true;
  }
}

/// One character outside of all tokens.
bool JsonReader::State::between(std::string_view& bytes) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return true;
  switch (expect) {
    case Expect::kNothing:
      return refuse("something follows the JSON document");
    case Expect::kFirstItem:
      if (c == ']') return close(JsonValue::Kind::kArray);
      return begin_value(c);
    case Expect::kValue:
      return begin_value(c);
    case Expect::kFirstName:
    case Expect::kName:
      if (c == '}' && expect == Expect::kFirstName) return close(JsonValue::Kind::kObject);
      if (c != '"') return refuse("a name is expected");
      is_name = true;
      start(Token::kString);
      return true;
    case Expect::kColon:
      if (c != ':') return refuse("a colon is expected");
      expect = Expect::kValue;
      return true;
    case Expect::kComma:
      break;
  }
  if (c == ']') return close(JsonValue::Kind::kArray);
  if (c == '}') return close(JsonValue::Kind::kObject);
  if (c != ',') return refuse("a comma or an end is expected");
  expect = tree.innermost()->is_object() ? Expect::kName : Expect::kValue;
  return true;
}

bool JsonReader::State::in_string(std::string_view& bytes) {
  if (text.empty() && bytes.size() > text.capacity()) {
    // Up to the next quote at least: a long string grows once.
    const void* quote = std::memchr(bytes.data(), '"', bytes.size());
    text.reserve(quote == nullptr
                     ? bytes.size()
                     : static_cast<size_t>(static_cast<const char*>(quote) - bytes.data()));
  }
  const std::string_view run = bytes.substr(0, text::plain_json_bytes(bytes));
  if (!run.empty()) {
    if (high_surrogate != 0) return refuse("half of a surrogate pair");
    high = high || !text::is_ascii(run);
    text += run;
    bytes.remove_prefix(run.size());
    if (bytes.empty()) return true;
  }
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (c == '\\') {
    token = Token::kEscape;
    return true;
  }
  if (high_surrogate != 0) return refuse("half of a surrogate pair");
  if (c != '"') return refuse("a control character in a string");
  return end_string();
}

bool JsonReader::State::end_string() {
  if (high && !text::is_valid_utf8(text)) return refuse("a string is no valid UTF-8");
  if (is_name) {
    expect = Expect::kColon;
    token = Token::kNone;
    return tree.add_name(std::move(text));
  }
  return tree.place({.kind = JsonValue::Kind::kString, .text = std::move(text)}) && after_value();
}

bool JsonReader::State::escape(char c) {
  if (c == 'u') {
    token = Token::kUnicode;
    digits_count = unit = 0;
    return true;
  }
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t index = kLetters.find(c);
  if (index == std::string_view::npos) return refuse("an unknown escape in a string");
  if (high_surrogate != 0) return refuse("half of a surrogate pair");
  text += kMeanings[index];
  token = Token::kString;
  return true;
}

bool JsonReader::State::unicode(char c) {
  const char lower = text::to_lower(c);
  const bool letter = lower >= 'a' && lower <= 'f';
  if (!letter && !text::is_digit(c)) return refuse("\\u needs four hexadecimal digits");
  unit = unit << 4 | static_cast<uint32_t>(letter ? lower - 'a' + 10 : c - '0');
  if (++digits_count < 4) return true;
  token = Token::kString;
  const bool second = unit >= 0xdc00 && unit <= 0xdfff;
  if (second != (high_surrogate != 0)) return refuse("half of a surrogate pair");
  if (second) {
    append_utf8(text, 0x10000 + ((high_surrogate - 0xd800) << 10) + (unit - 0xdc00));
    high_surrogate = 0;
  } else if (unit >= 0xd800 && unit <= 0xdbff) {
    high_surrogate = unit;
  } else {
    append_utf8(text, unit);
  }
  return true;
}

bool JsonReader::State::end_number() { return tree.add_number(std::move(text)) && after_value(); }

bool JsonReader::State::end_word() {
  JsonValue value;
  if (text != "null") value = {.kind = JsonValue::Kind::kBool, .boolean = text == "true"};
  return tree.place(std::move(value)) && after_value();
}

bool JsonReader::State::add(std::string_view bytes) {
  while (!bytes.empty()) {
    bool good = true;
    switch (token) {
      case Token::kNone:
        good = between(bytes);
        break;
      case Token::kString:
        good = in_string(bytes);
        break;
      case Token::kNumber:
        if (!is_number_char(bytes.front())) {
          good = end_number();
          break;
        }
        if (text.size() == kNumberBytesMax) return refuse("a number is too long");
        text += bytes.front();
        bytes.remove_prefix(1);
        break;
      case Token::kEscape:
      case Token::kUnicode:
        good = token == Token::kEscape ? escape(bytes.front()) : unicode(bytes.front());
        bytes.remove_prefix(1);
        break;
      case Token::kWord: {
        text += bytes.front();
        bytes.remove_prefix(1);
        const auto starts = [this](std::string_view word) { return word.starts_with(text); };
        const auto word = std::find_if(kWords.begin(), kWords.end(), starts);
        if (word == kWords.end()) return refuse("a value is expected");
        if (word->size() == text.size()) good = end_word();
        break;
      }
    }
    if (!good) return false;
  }
  return true;
}

bool JsonReader::State::finish() {
  if (token == Token::kNumber && !end_number()) return false;
  if (expect == Expect::kNothing && token == Token::kNone) return true;
  return refuse("the JSON document is incomplete");
}

JsonReader::JsonReader() : state_(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;

bool JsonReader::add(std::string_view bytes) {
  return state_->tree.problem.empty() && state_->add(bytes);
}

bool JsonReader::finish() { return state_->tree.problem.empty() && state_->finish(); }

const std::string& JsonReader::problem() const noexcept { return state_->tree.problem; }
JsonValue JsonReader::take() { return std::move(state_->tree.root); }

}  // namespace barid::http
