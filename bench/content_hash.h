// 64-bit content hash (the XXH64 function, seed 0), fed piecewise: about 1 µs per 5 KB, so that
// every benchmarked message can be checked. Finds corruption, resists nobody.
// Source: xxHash specification 0.1.1, XXH64. Layer: bench, pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace barid::bench {

class ContentHash {
 public:
  static constexpr uint32_t kHexBytes = 16;

  void update(std::string_view bytes) noexcept;
  /// Value over all bytes so far; more may follow.
  [[nodiscard]] uint64_t value() const noexcept;
  void reset() noexcept { *this = ContentHash(); }

  [[nodiscard]] static uint64_t of(std::string_view bytes) noexcept {
    ContentHash hash;
    hash.update(bytes);
    return hash.value();
  }

 private:
  static constexpr uint64_t kPrime1 = 0x9e3779b185ebca87u;
  static constexpr uint64_t kPrime2 = 0xc2b2ae3d27d4eb4fu;
  static constexpr uint32_t kStripeBytes = 32;

  void consume_stripe(const char* stripe) noexcept;

  std::array<uint64_t, 4> lanes_{kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  uint64_t bytes_total_ = 0;
  uint32_t pending_bytes_ = 0;
  std::array<char, kStripeBytes> pending_{};
};

/// Writes exactly kHexBytes lower-case hex digits at `out`.
void write_hex64(uint64_t value, char* out) noexcept;
/// Parses exactly kHexBytes hex digits of either case; false if it is anything else.
[[nodiscard]] bool parse_hex64(std::string_view text, uint64_t& value) noexcept;

}  // namespace barid::bench
