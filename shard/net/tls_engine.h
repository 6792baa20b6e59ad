// One TLS connection without a socket: ciphertext and plaintext in, plaintext and ciphertext out.
// The Stream that owns it moves the bytes (shard/net/stream.h).
// Source: RFC 8446, RFC 5246, by OpenSSL.
// Layer:  shard/net. Shard-owned. Never waits, does no I/O; a handshake costs the CPU what its
//         signatures cost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "shard/net/tls_client_context.h"
#include "shard/net/tls_facts.h"

struct ssl_st;  // OpenSSL's SSL

namespace barid::net {

class TlsServerContext;
class TlsTicketKeys;

class TlsEngine {
 public:
  /// Plaintext of one record at most.
  static constexpr size_t kRecordBytesMax = 16 * 1024;

  enum class State : uint8_t {
    kHandshake,  ///< not through yet
    kOpen,       ///< plaintext flows
    kEnded,      ///< the peer said that it sends no more
    kFailed,     ///< no more is possible; problem() says why
  };

  /// Waits for a client's handshake. Context and keys outlive the engine. Null: out of memory.
  [[nodiscard]] static std::unique_ptr<TlsEngine> accept(const TlsServerContext& context,
                                                         TlsTicketKeys& tickets, WallTime now,
                                                         std::string& output);
  /// Starts a handshake towards `peer`. The context outlives the engine, and so does `output`,
  /// where the bytes for the wire are appended. Null: out of memory, or nothing of `peer` can be
  /// proven.
  [[nodiscard]] static std::unique_ptr<TlsEngine> connect(const TlsClientContext& context,
                                                          TlsClientPeer peer, WallTime now,
                                                          std::string& output);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Why it failed, in words; empty while it has not.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  /// Bytes from the wire. They stay valid until read() returned 0.
  void set_input(std::string_view bytes) noexcept { input_ = bytes; }
  /// Uses input, drives the handshake, writes plaintext to `to`. Returns how many bytes that were;
  /// 0: all input is used, or nothing more will come. May append to the output.
  [[nodiscard]] size_t read(char* to, size_t bytes_max);

  /// Appends the records of `bytes`, at most kRecordBytesMax, to the output. Only in kOpen; after a
  /// failure nothing is appended.
  void write(std::string_view bytes);
  /// Appends the notice that no more will be sent. Once.
  void close();

  /// After the handshake: no new key exchange was needed.
  [[nodiscard]] bool resumed() const noexcept;
  /// After the handshake. Computed now: keep it, if it is needed twice.
  [[nodiscard]] TlsFacts facts() const;
  /// Keying material of this connection alone (RFC 5705, RFC 9266 with "EXPORTER-Channel-Binding").
  [[nodiscard]] std::string export_key(std::string_view label, size_t bytes) const;

  // --- for this folder's callbacks
  [[nodiscard]] const TlsServerContext* server() const noexcept { return server_; }
  [[nodiscard]] const TlsClientContext* client() const noexcept { return client_; }
  [[nodiscard]] const TlsClientPeer* client_peer() const noexcept { return peer_.get(); }
  [[nodiscard]] TlsTicketKeys& tickets() const noexcept { return *tickets_; }
  [[nodiscard]] WallTime started() const noexcept { return started_; }
  /// As a client: when the server showed its certificate, now or in the session that was resumed.
  [[nodiscard]] WallTime proven() const noexcept { return resumed() ? session_proven_ : started_; }
  [[nodiscard]] static TlsEngine& of(ssl_st* ssl) noexcept;
  void note(std::string problem) { problem_ = std::move(problem); }
  [[nodiscard]] std::string_view& input() noexcept { return input_; }
  [[nodiscard]] std::string& output() noexcept { return output_; }

 private:
  TlsEngine(ssl_st* ssl, std::string& output) : ssl_(ssl), output_(output) {}
  [[nodiscard]] bool attach();
  bool shake();
  void fail(int result);

  ssl_st* ssl_;
  std::string& output_;
  std::string_view input_;
  const TlsServerContext* server_ = nullptr;
  const TlsClientContext* client_ = nullptr;
  std::unique_ptr<const TlsClientPeer> peer_;
  TlsTicketKeys* tickets_ = nullptr;
  WallTime started_{};
  WallTime session_proven_{};  ///< of the session that was offered
  State state_ = State::kHandshake;
  bool closed_ = false;
  std::string problem_;
};

}  // namespace barid::net
