#include "shard/net/tls_client_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "shard/net/tls_engine.h"
#include "shard/net/tls_internal.h"

namespace barid::net {
namespace {

/// A ticket came. 1: the session is ours now. One that did not prove what it had to would keep
/// saying so after its server got a better certificate.
int on_session(SSL* ssl, SSL_SESSION* session) {
  const TlsEngine& engine = TlsEngine::of(ssl);
  const TlsClientPeer* peer = engine.client_peer();
  if (peer == nullptr || peer->session_key.empty()) return 0;
  if (peer->proof != TlsProof::kNone && !engine.facts().peer_verified()) return 0;
  engine.client()->remember(peer->session_key, session, engine.proven());
  return 1;
}

/// Whether one of the certificate's names is wanted. The common name counts only without others
/// (RFC 6125 6.4.4).
bool has_name(X509* certificate, const std::vector<std::string>& wanted, Wildcards wildcards) {
  const auto matches = [&](const ASN1_STRING* name) {
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                                static_cast<size_t>(ASN1_STRING_length(name)));
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const std::string& one) { return names_match(text, one, wildcards); });
  };
  bool found = false;
  bool any = false;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names, i);
    if (one->type != GEN_DNS) continue;
    any = true;
    found = matches(one->d.dNSName);
  }
  GENERAL_NAMES_free(names);
  if (any) return found;
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return index >= 0 && matches(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
}

/// TLSA records, or trust anchors in their form. Names of the latter are judge()'s business, since
/// it knows what wildcards may stand for.
bool use_records(SSL* ssl, const TlsClientPeer& peer, bool anchored) {
  // Also sends the name; usage 2 checks it and the others of `names`, usage 3 needs none.
  if (SSL_dane_enable(ssl, anchored ? nullptr : peer.server_name.c_str()) <= 0) return false;
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  if (!anchored) {
    for (const std::string& name : peer.names) {
      if (SSL_add1_host(ssl, name.c_str()) != 1) return false;
    }
  }
  bool any = false;
  for (const TlsaData& record : peer.tlsa) {
    any |= SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching_type,
                             reinterpret_cast<const unsigned char*>(record.data.data()),
                             record.data.size()) > 0;
  }
  ERR_clear_error();
  return any;
}

}  // namespace

std::unique_ptr<const TlsClientContext> TlsClientContext::create(
    const TlsClientOptions& options, std::string* error, std::vector<std::string>* warnings) {
  std::unique_ptr<TlsClientContext> context(new TlsClientContext());
  *error = context->set_up(options, warnings);
  if (!error->empty()) return nullptr;
  return context;
}

TlsClientContext::~TlsClientContext() {
  for (const auto& [key, kept] : sessions_) SSL_SESSION_free(kept.session);
  SSL_CTX_free(context_);
}

std::string TlsClientContext::set_up(const TlsClientOptions& options,
                                     std::vector<std::string>* warnings) {
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_client_method());
  if (context_ == nullptr || SSL_CTX_dane_enable(context_) <= 0) return "out of memory";
  wildcards_ = options.wildcards;
  set_common(context_, options.versions);
  SSL_CTX_set_options(context_, SSL_OP_LEGACY_SERVER_CONNECT);
  session_lifetime_ = options.session_lifetime;
  if (session_lifetime_ > Duration::zero()) {
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_, on_session);
  } else {
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  }
  // The session decides what a certificate is worth: the handshake always ends.
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_verify_depth(context_, options.verify_depth);
  if (SSL_CTX_set_cipher_list(context_, options.ciphers.c_str()) != 1) {
    ERR_clear_error();
    return fmt::format("{}: no cipher of \"{}\" is known", options.cipher_parameter,
                       options.ciphers);
  }
  digest_ = EVP_get_digestbyname(options.fingerprint_digest.c_str());
  if (digest_ == nullptr) {
    return fmt::format("{}: unknown digest \"{}\"", options.digest_parameter,
                       options.fingerprint_digest);
  }
  if (std::string problem = use_identity(context_, options.identity, warnings); !problem.empty())
    return problem;
  return trust_authorities(context_, options.authorities, warnings);
}

bool TlsClientContext::prepare(ssl_st* ssl, const TlsClientPeer& peer, WallTime now,
                               WallTime* proven) const {
  if (peer.lenient) SSL_set_security_level(ssl, 0);
  if (peer.versions) set_versions(ssl, *peer.versions);
  if (!peer.ciphers.empty() && SSL_set_cipher_list(ssl, peer.ciphers.c_str()) != 1) {
    ERR_clear_error();
    return false;
  }
  const bool anchored = peer.proof == TlsProof::kAuthority && !peer.tlsa.empty();
  if (peer.proof == TlsProof::kDane || anchored) {
    if (!use_records(ssl, peer, anchored)) return false;
  }
  if (peer.proof != TlsProof::kDane && !peer.server_name.empty() &&
      SSL_set_tlsext_host_name(ssl, peer.server_name.c_str()) != 1) {
    return false;
  }
  if (const auto found = sessions_.find(peer.session_key); found != sessions_.end()) {
    // A resumed session shows no certificate, and each brings the next ticket: what was proven once
    // would hold for ever, whatever became of the certificate.
    const Duration age = now - found->second.proven;
    if (age >= Duration::zero() && age < session_lifetime_) {
      SSL_set_session(ssl, found->second.session);
      *proven = found->second.proven;
    }
    // Used once: a ticket that is used twice lets others link the connections (RFC 8446 C.4).
    SSL_SESSION_free(found->second.session);
    sessions_.erase(found);
  }
  return true;
}

void TlsClientContext::judge(ssl_st* ssl, const TlsClientPeer& peer, TlsFacts* facts) const {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  switch (peer.proof) {
    case TlsProof::kNone:
      break;
    case TlsProof::kAuthority:
      facts->peer_matched = has_name(certificate, peer.names, wildcards_);
      if (!facts->peer_matched && facts->peer_trusted) {
        facts->peer_problem = "no name of the certificate is the wanted one";
        facts->peer_flaw = TlsFlaw::kWrongName;
      }
      break;
    case TlsProof::kFingerprint:
      facts->peer_matched = std::any_of(
          peer.fingerprints.begin(), peer.fingerprints.end(), [&](const std::string& wanted) {
            return text::equals_ignore_case(wanted, facts->certificate_fingerprint) ||
                   text::equals_ignore_case(wanted, facts->key_fingerprint);
          });
      facts->peer_trusted = facts->peer_matched;
      facts->peer_problem =
          facts->peer_matched ? std::string() : "the fingerprint is not a wanted one";
      break;
    case TlsProof::kDane:
      facts->by_dane = true;
      facts->peer_matched = facts->peer_trusted;
      break;
  }
}

void TlsClientContext::remember(const std::string& key, ssl_session_st* session,
                                WallTime proven) const {
  if (sessions_.size() >= kSessionsMax && !sessions_.contains(key)) {
    SSL_SESSION_free(sessions_.begin()->second.session);
    sessions_.erase(sessions_.begin());
  }
  Kept& place = sessions_[key];
  SSL_SESSION_free(place.session);
  place = {.session = session, .proven = proven};
}

}  // namespace barid::net
