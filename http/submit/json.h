// JSON as a tree of plain values, and back to text.
// Source: RFC 8259. Layer: http, pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace barid::http {

class JsonValue {
 public:
  /// kBytes: an array of at least one number, all of them 0..255 (a serialised Buffer), kept
  /// compactly.
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kBytes, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;                ///< kString: its value; kNumber: as written; kBytes: the bytes
  std::vector<JsonValue> items;    ///< of an array, or the values of an object
  std::vector<std::string> names;  ///< kObject: of `items`, in the same order

  [[nodiscard]] bool is_string() const noexcept { return kind == Kind::kString; }
  [[nodiscard]] bool is_object() const noexcept { return kind == Kind::kObject; }
  [[nodiscard]] bool is_null() const noexcept { return kind == Kind::kNull; }
  /// `text` as a whole number; 0 if it is none.
  template <typename T>
  [[nodiscard]] T number() const noexcept {
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  /// The member of that name, or null; also null if this is no object.
  [[nodiscard]] const JsonValue* find(std::string_view name) const noexcept;
  [[nodiscard]] JsonValue* find(std::string_view name) noexcept {
    return const_cast<JsonValue*>(std::as_const(*this).find(name));
  }
  /// An array of any sort as items: kBytes becomes numbers.
  [[nodiscard]] std::vector<JsonValue> list() const;
};

/// One whole document; nullopt if it is none.
[[nodiscard]] std::optional<JsonValue> parse_json(std::string_view text);
/// The member of that name as text, or as a whole number; empty or 0 if there is none.
[[nodiscard]] std::string_view json_text(const JsonValue& value, std::string_view name) noexcept;
[[nodiscard]] int64_t json_number(const JsonValue& value, std::string_view name) noexcept;

/// Appends `value` as compact JSON.
void append_json(std::string& out, const JsonValue& value);

}  // namespace barid::http
