#include "core/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <memory>

#include "core/base/assert.h"

namespace barid::crypto {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string sha256(const std::vector<std::string_view>& pieces) {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  BARID_ASSERT(context != nullptr);
  BARID_ASSERT(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  for (const std::string_view piece : pieces) {
    BARID_ASSERT(EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1);
  }
  std::string digest(kSha256Bytes, '\0');
  unsigned int length = 0;
  BARID_ASSERT(EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                  &length) == 1);
  return digest;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  BARID_ASSERT(context_ != nullptr);
  BARID_ASSERT(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256::add(std::string_view bytes) {
  BARID_ASSERT(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) ==
               1);
}

std::string Sha256::finish() {
  std::string digest(kSha256Bytes, '\0');
  unsigned int length = 0;
  BARID_ASSERT(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_),
                                  reinterpret_cast<unsigned char*>(digest.data()), &length) == 1);
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string digest(kSha256Bytes, '\0');
  unsigned int length = 0;
  BARID_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data),
                    data.size(), reinterpret_cast<unsigned char*>(digest.data()),
                    &length) != nullptr);
  return digest;
}

bool equal_secrets(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  BARID_ASSERT(
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
  return bytes;
}

}  // namespace barid::crypto
