// A seeded generator per shard (xoshiro256**), so that a simulation replays exactly.
// Not for secrets. Layer: core/base, pure.
#pragma once

#include <cstdint>

namespace barid {

class Rng {
 public:
  explicit Rng(uint64_t seed) noexcept {
    for (uint64_t& word : state_) {  // SplitMix64 spreads any seed, zero included
      seed += 0x9e3779b97f4a7c15u;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }

  uint64_t next() noexcept {
    const uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound); bound must not be 0. The modulo bias is below 2^-32 for bounds in use.
  uint64_t below(uint64_t bound) noexcept { return next() % bound; }
  /// True with probability per_mille / 1000.
  bool chance(uint32_t per_mille) noexcept { return below(1000) < per_mille; }

 private:
  static uint64_t rotl(uint64_t x, int k) noexcept { return (x << k) | (x >> (64 - k)); }
  uint64_t state_[4];
};

}  // namespace barid
