// What a listener needs to speak TLS: certificates, versions, ciphers, whom it asks for a
// certificate. An immutable snapshot; connections that use it keep it alive.
// Source: RFC 8446, RFC 6066 3 (server names), RFC 5077 (tickets); postconf(5): smtpd_tls_*.
// Layer:  shard/net. Made while a configuration is loaded; used on one shard.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/lookup/table_list.h"
#include "shard/net/tls_authorities.h"
#include "shard/net/tls_facts.h"
#include "shard/net/tls_identity.h"
#include "shard/net/tls_protocols.h"

struct evp_md_st;   // OpenSSL's EVP_MD
struct ssl_ctx_st;  // OpenSSL's SSL_CTX
struct ssl_st;      // OpenSSL's SSL

namespace barid::net {

enum class TlsClientCertificate : uint8_t { kIgnore, kAsk, kRequire };

struct TlsServerOptions {
  std::string name;  ///< of the service: a ticket of one is worth nothing at another
  TlsIdentity identity;
  TlsVersions versions;
  std::string cipher_parameter;  ///< named in errors
  std::string ciphers;           ///< OpenSSL's syntax; not for TLS 1.3
  bool prefer_own_ciphers = false;
  TlsClientCertificate client_certificate = TlsClientCertificate::kIgnore;
  TlsAuthorities authorities;  ///< of client certificates
  int verify_depth = 9;
  std::string digest_parameter;
  std::string fingerprint_digest = "sha256";
  Duration ticket_lifetime = std::chrono::hours(1);  ///< 0: no tickets
  /// tls_server_sni_maps: a server name, or ".parent", to files as in chain_files.
  std::vector<lookup::TableEntry> names;
};

class TlsServerContext {
 public:
  /// Null, with `error` set, if something cannot be used.
  [[nodiscard]] static std::unique_ptr<const TlsServerContext> create(
      const TlsServerOptions& options, std::string* error, std::vector<std::string>* warnings);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  [[nodiscard]] ssl_ctx_st* ssl_context() const noexcept { return context_; }
  [[nodiscard]] TlsClientCertificate client_certificate() const noexcept {
    return client_certificate_;
  }
  [[nodiscard]] const evp_md_st* fingerprint_digest() const noexcept { return digest_; }
  /// The context with the certificate for a server name; null: the general one.
  [[nodiscard]] ssl_ctx_st* find_named(std::string_view server_name) const;

 private:
  TlsServerContext() = default;
  [[nodiscard]] std::string set_up(const TlsServerOptions& options,
                                   std::vector<std::string>* warnings);
  [[nodiscard]] std::string trust(const TlsServerOptions& options,
                                  std::vector<std::string>* warnings);
  [[nodiscard]] std::string add_names(const TlsServerOptions& options,
                                      std::vector<std::string>* warnings);

  ssl_ctx_st* context_ = nullptr;
  const evp_md_st* digest_ = nullptr;
  TlsClientCertificate client_certificate_ = TlsClientCertificate::kIgnore;
  std::string session_scope_;  ///< what a session to be resumed must have in common
  std::map<std::string, ssl_ctx_st*, std::less<>> named_;
};

}  // namespace barid::net
