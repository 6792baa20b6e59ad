#include "http/submit/email_id.h"

#include <charconv>

namespace barid::http {
namespace {

constexpr size_t kTextBytes = 36;

void put_hex(char* out, size_t digits, uint64_t value) noexcept {
  for (; digits > 0; value >>= 4) out[--digits] = "0123456789abcdef"[value & 15];
}

std::optional<uint64_t> hex(std::string_view text) noexcept {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string make_email_id(QueueId first, uint64_t random) {
  const uint64_t millis = first.micros / 1000;
  std::string text = "00000000-0000-8000-0000-000000000000";
  put_hex(text.data(), 8, millis >> 16);
  put_hex(text.data() + 9, 4, millis & 0xffff);
  put_hex(text.data() + 15, 3, first.micros % 1000);
  put_hex(text.data() + 19, 4, 0x8000 | (random >> 50));
  put_hex(text.data() + 24, 4, first.partition);
  put_hex(text.data() + 28, 8, random & 0xffffffff);
  return text;
}

std::optional<QueueId> parse_email_id(std::string_view text) noexcept {
  if (text.size() != kTextBytes) return std::nullopt;
  for (const size_t dash : {8u, 13u, 18u, 23u}) {
    if (text[dash] != '-') return std::nullopt;
  }
  const auto high = hex(text.substr(0, 8));
  const auto low = hex(text.substr(9, 4));
  const auto rest = hex(text.substr(15, 3));
  const auto variant = hex(text.substr(19, 4));
  const auto partition = hex(text.substr(24, 4));
  const auto random = hex(text.substr(28, 8));
  if (!high || !low || !rest || !variant || !partition || !random) return std::nullopt;
  if (text[14] != '8' || *variant >> 14 != 2 || *rest > 999) return std::nullopt;
  const uint64_t micros = (*high << 16 | *low) * 1000 + *rest;
  if (micros == 0) return std::nullopt;
  return QueueId{.micros = micros, .partition = static_cast<uint16_t>(*partition)};
}

}  // namespace barid::http
