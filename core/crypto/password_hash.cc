#include "core/crypto/password_hash.h"

#include <crypt.h>
#include <openssl/evp.h>

#include <charconv>
#include <memory>

#include "core/base/assert.h"
#include "core/crypto/digest.h"
#include "core/text/base64.h"

namespace barid::crypto {
namespace {

constexpr std::string_view kScheme = "SCRAM-SHA-256$";
constexpr size_t kSaltBytesMax = 1024;

struct ScramKeys {
  std::string stored_key;
  std::string server_key;
};

ScramKeys derive_keys(std::string_view password, std::string_view salt, uint32_t iterations) {
  std::string salted(kSha256Bytes, '\0');
  BARID_ASSERT(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                 reinterpret_cast<const unsigned char*>(salt.data()),
                                 static_cast<int>(salt.size()), static_cast<int>(iterations),
                                 EVP_sha256(), static_cast<int>(salted.size()),
                                 reinterpret_cast<unsigned char*>(salted.data())) == 1);
  return {.stored_key = sha256({hmac_sha256(salted, "Client Key")}),
          .server_key = hmac_sha256(salted, "Server Key")};
}

/// Takes what stands before `end` off the front.
std::optional<std::string_view> take_until(std::string_view& text, char end) noexcept {
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

std::optional<std::string> decode(std::string_view text, size_t bytes_min, size_t bytes_max) {
  std::optional<std::string> bytes = text::decode_base64(text);
  if (!bytes || bytes->size() < bytes_min || bytes->size() > bytes_max) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<ScramSecret> parse_scram_secret(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto iterations = take_until(text, ':');
  const auto salt = iterations ? take_until(text, '$') : std::nullopt;
  const auto stored_key = salt ? take_until(text, ':') : std::nullopt;
  if (!stored_key) return std::nullopt;
  ScramSecret secret;
  const char* const end = iterations->data() + iterations->size();
  const auto parsed = std::from_chars(iterations->data(), end, secret.iterations);
  const bool good = parsed.ec == std::errc() && parsed.ptr == end && secret.iterations > 0 &&
                    secret.iterations <= kScramIterationsMax;
  auto salt_bytes = decode(*salt, 1, kSaltBytesMax);
  auto stored_bytes = decode(*stored_key, kSha256Bytes, kSha256Bytes);
  auto server_bytes = decode(text, kSha256Bytes, kSha256Bytes);
  if (!good || !salt_bytes || !stored_bytes || !server_bytes) return std::nullopt;
  secret.salt = *std::move(salt_bytes);
  secret.stored_key = *std::move(stored_bytes);
  secret.server_key = *std::move(server_bytes);
  return secret;
}

std::string format_scram_secret(const ScramSecret& secret) {
  std::string text(kScheme);
  text += std::to_string(secret.iterations);
  text += ':';
  text::append_base64(text, secret.salt);
  text += '$';
  text::append_base64(text, secret.stored_key);
  text += ':';
  text::append_base64(text, secret.server_key);
  return text;
}

ScramSecret make_scram_secret(std::string_view password, std::string_view salt,
                              uint32_t iterations) {
  ScramKeys keys = derive_keys(password, salt, iterations);
  return {.iterations = iterations,
          .salt = std::string(salt),
          .stored_key = std::move(keys.stored_key),
          .server_key = std::move(keys.server_key)};
}

bool is_password_hash(std::string_view stored) noexcept {
  if (stored.starts_with(kScheme)) return parse_scram_secret(stored).has_value();
  // crypt(5): $id$…; the old DES form is no protection any more.
  return stored.size() > 8 && stored.front() == '$' &&
         stored.find('$', 1) != std::string_view::npos;
}

bool check_password(const std::string& stored, const std::string& password) {
  if (const auto secret = parse_scram_secret(stored)) {
    return equal_secrets(derive_keys(password, secret->salt, secret->iterations).stored_key,
                         secret->stored_key);
  }
  if (!is_password_hash(stored)) return false;
  const auto work = std::make_unique<crypt_data>();  // 32 KiB
  const char* const hashed = ::crypt_r(password.c_str(), stored.c_str(), work.get());
  return hashed != nullptr && hashed[0] != '*' && equal_secrets(hashed, stored);
}

}  // namespace barid::crypto
