// Private keys that sign: RSA with SHA-256, and Ed25519.
// Source: RFC 8017 8.2 (RSASSA-PKCS1-v1_5), RFC 8032 (Ed25519), RFC 8463 3 (a digest is signed),
//         RFC 7468 and 5958 (PEM of PKCS #8).
// Layer:  core/crypto. Any thread. A copy shares the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace barid::crypto {

enum class KeyType : uint8_t { kRsa, kEd25519 };

class PrivateKey {
 public:
  PrivateKey(const PrivateKey& other);
  PrivateKey(PrivateKey&& other) noexcept;
  PrivateKey& operator=(PrivateKey other) noexcept;
  ~PrivateKey();

  /// The first private key in `pem`. nullopt: `*problem` says why, without any of the key.
  [[nodiscard]] static std::optional<PrivateKey> parse(std::string_view pem, std::string* problem);
  /// A new one; `bits` is for RSA. nullopt only if the library cannot.
  [[nodiscard]] static std::optional<PrivateKey> generate(KeyType type, unsigned bits);

  [[nodiscard]] KeyType type() const noexcept { return type_; }
  [[nodiscard]] unsigned bits() const noexcept;

  /// The signature of a SHA-256 digest; empty if the library fails. RSA-2048 takes a fifth of a
  /// millisecond, RSA-4096 seven times as long, Ed25519 a tenth.
  [[nodiscard]] std::string sign(std::string_view digest) const;

  /// What a DKIM record publishes: SubjectPublicKeyInfo of RSA, the 32 bytes of Ed25519.
  [[nodiscard]] std::string public_key() const;
  /// PKCS #8, without a pass phrase.
  [[nodiscard]] std::string pem() const;

 private:
  PrivateKey(void* key, KeyType type) noexcept : key_(key), type_(type) {}
  void* key_;  // an EVP_PKEY with a reference of ours
  KeyType type_;
};

/// Whether `signature` of `digest` fits a public key in the form of public_key().
/// Of an RSA key that may also be in the older form of RFC 8017 A.1.1 (RFC 6376 3.6.1: both occur).
[[nodiscard]] bool verify(KeyType type, std::string_view public_key, std::string_view digest,
                          std::string_view signature);

/// Bits of an RSA public key; 0 if it is none.
[[nodiscard]] unsigned rsa_bits(std::string_view public_key);

}  // namespace barid::crypto
