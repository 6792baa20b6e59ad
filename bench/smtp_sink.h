// An SMTP server that takes everything at wire speed, counts it, checks it, and misbehaves on
// request. Its event loop is its own (plain epoll), so that a measured server never shares code
// with what measures it.
// Layer: bench. The object belongs to one thread and starts worker threads of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/endpoint.h"
#include "bench/sequence_tracker.h"
#include "bench/sink_faults.h"
#include "bench/sink_session.h"
#include "core/base/result.h"
#include "shard/net/tls_server_context.h"
#include "shard/net/tls_tickets.h"

namespace barid::bench {

struct SinkOptions {
  std::vector<Endpoint> listen;
  uint32_t thread_count = 1;
  SinkExtensions extensions;   ///< starttls needs tls_chain_file
  std::string tls_chain_file;  ///< private key, certificate, intermediates
  bool tls_implicit = false;   ///< TLS before the greeting
  FaultScript faults;
  uint64_t seed = 1;
  uint32_t connections_max = 20'000;
  uint32_t bytes_per_read = 0;  ///< 0: no limit
  Duration read_pause{};        ///< after each read, when bytes_per_read is set
  Duration idle_timeout = std::chrono::seconds(300);
  uint64_t message_count_stop = 0;  ///< done_fd() becomes readable then; 0: never
  bool loopback_only = false;
  std::string ledger_path;
  bool ledger_sync = false;
};

struct SinkReport {
  SinkCounts counts;
  SequenceTracker::Totals sequence;
  uint64_t ledger_failures = 0;
  double cpu_seconds = 0;
  /// Between the first and the last message; 0 with fewer than two.
  double seconds = 0;
  double messages_per_second = 0;
  uint64_t tls_sessions = 0;  ///< handshakes that ended well,
  uint64_t tls_resumed = 0;   ///< of those, without a new key exchange
};

class SmtpSink {
 public:
  /// Binds every address and starts the threads. Errors: listening, ledger.
  [[nodiscard]] static Result<std::unique_ptr<SmtpSink>> start(const SinkOptions& options);
  ~SmtpSink();  ///< stops the threads and closes everything
  SmtpSink(const SmtpSink&) = delete;
  SmtpSink& operator=(const SmtpSink&) = delete;

  /// Bound addresses, in the order of SinkOptions::listen, with real port numbers.
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
  /// Messages taken so far; cheap, from any thread.
  [[nodiscard]] uint64_t message_count() const noexcept;
  /// Connections that are open now; cheap, from any thread.
  [[nodiscard]] uint32_t connection_count() const noexcept {
    return shared_.connections_open.load(std::memory_order_relaxed);
  }
  /// Readable once message_count_stop messages were taken.
  [[nodiscard]] int done_fd() const noexcept { return shared_.done_fd; }
  [[nodiscard]] SinkReport report() const;

  /// What the worker threads share.
  struct Shared {
    SinkOptions options;
    std::unique_ptr<const net::TlsServerContext> tls;  ///< null: there is none
    net::TlsTicketKeys tickets;
    std::atomic<uint64_t> messages{0};
    std::atomic<uint32_t> connections_open{0};
    int stop_fd = -1;
    int done_fd = -1;
  };

 private:
  class Worker;
  SmtpSink();
  [[nodiscard]] Status open_workers(const SinkOptions& options);
  [[nodiscard]] Status open_tls();

  Shared shared_;
  std::vector<Endpoint> endpoints_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace barid::bench
