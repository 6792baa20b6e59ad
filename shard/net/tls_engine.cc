#include "shard/net/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/assert.h"
#include "shard/net/tls_internal.h"
#include "shard/net/tls_server_context.h"

namespace barid::net {
namespace {

int engine_index() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// --- the wire as OpenSSL sees it: no buffer of its own, so that nothing is copied twice

int wire_write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  auto* engine = static_cast<TlsEngine*>(BIO_get_data(bio));
  engine->output().append(bytes, static_cast<size_t>(count));
  return count;
}

int wire_read(BIO* bio, char* to, int count) {
  BIO_clear_retry_flags(bio);
  std::string_view& input = static_cast<TlsEngine*>(BIO_get_data(bio))->input();
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t bytes = std::min(input.size(), static_cast<size_t>(count));
  std::memcpy(to, input.data(), bytes);
  input.remove_prefix(bytes);
  return static_cast<int>(bytes);
}

long wire_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int wire_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* make_wire_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
  BARID_ASSERT(method != nullptr);
  BIO_meth_set_write(method, wire_write);
  BIO_meth_set_read(method, wire_read);
  BIO_meth_set_ctrl(method, wire_control);
  BIO_meth_set_create(method, wire_create);
  return method;
}

}  // namespace

std::unique_ptr<TlsEngine> TlsEngine::accept(const TlsServerContext& context,
                                             TlsTicketKeys& tickets, WallTime now,
                                             std::string& output) {
  SSL* ssl = SSL_new(context.ssl_context());
  if (ssl == nullptr) return nullptr;
  std::unique_ptr<TlsEngine> engine(new TlsEngine(ssl, output));
  engine->server_ = &context;
  engine->tickets_ = &tickets;
  engine->started_ = now;
  if (!engine->attach()) return nullptr;
  SSL_set_accept_state(ssl);
  return engine;
}

std::unique_ptr<TlsEngine> TlsEngine::connect(const TlsClientContext& context, TlsClientPeer peer,
                                              WallTime now, std::string& output) {
  SSL* ssl = SSL_new(context.ssl_context());
  if (ssl == nullptr) return nullptr;
  std::unique_ptr<TlsEngine> engine(new TlsEngine(ssl, output));
  engine->client_ = &context;
  engine->peer_ = std::make_unique<const TlsClientPeer>(std::move(peer));
  engine->started_ = now;
  if (!engine->attach() || !context.prepare(ssl, *engine->peer_, now, &engine->session_proven_)) {
    return nullptr;
  }
  SSL_set_connect_state(ssl);
  engine->shake();
  return engine;
}

TlsEngine::~TlsEngine() {
  // A session that was not closed would be kept from being resumed.
  if (state_ == State::kOpen || state_ == State::kEnded) {
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  SSL_free(ssl_);
}

bool TlsEngine::attach() {
  static BIO_METHOD* const method = make_wire_method();
  BIO* bio = BIO_new(method);
  if (bio == nullptr || SSL_set_ex_data(ssl_, engine_index(), this) != 1) {
    BIO_free(bio);
    return false;
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  return true;
}

TlsEngine& TlsEngine::of(ssl_st* ssl) noexcept {
  return *static_cast<TlsEngine*>(SSL_get_ex_data(ssl, engine_index()));
}

void TlsEngine::fail(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  if (error == SSL_ERROR_ZERO_RETURN) {
    state_ = State::kEnded;
    return;
  }
  if (problem_.empty()) problem_ = library_reason();
  ERR_clear_error();
  state_ = State::kFailed;
}

/// True once the handshake is through.
bool TlsEngine::shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    state_ = State::kOpen;
    return true;
  }
  fail(result);
  return false;
}

size_t TlsEngine::read(char* to, size_t bytes_max) {
  if (state_ == State::kHandshake && !shake()) return 0;
  if (state_ != State::kOpen) return 0;
  ERR_clear_error();
  const int got = SSL_read(ssl_, to, static_cast<int>(bytes_max));
  if (got > 0) return static_cast<size_t>(got);
  fail(got);
  return 0;
}

void TlsEngine::write(std::string_view bytes) {
  BARID_ASSERT(bytes.size() <= kRecordBytesMax);
  if (bytes.empty() || (state_ != State::kOpen && state_ != State::kEnded)) return;
  ERR_clear_error();
  const int written = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  if (written != static_cast<int>(bytes.size())) fail(written);
}

void TlsEngine::close() {
  if (closed_ || (state_ != State::kOpen && state_ != State::kEnded)) return;
  closed_ = true;
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl_));  // appends the notice; the peer's is not waited for
  ERR_clear_error();
}

bool TlsEngine::resumed() const noexcept { return SSL_session_reused(ssl_) == 1; }

std::string TlsEngine::export_key(std::string_view label, size_t bytes) const {
  std::string key(bytes, '\0');
  const int done =
      SSL_export_keying_material(ssl_, reinterpret_cast<unsigned char*>(key.data()), key.size(),
                                 label.data(), label.size(), nullptr, 0, 0);
  return done == 1 ? key : std::string();
}

}  // namespace barid::net
