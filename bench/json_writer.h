// Writes JSON text piece by piece, with commas and escapes in the right places.
// Source: RFC 8259. Layer: bench, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace barid::bench {

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  /// Infinite and undefined numbers become null, which JSON can carry.
  JsonWriter& value(double number);
  template <typename Integer>
    requires std::is_integral_v<Integer>
  JsonWriter& value(Integer number) {
    return raw(std::to_string(number));
  }

  template <typename T>
  JsonWriter& field(std::string_view name, const T& what) {
    key(name);
    return value(what);
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& raw(std::string_view text);
  void separate();

  std::string text_;
  bool comma_due_ = false;
};

/// Appends `text` as a quoted JSON string.
void append_json_string(std::string_view text, std::string& out);

}  // namespace barid::bench
