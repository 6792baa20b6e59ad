// Certificates and private keys from PEM files, given to a TLS context.
// Source: RFC 7468 (PEM); postconf(5): smtpd_tls_chain_files and its kin.
// Layer:  shard/net. Reads files: while a configuration is loaded, or once for a server name.
#pragma once

#include <string>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace barid::net {

/// A certificate with its intermediates, and its key. Errors name the parameters.
struct TlsKeyPair {
  std::string certificate_parameter;  ///< e.g. "smtpd_tls_cert_file"
  std::string certificate_file;
  std::string key_parameter;
  std::string key_file;
};

struct TlsIdentity {
  std::string chain_parameter = {};           ///< e.g. "smtpd_tls_chain_files"
  std::vector<std::string> chain_files = {};  ///< key, certificate, intermediates; repeatedly
  std::vector<TlsKeyPair> pairs = {};         ///< not looked at if there are chain files

  [[nodiscard]] bool empty() const noexcept { return chain_files.empty() && pairs.empty(); }
};

/// Makes `context` show the identity: one certificate for each kind of key. Returns what is wrong
/// ("smtpd_tls_key_file: open /x: …"), else nothing; `warnings` hears of certificates out of date.
[[nodiscard]] std::string use_identity(ssl_ctx_st* context, const TlsIdentity& identity,
                                       std::vector<std::string>* warnings);

/// The files that the identity is read from.
[[nodiscard]] std::vector<std::string> identity_files(const TlsIdentity& identity);

}  // namespace barid::net
