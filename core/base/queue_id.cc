#include "core/base/queue_id.h"

#include "core/base/assert.h"

namespace barid {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kTimeDigits = 9;
constexpr size_t kPartitionDigits = 3;

void put_base62(char* out, size_t digits, uint64_t value) noexcept {
  for (size_t i = digits; i > 0; --i) {
    out[i - 1] = kDigits[value % 62];
    value /= 62;
  }
  BARID_ASSERT(value == 0);
}

std::optional<uint64_t> get_base62(std::string_view text) noexcept {
  uint64_t value = 0;
  for (const char c : text) {
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'A' && c <= 'Z') {
      digit = static_cast<uint64_t>(c - 'A') + 10;
    } else if (c >= 'a' && c <= 'z') {
      digit = static_cast<uint64_t>(c - 'a') + 36;
    } else {
      return std::nullopt;
    }
    value = value * 62 + digit;
  }
  return value;
}

}  // namespace

std::array<char, QueueId::kTextBytes> QueueId::text_chars() const noexcept {
  std::array<char, kTextBytes> out;
  put_base62(out.data(), kTimeDigits, micros);
  put_base62(out.data() + kTimeDigits, kPartitionDigits, partition);
  return out;
}

std::string QueueId::text() const {
  const auto chars = text_chars();
  return std::string(chars.data(), chars.size());
}

std::array<char, QueueId::kKeyBytes> QueueId::key() const noexcept {
  std::array<char, kKeyBytes> out;
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(micros >> (56 - 8 * i));
  out[8] = static_cast<char>(partition >> 8);
  out[9] = static_cast<char>(partition & 0xff);
  return out;
}

std::optional<QueueId> QueueId::parse(std::string_view text) noexcept {
  if (text.size() != kTextBytes) return std::nullopt;
  const auto time = get_base62(text.substr(0, kTimeDigits));
  const auto part = get_base62(text.substr(kTimeDigits));
  if (!time || !part || *part > 0xffff || *time == 0) return std::nullopt;
  return QueueId{.micros = *time, .partition = static_cast<uint16_t>(*part)};
}

std::optional<QueueId> QueueId::from_key(std::string_view key) noexcept {
  if (key.size() != kKeyBytes) return std::nullopt;
  QueueId id;
  for (size_t i = 0; i < 8; ++i) id.micros = id.micros << 8 | static_cast<uint8_t>(key[i]);
  id.partition =
      static_cast<uint16_t>(static_cast<uint8_t>(key[8]) << 8 | static_cast<uint8_t>(key[9]));
  return id;
}

}  // namespace barid
