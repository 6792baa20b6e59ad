#include "core/text/utf8.h"

#include <cstdint>

#include "core/text/ascii.h"

namespace barid::text {
namespace {

constexpr uint32_t byte_at(std::string_view value, size_t index) noexcept {
  return static_cast<unsigned char>(value[index]);
}

constexpr bool is_printable_ascii(char c) noexcept { return c >= ' ' && c <= '~'; }

}  // namespace

// RFC 3629 4: the second byte's range is what excludes overlong forms (E0, F0), surrogates (ED) and
// values above U+10FFFF (F4).
size_t utf8_sequence_bytes(std::string_view value) noexcept {
  if (value.empty()) return 0;
  const uint32_t lead = byte_at(value, 0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint32_t second_min = 0x80;
  uint32_t second_max = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) second_min = 0xa0;
    if (lead == 0xed) second_max = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) second_min = 0x90;
    if (lead == 0xf4) second_max = 0x8f;
  } else {
    return 0;
  }
  if (value.size() < length) return 0;
  const uint32_t second = byte_at(value, 1);
  if (second < second_min || second > second_max) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte_at(value, i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool is_valid_utf8(std::string_view value) noexcept {
  if (is_ascii(value)) return true;
  while (!value.empty()) {
    const size_t length = utf8_sequence_bytes(value);
    if (length == 0) return false;
    value.remove_prefix(length);
  }
  return true;
}

void append_printable(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const size_t length = utf8_sequence_bytes(value);
    // U+0080–U+009F are controls too: some terminals obey them like escape sequences.
    const bool c1_control = length == 2 && byte_at(value, 0) == 0xc2 && byte_at(value, 1) < 0xa0;
    if (length == 0 || c1_control || (length == 1 && !is_printable_ascii(value.front()))) {
      out.push_back('?');
      value.remove_prefix(length == 0 ? 1 : length);
      continue;
    }
    out.append(value.substr(0, length));
    value.remove_prefix(length);
  }
}

void append_printable_ascii(std::string& out, std::string_view value) {
  for (const char c : value) out.push_back(is_printable_ascii(c) ? c : '?');
}

}  // namespace barid::text
