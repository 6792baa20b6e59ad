// What a client needs to speak TLS, and how it judges the server's certificate.
// Source: RFC 8446, RFC 6125 (names), RFC 7671 and 7672 (DANE); postconf(5): smtp_tls_*.
// Layer:  shard/net. Made while a configuration is loaded; shard-owned, with a bounded memory of
//         sessions to resume.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "shard/net/tls_authorities.h"
#include "shard/net/tls_facts.h"
#include "shard/net/tls_identity.h"
#include "shard/net/tls_names.h"
#include "shard/net/tls_protocols.h"

struct evp_md_st;       // OpenSSL's EVP_MD
struct ssl_ctx_st;      // OpenSSL's SSL_CTX
struct ssl_session_st;  // OpenSSL's SSL_SESSION
struct ssl_st;          // OpenSSL's SSL

namespace barid::net {

struct TlsClientOptions {
  TlsIdentity identity;  ///< shown when the server asks; may be empty
  TlsVersions versions;
  std::string cipher_parameter;
  std::string ciphers;
  TlsAuthorities authorities;
  int verify_depth = 9;
  std::string digest_parameter;
  std::string fingerprint_digest = "sha256";
  Wildcards wildcards = Wildcards::kManyLabels;
  /// For how long after a server has shown its certificate sessions with it are resumed; 0: none.
  Duration session_lifetime = std::chrono::hours(1);
};

/// How a server proves that it is the right one.
enum class TlsProof : uint8_t {
  kNone,         ///< it need not
  kAuthority,    ///< by a chain to an authority that we trust, and one of `names`
  kFingerprint,  ///< by one of `fingerprints`
  kDane,         ///< by one of `tlsa`
};

struct TlsaData {
  uint8_t usage = 0;
  uint8_t selector = 0;
  uint8_t matching_type = 0;
  std::string data;
};

/// One server, and what it must prove.
struct TlsClientPeer {
  std::string server_name;  ///< SNI; empty = none is sent
  TlsProof proof = TlsProof::kNone;
  std::vector<std::string> names;         ///< see names_match()
  std::vector<std::string> fingerprints;  ///< "AB:CD:…", of the certificate or its key
  /// kDane: usages 2 and 3. kAuthority: the anchors that are trusted instead of the context's.
  std::vector<TlsaData> tlsa;
  std::optional<TlsVersions> versions;  ///< instead of the context's
  std::string ciphers;                  ///< likewise; empty = the context's
  bool lenient = false;                 ///< weak keys and signatures are better than no encryption
  std::string session_key;              ///< sessions of equal keys are resumed; empty = none
};

class TlsClientContext {
 public:
  static constexpr size_t kSessionsMax = 1000;

  /// Null, with `error` set, if something cannot be used.
  [[nodiscard]] static std::unique_ptr<const TlsClientContext> create(
      const TlsClientOptions& options, std::string* error, std::vector<std::string>* warnings);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  [[nodiscard]] ssl_ctx_st* ssl_context() const noexcept { return context_; }
  [[nodiscard]] const evp_md_st* fingerprint_digest() const noexcept { return digest_; }
  /// Makes a new connection ready for `peer`. False: out of memory, or no TLSA record is usable.
  /// `proven`: when the server of the session that is offered, if any, showed its certificate.
  [[nodiscard]] bool prepare(ssl_st* ssl, const TlsClientPeer& peer, WallTime now,
                             WallTime* proven) const;
  /// After the handshake: fills in whether the certificate is trusted and the right one.
  void judge(ssl_st* ssl, const TlsClientPeer& peer, TlsFacts* facts) const;
  /// Keeps a session, which then belongs to the context.
  void remember(const std::string& key, ssl_session_st* session, WallTime proven) const;

 private:
  TlsClientContext() = default;
  [[nodiscard]] std::string set_up(const TlsClientOptions& options,
                                   std::vector<std::string>* warnings);

  ssl_ctx_st* context_ = nullptr;
  const evp_md_st* digest_ = nullptr;
  Wildcards wildcards_ = Wildcards::kManyLabels;
  struct Kept {
    ssl_session_st* session = nullptr;
    WallTime proven{};
  };
  Duration session_lifetime_{};
  mutable std::map<std::string, Kept> sessions_;
};

}  // namespace barid::net
