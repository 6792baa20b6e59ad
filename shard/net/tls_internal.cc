#include "shard/net/tls_internal.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

namespace barid::net {
namespace {

std::string colons(const unsigned char* bytes, unsigned length) {
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    fmt::format_to(std::back_inserter(text), "{}{:02X}", i == 0 ? "" : ":", bytes[i]);
  }
  return text;
}

}  // namespace

namespace {

constexpr uint64_t kAllVersions =
    SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;

uint64_t forbidden(const TlsVersions& versions) noexcept {
  uint64_t options = 0;
  if (!versions.allows(kTls10)) options |= SSL_OP_NO_TLSv1;
  if (!versions.allows(kTls11)) options |= SSL_OP_NO_TLSv1_1;
  if (!versions.allows(kTls12)) options |= SSL_OP_NO_TLSv1_2;
  if (!versions.allows(kTls13)) options |= SSL_OP_NO_TLSv1_3;
  return options;
}

bool has_old(const TlsVersions& versions) noexcept {
  return versions.allows(kTls10) || versions.allows(kTls11);
}

}  // namespace

void set_versions(ssl_st* ssl, const TlsVersions& versions) {
  SSL_clear_options(ssl, kAllVersions);
  SSL_set_options(ssl, forbidden(versions));
  if (has_old(versions)) SSL_set_security_level(ssl, 0);
}

void set_common(ssl_ctx_st* context, const TlsVersions& versions) {
  SSL_CTX_set_options(context,
                      SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | forbidden(versions));
  SSL_CTX_set_min_proto_version(context, 0);  // what is on the list alone decides, not the system
  SSL_CTX_set_max_proto_version(context, 0);
  // No finite fields: their keys cost a server far more than the client that asks for them.
  SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384:P-521:X448");
  // OpenSSL 3 allows the old versions only below security level 1.
  if (has_old(versions)) SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

std::string library_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS library error";
}

std::string certificate_fingerprint(const x509_st* certificate, const evp_md_st* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  if (X509_digest(certificate, digest, bytes.data(), &length) != 1) return {};
  return colons(bytes.data(), length);
}

std::string key_fingerprint(x509_st* certificate, const evp_md_st* digest) {
  unsigned char* encoded = nullptr;
  const int encoded_bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
  if (encoded_bytes <= 0) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  const int done = EVP_Digest(encoded, static_cast<size_t>(encoded_bytes), bytes.data(), &length,
                              digest, nullptr);
  OPENSSL_free(encoded);
  return done == 1 ? colons(bytes.data(), length) : std::string();
}

}  // namespace barid::net
