#include "bench/content_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace barid::bench {
namespace {

constexpr uint64_t kPrime3 = 0x165667b19e3779f9u;
constexpr uint64_t kPrime4 = 0x85ebca77c2b2ae63u;
constexpr uint64_t kPrime5 = 0x27d4eb2f165667c5u;

template <typename Word>
Word load_little_endian(const char* at) noexcept {
  static_assert(std::endian::native == std::endian::little, "hash reads words in place");
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

void ContentHash::consume_stripe(const char* stripe) noexcept {
  for (uint32_t lane = 0; lane < 4; ++lane) {
    const auto word = load_little_endian<uint64_t>(stripe + lane * 8);
    lanes_[lane] = std::rotl(lanes_[lane] + word * kPrime2, 31) * kPrime1;
  }
}

void ContentHash::update(std::string_view bytes) noexcept {
  bytes_total_ += bytes.size();
  if (pending_bytes_ > 0) {
    const size_t taken = std::min<size_t>(bytes.size(), kStripeBytes - pending_bytes_);
    std::memcpy(pending_.data() + pending_bytes_, bytes.data(), taken);
    pending_bytes_ += static_cast<uint32_t>(taken);
    bytes.remove_prefix(taken);
    if (pending_bytes_ < kStripeBytes) return;
    consume_stripe(pending_.data());
    pending_bytes_ = 0;
  }
  while (bytes.size() >= kStripeBytes) {
    consume_stripe(bytes.data());
    bytes.remove_prefix(kStripeBytes);
  }
  if (bytes.empty()) return;
  std::memcpy(pending_.data(), bytes.data(), bytes.size());
  pending_bytes_ = static_cast<uint32_t>(bytes.size());
}

uint64_t ContentHash::value() const noexcept {
  uint64_t hash = kPrime5;
  if (bytes_total_ >= kStripeBytes) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (const uint64_t lane : lanes_) {
      hash = (hash ^ (std::rotl(lane * kPrime2, 31) * kPrime1)) * kPrime1 + kPrime4;
    }
  }
  hash += bytes_total_;
  const char* at = pending_.data();
  uint32_t left = pending_bytes_;
  for (; left >= 8; left -= 8, at += 8) {
    hash ^= std::rotl(load_little_endian<uint64_t>(at) * kPrime2, 31) * kPrime1;
    hash = std::rotl(hash, 27) * kPrime1 + kPrime4;
  }
  if (left >= 4) {
    hash ^= uint64_t{load_little_endian<uint32_t>(at)} * kPrime1;
    hash = std::rotl(hash, 23) * kPrime2 + kPrime3;
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at) {
    hash ^= uint64_t{static_cast<unsigned char>(*at)} * kPrime5;
    hash = std::rotl(hash, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

void write_hex64(uint64_t value, char* out) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = kDigits[value & 15];
}

bool parse_hex64(std::string_view text, uint64_t& value) noexcept {
  if (text.size() != ContentHash::kHexBytes) return false;
  value = 0;
  for (const char c : text) {
    uint64_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<uint64_t>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<uint64_t>(c - 'A') + 10;
    else
      return false;
    value = value << 4 | digit;
  }
  return true;
}

}  // namespace barid::bench
