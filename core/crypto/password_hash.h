// Stored forms of passwords: SCRAM-SHA-256 keys, and what crypt(3) knows.
// Source: RFC 5803 (the form), RFC 5802 3 and 7677 (the keys), RFC 8018 (PBKDF2).
// Layer:  core/crypto. Any thread. What checks or makes one takes milliseconds: for the offload
//         pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace barid::crypto {

inline constexpr uint32_t kScramIterationsDefault = 4096;
inline constexpr uint32_t kScramIterationsMax = 10'000'000;

/// What a server keeps of a password (RFC 5802 3).
struct ScramSecret {
  uint32_t iterations = kScramIterationsDefault;
  std::string salt;
  std::string stored_key;  ///< 32 bytes
  std::string server_key;  ///< 32 bytes

  bool operator==(const ScramSecret&) const = default;
};

/// `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`, base64 each; nullopt for anything else.
[[nodiscard]] std::optional<ScramSecret> parse_scram_secret(std::string_view text);
[[nodiscard]] std::string format_scram_secret(const ScramSecret& secret);
/// Slow.
[[nodiscard]] ScramSecret make_scram_secret(std::string_view password, std::string_view salt,
                                            uint32_t iterations = kScramIterationsDefault);

/// Whether a stored form is one that can be checked: SCRAM-SHA-256, or crypt(3) with a salt.
[[nodiscard]] bool is_password_hash(std::string_view stored) noexcept;
/// Slow. False also for forms that cannot be checked.
[[nodiscard]] bool check_password(const std::string& stored, const std::string& password);

}  // namespace barid::crypto
