// Whom a TLS context trusts: certificates of authorities, read as a whole while a configuration is
// loaded, so that no handshake touches the disk. Contexts with the same authorities share them.
// Source: postconf(5): smtp_tls_CAfile, smtp_tls_CApath, tls_append_default_CA.
// Layer:  shard/net. Reads files; any thread.
#pragma once

#include <string>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace barid::net {

struct TlsAuthorities {
  std::string file_parameter;
  std::string file;  ///< PEM; empty = none
  std::string directory_parameter;
  std::string directory;  ///< of files named by hash, as `openssl rehash` does; empty = none
  bool system = false;    ///< those of the system too: what of it cannot be read is left out
};

/// Files of one directory that are read.
inline constexpr size_t kAuthorityFilesMax = 10'000;

/// Makes the context trust them, and nobody else. Returns what is wrong, with parameter and file,
/// else nothing. `identity` (may be null) gets a text that is equal for equal files.
[[nodiscard]] std::string trust_authorities(ssl_ctx_st* context, const TlsAuthorities& authorities,
                                            std::vector<std::string>* warnings,
                                            std::string* identity = nullptr);

}  // namespace barid::net
