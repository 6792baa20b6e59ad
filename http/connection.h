// One HTTP connection: the coroutine that feeds the reader, calls the handler and writes what it
// says; request after request until one side has enough.
// Source: RFC 9112 9 (persistence, pipelining, 9.6: closing), RFC 9110 10.1.1 (100-continue).
// Layer:  http. Shard-owned.
#pragma once

#include <memory>
#include <string>

#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "http/exchange.h"
#include "http/inflater.h"
#include "http/request_reader.h"
#include "http/router.h"
#include "shard/net/stream.h"
#include "shard/net/tls_server_context.h"
#include "shard/net/tls_tickets.h"
#include "shard/runtime/scope.h"

namespace barid::http {

/// The TLS of a listener.
struct ServiceTls {
  std::unique_ptr<const net::TlsServerContext> context;
  Duration timeout = std::chrono::seconds(300);  ///< smtpd_starttls_timeout
  uint32_t handshakes_max = 1000;                ///< smtpd_tls_handshake_limit: of one shard
};

/// What one listener is configured to do; sessions keep it until they end.
struct ServiceSettings {
  std::string syslog_name;                           ///< of this service; empty = the default
  uint64_t body_bytes_max = 40u << 20;               ///< http_body_limit, also of an inflated body
  Duration timeout = std::chrono::seconds(30);       ///< http_timeout: a head, a pause in a body
  Duration idle_timeout = std::chrono::seconds(60);  ///< http_idle_timeout: between requests
  uint32_t connections_max = 1000;                   ///< http_connection_limit, of one shard
  uint64_t bodies_bytes_max = 256u << 20;            ///< bodies being received on one shard
  std::shared_ptr<const ServiceTls> tls = {};        ///< null: HTTP in clear
  Duration proxy_timeout{};  ///< smtpd_upstream_proxy_timeout; 0 = no PROXY header is expected
};

/// What a connection needs from its shard. All outlive it.
struct ServiceEnv {
  rt::Reactor& reactor;
  Log& log;
  Counters& counters;
  rt::StopSource& stop;
  net::TlsTicketKeys& tickets;
  uint32_t& handshakes_count;  ///< of TLS, under way on this shard
};

/// Bytes of bodies under way on one service, so that many large ones cannot fill the memory.
struct BodyBudget {
  uint64_t bytes_used = 0;
};

class Connection final : private rt::StopCallback, private BodySink {
 public:
  Connection(const ServiceEnv& env, const ServiceSettings& settings, const Router& router,
             BodyBudget& budget, net::Stream stream, uint32_t log_pid);
  ~Connection();

  /// The whole connection. The stream is closed when the object goes.
  rt::Task<void> run();

 private:
  enum class BodyProblem : uint8_t { kNone, kTooLarge, kNoMemory, kMalformed };
  /// Decoded bytes of the body, counted and kept.
  class Store final : public BodySink {
   public:
    explicit Store(Connection& owner) : owner_(owner) {}
    bool on_body(std::string_view bytes) override { return owner_.keep_body(bytes); }

   private:
    Connection& owner_;
  };

  void on_stop() override;
  bool on_body(std::string_view bytes) override;
  bool keep_body(std::string_view bytes);
  rt::Task<bool> start_tls();
  rt::Task<bool> read_more();
  rt::Task<bool> serve_one();
  rt::Task<bool> receive_body();
  rt::Task<bool> refuse(ApiError error);
  rt::Task<bool> refuse_body();
  rt::Task<void> drop_rest();
  rt::Task<bool> dispatch();
  void start_request();
  void release_body();
  const ApiError* large_body_problem();
  [[nodiscard]] const ApiError* head_problem();
  [[nodiscard]] MonoTime body_deadline() const noexcept;
  void log_request(uint16_t status, uint64_t answer_bytes);

  ServiceEnv env_;
  ServiceSettings settings_;
  const Router& router_;
  BodyBudget& budget_;
  net::Stream stream_;
  uint32_t log_pid_;
  RequestReader reader_;
  Store store_;
  std::unique_ptr<Inflater> inflater_;
  ContentRef body_;
  uint64_t body_bytes_ = 0;      // after decoding: what is counted in the budget
  uint64_t received_bytes_ = 0;  // of this body, as sent
  BodyProblem body_problem_ = BodyProblem::kNone;
  ApiError problem_;
  MonoTime started_{};
  bool in_request_ = false;
  bool unread_ = false;  // the client may still be sending the body of a request that is refused
  bool stopping_ = false;
};

}  // namespace barid::http
