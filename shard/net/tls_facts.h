// What a TLS handshake agreed on, as logs, headers and restrictions need it.
// Source: RFC 8446 and RFC 5246 (names as OpenSSL says them); Postfix's log words.
// Layer:  shard/net, plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::net {

/// Why a certificate does not prove what it should, for reports (RFC 8460 4.3.1).
enum class TlsFlaw : uint8_t { kNone, kExpired, kWrongName, kUntrusted };

struct TlsFacts {
  std::string protocol;          ///< "TLSv1.3"
  std::string cipher;            ///< "TLS_AES_256_GCM_SHA384"
  int cipher_bits_used = 0;      ///< of the key in use,
  int cipher_bits = 0;           ///< and of the algorithm
  std::string key_exchange;      ///< "X25519"; empty where TLS 1.2 names it in the cipher
  std::string server_signature;  ///< "RSA-PSS (2048 bits)"; empty for a resumed session
  std::string server_digest;     ///< "SHA256"; empty if the signature has none of its own
  std::string client_signature;  ///< likewise, if the client sent a certificate
  std::string client_digest;
  std::string server_name;  ///< SNI: asked for by us, or by the client
  bool resumed = false;     ///< by a ticket: no certificate was exchanged now

  bool peer_asked = false;      ///< a certificate was asked for (servers always show theirs)
  bool peer_presented = false;  ///< it came
  bool peer_trusted = false;    ///< its chain ends at an authority we trust, or at a DANE record
  bool peer_matched = false;    ///< and it is for the name (or fingerprint) that was wanted
  bool by_dane = false;         ///< that was decided by a TLSA record
  std::string peer_problem;     ///< why it is not trusted, in OpenSSL's words
  TlsFlaw peer_flaw = TlsFlaw::kNone;   ///< the same as a kind; kNone also if nothing was wanted
  std::string peer_name;                ///< common name of the subject,
  std::string peer_issuer;              ///< and of the issuer
  std::string certificate_fingerprint;  ///< "AB:CD:…" with the configured digest,
  std::string key_fingerprint;          ///< of the certificate and of its public key

  [[nodiscard]] bool peer_verified() const noexcept { return peer_trusted && peer_matched; }
};

/// "TLSv1.3 with cipher X (256/256 bits) key-exchange X25519 server-signature …", as Postfix logs.
[[nodiscard]] std::string tls_summary(const TlsFacts& facts);

/// "Anonymous", "Untrusted", "Trusted" or "Verified": the first word of Postfix's log line.
[[nodiscard]] std::string_view trust_word(const TlsFacts& facts) noexcept;

}  // namespace barid::net
