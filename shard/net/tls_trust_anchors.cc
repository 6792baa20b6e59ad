#include "shard/net/tls_trust_anchors.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "shard/net/tls_internal.h"

namespace barid::net {
namespace {

constexpr uint8_t kUsageAnchor = 2;
constexpr uint8_t kWholeCertificate = 0;  // selectors of RFC 6698 2.1.2
constexpr uint8_t kPublicKey = 1;

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(char* text) const noexcept { OPENSSL_free(text); }
  void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

/// One block of a PEM file.
struct Block {
  std::unique_ptr<char, Free> name;
  std::unique_ptr<unsigned char, Free> bytes;
  long length = 0;

  [[nodiscard]] std::string_view kind() const noexcept { return name.get(); }
};

void add(uint8_t selector, const unsigned char* bytes, long length, TrustAnchors* found) {
  found->anchors.push_back(
      {.usage = kUsageAnchor,
       .selector = selector,
       .matching_type = 0,
       .data = std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length))});
}

/// The certificate, for chains that come without it, and its key: so a server's own certificate can
/// be an anchor, and dates of anchors do not count.
std::string add_certificate(X509* certificate, TrustAnchors* found) {
  unsigned char* encoded = nullptr;
  int length = i2d_X509(certificate, &encoded);
  const std::unique_ptr<unsigned char, Free> owned(encoded);
  if (length <= 0) return "a certificate cannot be read: " + library_reason();
  add(kWholeCertificate, encoded, length, found);
  unsigned char* key = nullptr;
  length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
  const std::unique_ptr<unsigned char, Free> owned_key(key);
  if (length <= 0) return "a certificate's key cannot be read: " + library_reason();
  add(kPublicKey, key, length, found);
  return {};
}

/// Empty, or what is wrong.
std::string add_block(const Block& block, TrustAnchors* found) {
  const unsigned char* at = block.bytes.get();
  const std::string_view kind = block.kind();
  if (kind == PEM_STRING_PUBLIC) {
    const std::unique_ptr<EVP_PKEY, Free> key(d2i_PUBKEY(nullptr, &at, block.length));
    if (!key) return "a public key cannot be read: " + library_reason();
    add(kPublicKey, block.bytes.get(), block.length, found);
    return {};
  }
  const bool is_trusted = kind == PEM_STRING_X509_TRUSTED;
  if (!is_trusted && kind != PEM_STRING_X509 && kind != PEM_STRING_X509_OLD) {
    return fmt::format("holds a {}: only certificates and public keys belong there", kind);
  }
  const std::unique_ptr<X509, Free> certificate(
      is_trusted ? d2i_X509_AUX(nullptr, &at, block.length) : d2i_X509(nullptr, &at, block.length));
  if (!certificate) return "a certificate cannot be read: " + library_reason();
  return add_certificate(certificate.get(), found);
}

}  // namespace

TrustAnchors parse_trust_anchors(std::string_view pem) {
  TrustAnchors found;
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (bio && found.problem.empty()) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* bytes = nullptr;
    long length = 0;
    ERR_clear_error();
    if (PEM_read_bio(bio.get(), &name, &header, &bytes, &length) != 1) {
      const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      if (!is_end) found.problem = "no good PEM: " + library_reason();
      ERR_clear_error();
      break;
    }
    const std::unique_ptr<char, Free> owned_header(header);
    const Block block{.name = std::unique_ptr<char, Free>(name),
                      .bytes = std::unique_ptr<unsigned char, Free>(bytes),
                      .length = length};
    found.problem = add_block(block, &found);
    if (found.anchors.size() > kTrustAnchorsMax) {
      found.problem = fmt::format("more than {} trust anchors", kTrustAnchorsMax);
    }
  }
  if (found.problem.empty() && found.anchors.empty()) {
    found.problem = "holds neither a certificate nor a public key";
  }
  if (!found.problem.empty()) found.anchors.clear();
  return found;
}

}  // namespace barid::net
