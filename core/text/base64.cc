#include "core/text/base64.h"

#include <array>
#include <cstdint>

namespace barid::text {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kBlank = 64;
constexpr uint8_t kPadding = 65;
constexpr uint8_t kForeign = 66;

constexpr std::array<uint8_t, 256> kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kForeign);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  for (const char c : std::string_view(" \t\r\n")) values[static_cast<unsigned char>(c)] = kBlank;
  values['='] = kPadding;
  return values;
}();

/// The number of bytes at `out`, which may be where the text is: it is read first.
std::optional<size_t> decode(std::string_view text, char* out) {
  char* const begin = out;
  uint32_t word = 0;
  uint32_t count = 0;  // characters of the present group of four
  uint32_t padding = 0;
  for (const char c : text) {
    const uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kBlank) continue;
    if (value == kForeign) return std::nullopt;
    if (value == kPadding) {
      if (++padding + count > 4 || count < 2) return std::nullopt;
      continue;
    }
    if (padding > 0) return std::nullopt;
    word = word << 6 | value;
    if (++count < 4) continue;
    *out++ = static_cast<char>(word >> 16 & 0xff);
    *out++ = static_cast<char>(word >> 8 & 0xff);
    *out++ = static_cast<char>(word & 0xff);
    word = count = 0;
  }
  if (count == 1 || (padding > 0 && padding + count != 4)) return std::nullopt;
  if (count == 2) *out++ = static_cast<char>(word >> 4 & 0xff);
  if (count == 3) {
    *out++ = static_cast<char>(word >> 10 & 0xff);
    *out++ = static_cast<char>(word >> 2 & 0xff);
  }
  return static_cast<size_t>(out - begin);
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  const auto byte = [bytes](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]));
  };
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t word = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += kAlphabet[word >> 18];
    out += kAlphabet[(word >> 12) & 63];
    out += kAlphabet[(word >> 6) & 63];
    out += kAlphabet[word & 63];
  }
  if (i == bytes.size()) return;
  const bool two = bytes.size() - i == 2;
  const uint32_t word = byte(i) << 16 | (two ? byte(i + 1) << 8 : 0);
  out += kAlphabet[word >> 18];
  out += kAlphabet[(word >> 12) & 63];
  out += two ? kAlphabet[(word >> 6) & 63] : '=';
  out += '=';
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const std::optional<size_t> size = decode(text, out.data());
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

bool decode_base64_in_place(std::string& text) {
  const std::optional<size_t> size = decode(text, text.data());
  if (size) text.resize(*size);
  return size.has_value();
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
}

}  // namespace barid::text
