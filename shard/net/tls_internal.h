// What both sides of TLS share. Internal to shard/net/tls_*.cc. Layer: shard/net.
#pragma once

#include <string>

#include "shard/net/tls_protocols.h"

struct evp_md_st;    // OpenSSL's EVP_MD
struct evp_pkey_st;  // OpenSSL's EVP_PKEY
struct ssl_ctx_st;   // OpenSSL's SSL_CTX
struct ssl_st;       // OpenSSL's SSL
struct x509_st;      // OpenSSL's X509

namespace barid::net {

/// Versions, small idle memory, and nothing that is known to be harmful.
void set_common(ssl_ctx_st* context, const TlsVersions& versions);

/// The same for one connection, instead of its context's.
void set_versions(ssl_st* ssl, const TlsVersions& versions);

/// The oldest error of this thread's OpenSSL, in words; the rest is dropped.
[[nodiscard]] std::string library_reason();

/// "AB:CD:…"
[[nodiscard]] std::string certificate_fingerprint(const x509_st* certificate,
                                                  const evp_md_st* digest);
[[nodiscard]] std::string key_fingerprint(x509_st* certificate, const evp_md_st* digest);

}  // namespace barid::net
