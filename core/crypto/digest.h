// Hashes and secrets.
// Source: FIPS 180-4 (SHA-256), RFC 2104 (HMAC).
// Layer:  core/crypto. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace barid::crypto {

inline constexpr size_t kSha256Bytes = 32;

/// The binary digest of the pieces, one after the other.
[[nodiscard]] std::string sha256(const std::vector<std::string_view>& pieces);
/// A digest of what comes in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  void add(std::string_view bytes);
  /// Once, at the end: the binary digest.
  [[nodiscard]] std::string finish();

 private:
  void* context_;
};
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view data);

/// Takes as long for different values as for equal ones of that length.
[[nodiscard]] bool equal_secrets(std::string_view a, std::string_view b) noexcept;

/// Bytes that nobody can guess.
[[nodiscard]] std::string random_bytes(size_t count);

}  // namespace barid::crypto
