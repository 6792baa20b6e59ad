#include "core/text/xtext.h"

#include <cstdint>

#include "core/text/utf8.h"

namespace barid::text {
namespace {

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr bool is_xchar(char c) noexcept { return c >= '!' && c <= '~' && c != '+' && c != '='; }

/// The byte that "+XY" at the start of `value` stands for; -1 if that is not what stands there.
constexpr int encoded_byte(std::string_view value) noexcept {
  if (value.size() < 3 || value[0] != '+') return -1;
  const int high = hex_value(value[1]);
  const int low = hex_value(value[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

bool is_xtext(std::string_view value, XtextOptions options) noexcept {
  while (!value.empty()) {
    if (is_xchar(value.front())) {
      value.remove_prefix(1);
      continue;
    }
    const int decoded = encoded_byte(value);
    if (decoded >= 0) {
      if (decoded < ' ' || decoded > '~') return false;
      value.remove_prefix(3);
      continue;
    }
    const size_t sequence = options.utf8 ? utf8_sequence_bytes(value) : 0;
    if (sequence < 2) return false;
    value.remove_prefix(sequence);
  }
  return true;
}

void append_xtext_decoded(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const int decoded = encoded_byte(value);
    out.push_back(decoded >= 0 ? static_cast<char>(decoded) : value.front());
    value.remove_prefix(decoded >= 0 ? 3 : 1);
  }
}

void append_xtext(std::string& out, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    if (is_xchar(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('+');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
}

}  // namespace barid::text
