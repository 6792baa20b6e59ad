#include "shard/net/tls_server_context.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>

#include "core/crypto/digest.h"
#include "core/lookup/split.h"
#include "core/text/ascii.h"
#include "shard/net/tls_engine.h"
#include "shard/net/tls_internal.h"
#include "shard/net/tls_tickets.h"

namespace barid::net {
namespace {

/// A certificate is looked at after the handshake: one that is not trusted is no reason to refuse
/// encryption.
int accept_any(int, X509_STORE_CTX*) { return 1; }

int seal_ticket(TlsEngine& engine, unsigned char* name, unsigned char* vector,
                EVP_CIPHER_CTX* cipher, const TlsTicketKey** key_out, TlsTicketKey* storage) {
  *storage = engine.tickets().sealing(engine.started());
  *key_out = storage;
  std::copy(storage->name.begin(), storage->name.end(), name);
  if (RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  return EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), storage->cipher_key.data(), vector,
                             nullptr) == 1
             ? 1
             : -1;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* vector, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) {
  TlsEngine& engine = TlsEngine::of(ssl);
  TlsTicketKey storage;
  const TlsTicketKey* key = nullptr;
  int result = 1;
  if (sealing == 1) {
    result = seal_ticket(engine, name, vector, cipher, &key, &storage);
    if (result < 0) return result;
  } else {
    const auto found = engine.tickets().opening(name, engine.started());
    if (!found) return 0;
    storage = found->key;
    key = &storage;
    if (EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), storage.cipher_key.data(), vector,
                            nullptr) != 1) {
      return -1;
    }
    // TLS 1.3 gives a new ticket with every handshake anyhow.
    result = found->renew || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
  }
  std::array<char, 7> digest = {"SHA256"};
  std::array<unsigned char, 32> mac_key = key->mac_key;
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key.data(), mac_key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 ? result : -1;
}

int on_server_name(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const TlsServerContext* context = TlsEngine::of(ssl).server();
  if (name == nullptr || context == nullptr) return SSL_TLSEXT_ERR_OK;
  if (SSL_CTX* named = context->find_named(name); named != nullptr) SSL_set_SSL_CTX(ssl, named);
  return SSL_TLSEXT_ERR_OK;
}

/// Sessions are resumed only within the same scope.
void set_session_scope(SSL_CTX* context, std::string_view scope) {
  const std::string id = crypto::sha256({scope});
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
}

}  // namespace

std::unique_ptr<const TlsServerContext> TlsServerContext::create(
    const TlsServerOptions& options, std::string* error, std::vector<std::string>* warnings) {
  std::unique_ptr<TlsServerContext> context(new TlsServerContext());
  *error = context->set_up(options, warnings);
  if (!error->empty()) return nullptr;
  return context;
}

TlsServerContext::~TlsServerContext() {
  for (const auto& [name, context] : named_) SSL_CTX_free(context);
  SSL_CTX_free(context_);
}

std::string TlsServerContext::set_up(const TlsServerOptions& options,
                                     std::vector<std::string>* warnings) {
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_server_method());
  if (context_ == nullptr) return "out of memory";
  set_common(context_, options.versions);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  if (options.prefer_own_ciphers) SSL_CTX_set_options(context_, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (options.ticket_lifetime <= Duration::zero()) {
    SSL_CTX_set_options(context_, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context_, 0);
  } else {
    SSL_CTX_set_timeout(
        context_,
        static_cast<long>(
            std::chrono::duration_cast<std::chrono::seconds>(options.ticket_lifetime).count()));
    SSL_CTX_set_num_tickets(context_, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context_, on_ticket);
  }
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
  if (std::string problem = trust(options, warnings); !problem.empty()) return problem;
  set_session_scope(context_, session_scope_);
  return add_names(options, warnings);
}

std::string TlsServerContext::trust(const TlsServerOptions& options,
                                    std::vector<std::string>* warnings) {
  client_certificate_ = options.client_certificate;
  session_scope_ = options.name;
  if (client_certificate_ == TlsClientCertificate::kIgnore) return {};
  // Whether it came, and whether it is trusted, the session decides: it can say why it refuses.
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, accept_any);
  SSL_CTX_set_verify_depth(context_, options.verify_depth);
  std::string identity;
  std::string problem = trust_authorities(context_, options.authorities, warnings, &identity);
  // A session tells what its certificate was worth when it came: under other authorities it is
  // over.
  session_scope_ += fmt::format("\n{}\n{}", options.verify_depth, identity);
  const std::string& file = options.authorities.file;
  if (problem.empty() && !file.empty()) {
    SSL_CTX_set_client_CA_list(context_, SSL_load_client_CA_file(file.c_str()));
  }
  ERR_clear_error();
  return problem;
}

std::string TlsServerContext::add_names(const TlsServerOptions& options,
                                        std::vector<std::string>* warnings) {
  for (const lookup::TableEntry& entry : options.names) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    if (context == nullptr) return "out of memory";
    named_.emplace(entry.key, context);
    set_session_scope(context, session_scope_);
    TlsIdentity identity{.chain_parameter =
                             fmt::format("tls_server_sni_maps: {}: {}", entry.table, entry.key)};
    for (const std::string_view file : lookup::split_list(entry.value)) {
      identity.chain_files.emplace_back(file);
    }
    if (identity.empty()) return identity.chain_parameter + ": names no file";
    if (std::string problem = use_identity(context, identity, warnings); !problem.empty())
      return problem;
  }
  if (!named_.empty()) SSL_CTX_set_tlsext_servername_callback(context_, on_server_name);
  return {};
}

ssl_ctx_st* TlsServerContext::find_named(std::string_view server_name) const {
  std::string name;
  text::append_lower(name, server_name);
  for (std::string_view key = name; !key.empty();) {
    if (const auto found = named_.find(key); found != named_.end()) return found->second;
    const size_t dot = key.find('.', 1);
    if (dot == std::string_view::npos) break;
    key.remove_prefix(dot);
  }
  return nullptr;
}

}  // namespace barid::net
