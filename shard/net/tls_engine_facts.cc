// TlsEngine: what a finished handshake agreed on.
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "core/text/utf8.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_engine.h"
#include "shard/net/tls_internal.h"
#include "shard/net/tls_server_context.h"

namespace barid::net {
namespace {

/// "(P-256)" for curves, "(2048 bits)" else.
std::string key_size(EVP_PKEY* key) {
  if (key == nullptr) return {};
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
    std::array<char, 64> name{};
    size_t length = 0;
    if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) != 1) return {};
    const int nid = OBJ_sn2nid(name.data());
    const char* nist = nid == NID_undef ? nullptr : EC_curve_nid2nist(nid);
    return fmt::format(" ({})", nist != nullptr ? nist : name.data());
  }
  return fmt::format(" ({} bits)", EVP_PKEY_get_bits(key));
}

std::string key_exchange(SSL* ssl) {
  EVP_PKEY* key = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &key) != 1 || key == nullptr) return {};
  std::string name;
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
      name = "ECDHE" + key_size(key);
      break;
    case EVP_PKEY_DH:
      name = "DHE" + key_size(key);
      break;
    default: {
      const char* type = OBJ_nid2sn(EVP_PKEY_get_base_id(key));
      name = type != nullptr ? type : "unknown";
    }
  }
  EVP_PKEY_free(key);
  return name;
}

std::string signature_name(int type, EVP_PKEY* key) {
  switch (type) {
    case EVP_PKEY_RSA:
      return "RSA" + key_size(key);
    case EVP_PKEY_RSA_PSS:
      return "RSA-PSS" + key_size(key);
    case EVP_PKEY_EC:
      return "ECDSA" + key_size(key);
    default: {
      const char* name = OBJ_nid2sn(type);
      return name != nullptr ? name : "unknown";
    }
  }
}

std::string digest_name(int nid) {
  const char* name = nid == NID_undef ? nullptr : OBJ_nid2sn(nid);
  return name != nullptr ? name : std::string();
}

/// The signature that this side made, or the one that came from the peer.
void fill_signature(SSL* ssl, bool own, std::string* signature, std::string* digest) {
  int type = NID_undef;
  int hash = NID_undef;
  if (own) {
    if (SSL_get_signature_type_nid(ssl, &type) != 1) return;
    SSL_get_signature_nid(ssl, &hash);
    *signature = signature_name(type, SSL_get_privatekey(ssl));
  } else {
    if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) return;
    SSL_get_peer_signature_nid(ssl, &hash);
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr) return;
    *signature = signature_name(type, X509_get0_pubkey(certificate));
  }
  *digest = digest_name(hash);
}

std::string entry_text(X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return {};
  unsigned char* utf8 = nullptr;
  const int bytes =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (bytes < 0) return {};
  std::string text;
  text::append_printable(text, {reinterpret_cast<const char*>(utf8), static_cast<size_t>(bytes)});
  OPENSSL_free(utf8);
  return text;
}

/// The name that people know a certificate's owner by.
std::string short_name(X509_NAME* name) {
  std::string text = entry_text(name, NID_commonName);
  return text.empty() ? entry_text(name, NID_organizationName) : text;
}

TlsFlaw flaw_of(long result) noexcept {
  switch (result) {
    case X509_V_OK:
      return TlsFlaw::kNone;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsFlaw::kExpired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return TlsFlaw::kWrongName;
    default:
      return TlsFlaw::kUntrusted;
  }
}

}  // namespace

TlsFacts TlsEngine::facts() const {
  TlsFacts facts;
  facts.protocol = SSL_get_version(ssl_);
  facts.cipher = SSL_get_cipher_name(ssl_);
  facts.cipher_bits_used = SSL_get_cipher_bits(ssl_, &facts.cipher_bits);
  facts.resumed = SSL_session_reused(ssl_) == 1;
  if (const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name); name != nullptr) {
    text::append_printable(facts.server_name, name);
  }
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (SSL_version(ssl_) == TLS1_3_VERSION) {
    facts.key_exchange = key_exchange(ssl_);
    if (!facts.resumed) {
      const bool is_server = server_ != nullptr;
      fill_signature(ssl_, is_server, &facts.server_signature, &facts.server_digest);
      if (certificate != nullptr || !is_server) {
        fill_signature(ssl_, !is_server, &facts.client_signature, &facts.client_digest);
      }
    }
  }
  facts.peer_asked =
      server_ == nullptr || server_->client_certificate() != TlsClientCertificate::kIgnore;
  if (certificate == nullptr) return facts;
  const evp_md_st* digest =
      server_ != nullptr ? server_->fingerprint_digest() : client_->fingerprint_digest();
  facts.peer_presented = true;
  facts.peer_name = short_name(X509_get_subject_name(certificate));
  facts.peer_issuer = short_name(X509_get_issuer_name(certificate));
  facts.certificate_fingerprint = net::certificate_fingerprint(certificate, digest);
  facts.key_fingerprint = net::key_fingerprint(certificate, digest);
  const long result = SSL_get_verify_result(ssl_);
  facts.peer_trusted = result == X509_V_OK;
  if (!facts.peer_trusted) {
    facts.peer_problem = X509_verify_cert_error_string(result);
    facts.peer_flaw = flaw_of(result);
  }
  if (server_ != nullptr) {
    facts.peer_matched = facts.peer_trusted;  // a client has no name to be checked
  } else {
    client_->judge(ssl_, *peer_, &facts);
  }
  return facts;
}

}  // namespace barid::net
