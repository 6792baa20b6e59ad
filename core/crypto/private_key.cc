#include "core/crypto/private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>

#include "core/crypto/digest.h"

namespace barid::crypto {
namespace {

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free>;

EVP_PKEY* key_of(void* key) noexcept { return static_cast<EVP_PKEY*>(key); }

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* room_of(std::string& text) noexcept {
  return reinterpret_cast<unsigned char*>(text.data());
}

/// No pass phrase is asked for at a terminal: such a key is refused.
int no_pass_phrase(char*, int, int, void*) { return 0; }

/// A context for PKCS #1 v1.5 with SHA-256, for either direction.
bool use_sha256(EVP_PKEY_CTX* context) noexcept {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0 &&
         EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0;
}

std::string sign_rsa(EVP_PKEY* key, std::string_view digest) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (!context || EVP_PKEY_sign_init(context.get()) <= 0 || !use_sha256(context.get())) return {};
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key)), '\0');
  size_t length = signature.size();
  if (EVP_PKEY_sign(context.get(), room_of(signature), &length, bytes_of(digest), digest.size()) <=
      0) {
    return {};
  }
  signature.resize(length);
  return signature;
}

std::string sign_ed25519(EVP_PKEY* key, std::string_view digest) {
  const DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) <= 0) return {};
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key)), '\0');
  size_t length = signature.size();
  if (EVP_DigestSign(context.get(), room_of(signature), &length, bytes_of(digest), digest.size()) <=
      0) {
    return {};
  }
  signature.resize(length);
  return signature;
}

/// An RSA public key as SubjectPublicKeyInfo, or bare.
Key read_rsa(std::string_view encoded) {
  const auto length = static_cast<long>(encoded.size());
  const unsigned char* der = bytes_of(encoded);
  Key key(d2i_PUBKEY(nullptr, &der, length));
  if (!key) {
    der = bytes_of(encoded);
    key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &der, length));
  }
  ERR_clear_error();
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
  return key;
}

}  // namespace

PrivateKey::PrivateKey(const PrivateKey& other) : key_(other.key_), type_(other.type_) {
  if (key_ != nullptr) EVP_PKEY_up_ref(key_of(key_));
}
PrivateKey::PrivateKey(PrivateKey&& other) noexcept
    : key_(std::exchange(other.key_, nullptr)), type_(other.type_) {}
PrivateKey& PrivateKey::operator=(PrivateKey other) noexcept {
  std::swap(key_, other.key_);
  std::swap(type_, other.type_);
  return *this;
}
PrivateKey::~PrivateKey() { EVP_PKEY_free(key_of(key_)); }

std::optional<PrivateKey> PrivateKey::parse(std::string_view pem, std::string* problem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr) : nullptr);
  if (!key) {
    *problem = pem.find("ENCRYPTED") != std::string_view::npos
                   ? "the key has a pass phrase, which nobody can enter here"
                   : "no private key in PEM form";
    return std::nullopt;
  }
  const int id = EVP_PKEY_get_base_id(key.get());
  if (id == EVP_PKEY_ED25519) return PrivateKey(key.release(), KeyType::kEd25519);
  if (id != EVP_PKEY_RSA) {
    *problem = "neither an RSA nor an Ed25519 key";
    return std::nullopt;
  }
  return PrivateKey(key.release(), KeyType::kRsa);
}

std::optional<PrivateKey> PrivateKey::generate(KeyType type, unsigned bits) {
  EVP_PKEY* const key =
      type == KeyType::kRsa ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return std::nullopt;
  return PrivateKey(key, type);
}

unsigned PrivateKey::bits() const noexcept {
  return static_cast<unsigned>(EVP_PKEY_get_bits(key_of(key_)));
}

std::string PrivateKey::sign(std::string_view digest) const {
  return type_ == KeyType::kRsa ? sign_rsa(key_of(key_), digest)
                                : sign_ed25519(key_of(key_), digest);
}

std::string PrivateKey::public_key() const {
  if (type_ == KeyType::kEd25519) {
    std::string raw(32, '\0');
    size_t length = raw.size();
    if (EVP_PKEY_get_raw_public_key(key_of(key_), room_of(raw), &length) <= 0) return {};
    return raw;
  }
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_of(key_), &der);
  if (length <= 0) return {};
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return bytes;
}

std::string PrivateKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_of(key_), nullptr, nullptr, 0, nullptr,
                                            nullptr) <= 0) {
    return {};
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(length)};
}

bool verify(KeyType type, std::string_view public_key, std::string_view digest,
            std::string_view signature) {
  if (type == KeyType::kEd25519) {
    const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key),
                                              public_key.size()));
    const DigestContext context(EVP_MD_CTX_new());
    return key && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) > 0 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(digest),
                            digest.size()) == 1;
  }
  const Key key = read_rsa(public_key);
  if (!key) return false;
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  return context && EVP_PKEY_verify_init(context.get()) > 0 && use_sha256(context.get()) &&
         EVP_PKEY_verify(context.get(), bytes_of(signature), signature.size(), bytes_of(digest),
                         digest.size()) == 1;
}

unsigned rsa_bits(std::string_view public_key) {
  const Key key = read_rsa(public_key);
  return key ? static_cast<unsigned>(EVP_PKEY_get_bits(key.get())) : 0;
}

}  // namespace barid::crypto
