#include "core/text/ascii.h"

#include <charconv>
#include <cstring>

namespace barid::text {

bool is_ascii(std::string_view value) noexcept {
  constexpr uint64_t kTopBits = 0x8080808080808080u;
  while (value.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, value.data(), sizeof word);
    if ((word & kTopBits) != 0) return false;
    value.remove_prefix(sizeof word);
  }
  for (const char c : value) {
    if (static_cast<unsigned char>(c) > 0x7f) return false;
  }
  return true;
}

void append_lower(std::string& out, std::string_view value) {
  for (const char c : value) out.push_back(to_lower(c));
}

void append_number(std::string& out, uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace barid::text
